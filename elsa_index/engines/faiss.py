"""FAISS engines: dense vectors of the codes; exhaustive (Flat, SQ8), by a graph (HNSW), by clusters (IVF-PQ)."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..codes.item_codes import ItemCodes
from ..codes.query_vector import QueryVector, Vector
from ..errors import DataError, StorageError
from ..forks import Unforkable
from ..storage.files import load_array
from ..storage.ids import Rows
from ..storage.ranges import check_shape
from .batching import Counter
from .contract import Answer, BuildPlan, Capabilities, Engine, Filter, Progress, Query, SearchPlan
from .top_k import best, in_sorted, kth_best

_FILE, _NORMS = "vectors.faiss", "vectors.norms.npy"
_BATCH = 256
_ADD_ROWS = 4096
_MOST_DIMS = 16_384  # 64 KB per item, as vectors are dense
_TRAINING_ROWS = 100_000  # of the quantisers
_FEW = 2000  # rows that a filter looks up by hashing; more are looked up in a bitmap of all

_FAISS = Unforkable("FAISS")  # its threads, and what its BLAS keeps of them


class _FaissEngine(Engine):
    """What they have in common: vectors live in FAISS's file and nowhere else; queries are made from them."""

    normalises: ClassVar[bool] = False
    """Whether vectors of unequal norm are kept with norm 1, and their norms beside them."""

    made_at_opening: ClassVar[int] = 0
    """Bytes of the largest array that FAISS makes beside those of its file."""

    def __init__(
        self, index: Any, dims: int, norms: npt.NDArray[np.float32] | None, largest_norm: float | None = None
    ) -> None:
        self._index, self._norms, self._largest_norm = index, norms, largest_norm
        self.items, self.dims, self.nonzeros = index.ntotal, dims, index.ntotal * dims

    @classmethod
    @abstractmethod
    def _new(cls, dims: int, items: int) -> Any:
        """An empty FAISS index for `items` vectors of `dims` dimensions."""

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        import faiss

        _FAISS.use()
        items, dims = codes.weights.shape
        norms = codes.norms if cls.normalises and not codes.is_unit_norm else None
        index = cls._new(dims, items)

        def vectors(chosen: Any) -> npt.NDArray[np.float32]:
            rows = codes.weights[chosen].toarray()
            if norms is not None:
                rows = rows / np.where(norms > 0, norms, 1)[chosen, None]
            return np.ascontiguousarray(rows, dtype=np.float32)

        if not index.is_trained:
            sample = np.random.default_rng(0).permutation(items)[:_TRAINING_ROWS]
            index.train(vectors(np.sort(sample)))
        counter = Counter(items, on_progress)
        for start in range(0, items, _ADD_ROWS):
            end = min(start + _ADD_ROWS, items)
            index.add(vectors(slice(start, end)))
            counter.add(end - start)
        try:
            faiss.write_index(index, str(directory / _FILE))
        except RuntimeError as error:
            raise OSError(f"FAISS could not write {_FILE}: {error}") from error
        if norms is not None:
            np.save(directory / _NORMS, norms.astype(np.float32))
        largest = float(np.max(codes.norms))
        return {"dims": dims, "store": "float32", "largest_norm": largest, "faiss": faiss.__version__}

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "_FaissEngine":
        import faiss

        try:
            _believe_at_most((directory / _FILE).stat().st_size + cls.made_at_opening)
            index = faiss.read_index(str(directory / _FILE), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise StorageError(f"{directory / _FILE} cannot be opened by FAISS: {error}") from None
        if hasattr(index, "invlists"):
            # Reading ahead takes 32 new threads a search, and the last ones keep a forked process from ending.
            faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0  # type: ignore[attr-defined]
        if index.d != parameters["dims"]:
            raise StorageError(f"{directory / _FILE} is damaged: vectors of {index.d:,} dimensions.")
        norms = load_array(directory / _NORMS) if (directory / _NORMS).exists() else None
        if norms is not None:
            check_shape(norms, (index.ntotal,), "f", f"The norms in {directory / _NORMS}")
        return cls(index, parameters["dims"], norms, parameters.get("largest_norm"))

    def stored_rows(self, rows: Rows) -> csr_array:
        return csr_array(self._vectors(rows))

    def _vectors(self, rows: Rows) -> npt.NDArray[np.float64]:
        """(rows, dims) float64."""
        if not len(rows):
            return np.zeros((0, self.dims))
        _FAISS.use()
        vectors: npt.NDArray[np.float64] = self._index.reconstruct_batch(rows).astype(np.float64)
        return vectors if self._norms is None else vectors * self._norms[rows, None]

    def query_vector(self, rows: Rows, weights: Vector) -> QueryVector:
        return QueryVector.from_dense(weights @ self._vectors(rows))

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        import faiss

        _FAISS.use()
        faiss.omp_set_num_threads(plan.threads)
        answers: list[Answer] = []
        counter = Counter(len(queries), on_progress)
        for start in range(0, len(queries), _BATCH):
            batch = queries[start : start + _BATCH]
            answers += self._search_batch(batch, plan)
            counter.add(len(batch))
        return answers

    def _search_batch(self, queries: Sequence[Query], plan: SearchPlan) -> list[Answer]:
        vectors = _in_float32(queries)
        wanted = [min(plan.k, query.left(self.items)) for query in queries]
        count = min(max(plan.k + len(query.seen) for query in queries), self.items)
        scores, rows = self._nearest(vectors, count, _selector(queries[0].only), plan.effort)
        if self._norms is not None:
            scores = scores * np.where(rows >= 0, self._norms[rows], 0)
        answers = []
        for place, query in enumerate(queries):
            fresh = (rows[place] >= 0) & ~in_sorted(rows[place], query.seen)
            found, values = best(rows[place][fresh], scores[place][fresh].astype(np.float64), wanted[place])
            if len(found) < wanted[place]:
                found, values = self._fill(query, wanted[place])
            answers.append(Answer(found, values, self.capabilities.exact, candidates=count))
        return answers

    @abstractmethod
    def _nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        """The `count` best of each vector or more: scores and rows, -1 for none. selector: FAISS's parameter `sel`."""

    def _fill(self, query: Query, wanted: int) -> tuple[Rows, npt.NDArray[np.float64]]:
        """A graph may reach fewer items than asked for while others are left: then all are scored."""
        rows = query.rows_left(self.items)
        vector = query.vector.to_dense()
        scores = np.concatenate(
            [(self._vectors(rows[at : at + _ADD_ROWS]) * vector).sum(axis=1) for at in range(0, len(rows), _ADD_ROWS)]
        )
        return best(rows, scores, wanted)


def _believe_at_most(size: int) -> None:
    """Lets FAISS make no array of more bytes than what it reads can account for, where it can be told so (1.13 on)."""
    import faiss

    for name in ("set_deserialization_vector_byte_limit", "set_deserialization_loop_limit"):
        if limit := getattr(faiss, name, None):
            limit(size)


def _in_float32(queries: Sequence[Query]) -> npt.NDArray[np.float32]:
    """(queries, dims). Raises DataError where that is not finite."""
    vectors = np.stack([query.vector.to_dense() for query in queries]).astype(np.float32)
    if not np.isfinite(vectors).all():
        raise DataError("A query vector is beyond the range of float32, which FAISS computes in.")
    return vectors


def _selector(only: Filter | None) -> dict[str, Any]:
    """FAISS's parameter for the rows that pass."""
    if only is None:
        return {}
    import faiss

    if only.count <= _FEW:
        return {"sel": faiss.IDSelectorBatch(only.rows)}
    return {"sel": faiss.IDSelectorBitmap(np.packbits(only.passing, bitorder="little"))}  # type: ignore


class _ExhaustiveEngine(_FaissEngine):
    """Scores every vector."""

    def _nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        import faiss

        return self._index.search(vectors, count, params=faiss.SearchParameters(**selector) if selector else None)


class FaissFlatEngine(_ExhaustiveEngine):
    """`IndexFlatIP`: exhaustive inner products in float32; what these cannot tell apart is scored again in float64."""

    name = "faiss-flat"
    capabilities = Capabilities(
        exact=True, cuts_queries=False, stores=("float32",), score_tolerance=1e-12, most_dims=_MOST_DIMS
    )
    spare = 16
    """Items that are asked for beyond those that are wanted, to see that none of them could be among the best."""

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        return faiss.IndexFlatIP(dims)

    def _search_batch(self, queries: Sequence[Query], plan: SearchPlan) -> list[Answer]:
        vectors, selector = _in_float32(queries), _selector(queries[0].only)
        answers: dict[int, Answer] = {}
        count = max(plan.k + len(query.seen) for query in queries) + self.spare
        while pending := [place for place in range(len(queries)) if place not in answers]:
            count = min(count, self.items)
            scores, rows = self._nearest(vectors[pending], count, selector, plan.effort)
            for place, values, found in zip(pending, scores, rows, strict=True):
                top = self._best(queries[place], found, values.astype(np.float64), plan.k)
                if top is not None:
                    answers[place] = Answer(*top, True, candidates=count)
            count *= 4
        return [answers[place] for place in range(len(queries))]

    def _best(self, query: Query, rows: Rows, scores: Vector, k: int) -> tuple[Rows, Vector] | None:
        """The best `k` left to a query, from the best by float32 arithmetic; None where others could be among them.

        Products of n numbers, added up in any order, are off by at most n · 2^-24 of their magnitudes' sum, which is at
        most the product of the norms.
        """
        is_all = len(rows) == self.items or rows[-1] < 0
        fresh = (rows >= 0) & ~in_sorted(rows, query.seen)
        wanted = min(k, query.left(self.items))
        if not wanted:
            return rows[:0], scores[:0]
        vector = query.vector.to_dense()
        margin = 2 * (self.dims + 2) * 2.0**-24 * self._norm * float(np.linalg.norm(vector))
        if np.count_nonzero(fresh) < wanted:
            return self._fill(query, wanted) if is_all else None
        least = kth_best(scores[fresh], wanted) - margin
        if not is_all and scores[-1] >= least:
            return None
        near = rows[fresh & (scores >= least)]
        # Not a product of BLAS, whose sums of equal rows differ by where the rows lie.
        return best(near, (self._vectors(near) * vector).sum(axis=1), wanted)

    @cached_property
    def _norm(self) -> float:
        """The largest of the items' norms."""
        if self._largest_norm is not None:
            return self._largest_norm
        parts = (np.arange(at, min(at + _ADD_ROWS, self.items)) for at in range(0, self.items, _ADD_ROWS))
        return max(float(np.max(np.linalg.norm(self._vectors(part), axis=1))) for part in parts)


class FaissSq8Engine(_ExhaustiveEngine):
    """`IndexScalarQuantizer`: exhaustive, on vectors of 8 bits per dimension."""

    name = "faiss-sq8"
    capabilities = Capabilities(
        exact=False, cuts_queries=False, stores=("float32",), score_tolerance=0.03, most_dims=_MOST_DIMS
    )

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        return faiss.IndexScalarQuantizer(dims, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)


class FaissHnswEngine(_FaissEngine):
    """`IndexHNSWFlat`: approximate. Compare it with Flat on the same codes. effort: efSearch.

    A graph over inner products falls apart when norms differ, so vectors have norm 1 in it; all efSearch of them that
    it finds are multiplied by their norms and ranked. On Gowalla's dense codes, norms 0.8 to 2.6, efSearch 256 overlaps
    0.98 with Flat; with one more dimension that makes all norms equal instead, it was 0.60.
    """

    name = "faiss-hnsw"
    capabilities = Capabilities(
        exact=False,
        cuts_queries=False,
        stores=("float32",),
        score_tolerance=1e-5,
        efforts=(256, 128, 512, 1024),
        most_dims=_MOST_DIMS,
    )
    normalises = True
    neighbours, build_width = 32, 200

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        index = faiss.IndexHNSWFlat(dims, cls.neighbours, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = cls.build_width
        return index

    def _nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        import faiss

        width = min(max(effort or self.capabilities.efforts[0], count), self.items)
        parameters = faiss.SearchParametersHNSW(efSearch=width, **selector)  # type: ignore[attr-defined]
        return self._index.search(vectors, width if self._norms is not None else count, params=parameters)


class FaissIvfPqEngine(_FaissEngine):
    """`IndexIVFPQ`: 4·√items clusters, product-quantised residuals of 8 bits for every 4 dimensions: approximate, and
    so are the vectors that queries are made from. effort: clusters that are searched (nprobe)."""

    name = "faiss-ivfpq"
    made_at_opening = 2 << 30  # FAISS's own limit of the table that it computes
    capabilities = Capabilities(
        exact=False,
        cuts_queries=False,
        stores=("float32",),
        score_tolerance=0.2,
        efforts=(64, 16, 256),
        most_dims=_MOST_DIMS,
    )

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        parts = dims // 4 if dims % 4 == 0 else 1
        clusters = max(1, min(int(4 * items**0.5), items // 39))  # FAISS wants 39 training vectors per cluster
        bits = min(8, max(1, int(np.log2(max(items, 2)))))
        quantizer = faiss.IndexFlatIP(dims)
        index = faiss.IndexIVFPQ(quantizer, dims, clusters, parts, bits, faiss.METRIC_INNER_PRODUCT)
        index.own_fields = True
        quantizer.this.disown()  # type: ignore[attr-defined]
        index.set_direct_map_type(faiss.DirectMap.Array)  # type: ignore[attr-defined]  # rows can be read back, for queries
        return index

    def _nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        import faiss

        probes = min(effort or self.capabilities.efforts[0], self._index.nlist)
        parameters = faiss.SearchParametersIVF(nprobe=probes, **selector)  # type: ignore
        return self._index.search(vectors, count, params=parameters)
