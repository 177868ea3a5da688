"""What the engines on FAISS have in common: vectors in its file, queries made from them, and its file believed no
further than its size."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ...codes.item_codes import ItemCodes
from ...codes.query_vector import QueryVector, Vector
from ...errors import DataError, StorageError
from ...forks import OPEN_IN_EACH, Unforkable
from ...storage.files import load_array
from ...storage.ids import Rows
from ...storage.ranges import check_shape
from ..batching import Counter
from ..contract import Answer, BuildPlan, Engine, Filter, Progress, Query, SearchPlan
from ..top_k import best, in_sorted

_FILE, _NORMS = "vectors.faiss", "vectors.norms.npy"
_BATCH = 256
ROWS_AT_ONCE = 4096
MOST_DIMS = 16_384  # 64 KB per item, as vectors are dense
_TRAINING_ROWS = 100_000  # of the quantisers
_FEW = 2000  # rows that a filter looks up by hashing; more are looked up in a bitmap of all

_FAISS = Unforkable("FAISS", OPEN_IN_EACH)  # its threads, and what its BLAS keeps of them


class FaissEngine(Engine):
    """What they have in common: vectors live in FAISS's file and nowhere else; queries are made from them."""

    normalises: ClassVar[bool] = False
    """Whether vectors of unequal norm are kept with norm 1, and their norms beside them."""

    kind: ClassVar[str]
    """The class of its index in FAISS."""

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
        for start in range(0, items, ROWS_AT_ONCE):
            end = min(start + ROWS_AT_ONCE, items)
            index.add(vectors(slice(start, end)))
            counter.add(end - start)
        save_index(index, directory)
        if norms is not None:
            np.save(directory / _NORMS, norms.astype(np.float32))
        largest = float(np.max(codes.norms))
        return {"dims": dims, "store": "float32", "largest_norm": largest, "faiss": faiss.__version__}

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "FaissEngine":
        import faiss

        try:
            _believe_at_most((directory / _FILE).stat().st_size + cls.made_at_opening)
            index = faiss.read_index(str(directory / _FILE), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise StorageError(f"{directory / _FILE} cannot be opened by FAISS: {error}") from None
        if not isinstance(index, getattr(faiss, cls.kind)) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise StorageError(f"{directory / _FILE} is damaged: {type(index).__name__} is not what {cls.name} wrote.")
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
        return csr_array(self.vectors_of(rows))

    def vectors_of(self, rows: Rows) -> npt.NDArray[np.float64]:
        """(rows, dims) float64."""
        if not len(rows):
            return np.zeros((0, self.dims))
        _FAISS.use()
        with _damage_told():
            vectors: npt.NDArray[np.float64] = self._index.reconstruct_batch(rows).astype(np.float64)
        return vectors if self._norms is None else vectors * self._norms[rows, None]

    def query_vector(self, rows: Rows, weights: Vector) -> QueryVector:
        return QueryVector.from_dense(weights @ self.vectors_of(rows))

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        import faiss

        _FAISS.use()
        faiss.omp_set_num_threads(plan.threads)
        answers: list[Answer] = []
        counter = Counter(len(queries), on_progress)
        for start in range(0, len(queries), _BATCH):
            batch = queries[start : start + _BATCH]
            answers += self.search_batch(batch, plan)
            counter.add(len(batch))
        return answers

    def search_batch(self, queries: Sequence[Query], plan: SearchPlan) -> list[Answer]:
        vectors = in_float32(queries)
        wanted = [min(plan.k, query.left(self.items)) for query in queries]
        count = min(max(plan.k + len(query.seen) for query in queries), self.items)
        scores, rows = self.found(vectors, count, selector_of(queries[0].only), plan.effort)
        if self._norms is not None:
            scores = scores * np.where(rows >= 0, self._norms[rows], 0)
        answers = []
        for place, query in enumerate(queries):
            fresh = (rows[place] >= 0) & ~in_sorted(rows[place], query.seen)
            found, values = best(rows[place][fresh], scores[place][fresh].astype(np.float64), wanted[place])
            if len(found) < wanted[place]:
                found, values = self.fill(query, wanted[place])
            answers.append(Answer(found, values, self.capabilities.exact, candidates=count))
        return answers

    def found(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        """What `nearest` gives. Raises StorageError where it gives rows that there are not."""
        with _damage_told():
            scores, rows = self.nearest(vectors, count, selector, effort)
            if np.max(rows, initial=-1) >= self.items:
                raise RuntimeError(f"row {np.max(rows):,} of {self.items:,} items")
        return scores, rows

    @abstractmethod
    def nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        """The `count` best of each vector or more: scores and rows, -1 for none. selector: FAISS's parameter `sel`."""

    def fill(self, query: Query, wanted: int) -> tuple[Rows, npt.NDArray[np.float64]]:
        """A graph may reach fewer items than asked for while others are left: then all are scored."""
        rows = query.rows_left(self.items)
        vector = query.vector.to_dense()
        parts = (rows[at : at + ROWS_AT_ONCE] for at in range(0, len(rows), ROWS_AT_ONCE))
        scores = np.concatenate([(self.vectors_of(part) * vector).sum(axis=1) for part in parts])
        return best(rows, scores, wanted)


@contextmanager
def _damage_told() -> Iterator[None]:
    """FAISS believes parts of its file until it uses them, such as where the vector of a row lies."""
    try:
        yield
    except RuntimeError as error:
        raise StorageError(f"{_FILE} is damaged: {error}. Build the index again.") from None


def save_index(index: Any, directory: Path) -> None:
    """Raises OSError where it cannot be written."""
    import faiss

    try:
        faiss.write_index(index, str(directory / _FILE))
    except RuntimeError as error:
        raise OSError(f"FAISS could not write {_FILE}: {error}") from error


def _believe_at_most(size: int) -> None:
    """Lets FAISS make no array of more bytes than what it reads can account for, where it can be told so (1.13 on)."""
    import faiss

    for name in ("set_deserialization_vector_byte_limit", "set_deserialization_loop_limit"):
        if limit := getattr(faiss, name, None):
            limit(size)


def in_float32(queries: Sequence[Query]) -> npt.NDArray[np.float32]:
    """(queries, dims). Raises DataError where that is not finite."""
    vectors = np.stack([query.vector.to_dense() for query in queries]).astype(np.float32)
    if not np.isfinite(vectors).all():
        raise DataError("A query vector is beyond the range of float32, which FAISS computes in.")
    return vectors


def selector_of(only: Filter | None) -> dict[str, Any]:
    """FAISS's parameter for the rows that pass."""
    if only is None:
        return {}
    import faiss

    if only.count <= _FEW:
        return {"sel": faiss.IDSelectorBatch(only.rows)}
    return {"sel": faiss.IDSelectorBitmap(np.packbits(only.passing, bitorder="little"))}  # type: ignore
