"""Seismic (pyseismic-lsr): an approximate inverted index in Rust, as another first stage to compare with."""

import os
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..codes.impacts import terms_of
from ..codes.item_codes import ItemCodes
from ..codes.query_terms import query_terms
from ..errors import StorageError
from .batching import Counter
from .contract import Answer, BuildPlan, Capabilities, Progress, Query, SearchPlan
from .stored_codes import StoredCodes, StoredCodesEngine
from .top_k import best

_FILE = "postings.seismic"
_CANDIDATES = 500
_HEAP_FACTOR = 0.8  # blocks whose summary is below this share of the worst hit are skipped: the library's advice


class SeismicEngine(StoredCodesEngine):
    """Same-sign terms in Seismic's clustered lists, candidates rescored from the stored codes: approximate.

    effort: query terms that are looked at (query_cut).
    """

    name = "seismic"
    capabilities = Capabilities(
        exact=False,
        cuts_queries=False,
        stores=("float16", "float32", "int8"),
        score_tolerance=1e-12,
        efforts=(32, 8, 16, 64),
        most_dims=2**15,  # two terms each, of 16 bits
    )

    def __init__(self, store: StoredCodes, index: Any) -> None:
        super().__init__(store)
        self._index = index

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        import seismic

        store = StoredCodes.round(codes, plan.store)
        store.save(directory)
        source = directory / "vectors.bin"
        _write_vectors(store, source)
        # Lists are not cut: as many postings per term on average as there are.
        average = -(-len(store.weights) // (2 * codes.dims))
        with _silenced():
            index = seismic.SeismicIndexRaw.build(str(source), n_postings=max(average, 1), doc_cut=store.max_nonzeros)
            index.save(str(directory / _FILE))
        source.unlink()
        if (saved := directory / f"{_FILE}.index.seismic").exists():  # some versions add a suffix
            saved.rename(directory / _FILE)
        return {"dims": codes.dims, "store": plan.store}

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "SeismicEngine":
        import seismic

        try:
            index = seismic.SeismicIndexRaw.load(str(directory / _FILE))
        except OSError as error:
            raise StorageError(f"{directory / _FILE} cannot be opened by Seismic: {error}") from None
        return cls(StoredCodes.load(directory, parameters["dims"]), index)

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        counter = Counter(len(queries), on_progress)
        answers = []
        for query in queries:
            answers.append(self._one(query, plan))
            counter.add()
        return answers

    def _one(self, query: Query, plan: SearchPlan) -> Answer:
        wanted = min(plan.k, query.left(self.items))
        effort = plan.effort or self.capabilities.efforts[0]
        cut = query_terms(query.vector)
        count = min(max(_CANDIDATES, plan.k) + len(query.seen), self.items)
        ascending = np.argsort(cut.terms)
        terms = cut.terms[ascending].astype(np.int32)
        weights = (cut.weights[ascending] * cut.step).astype(np.float32)
        hits = self._index.search(terms, weights, count, effort, _HEAP_FACTOR, 0, False)
        rows = np.fromiter((row for _, row in hits), np.int64, len(hits))
        rows = rows[query.may_return(rows)]
        if len(rows) < wanted:
            rows = query.rows_left(self.items)
        top, scores = best(rows, self.store.score(rows, query.vector), wanted)
        return Answer(top, scores, False, min(effort, len(cut.terms)), len(rows))


def _write_vectors(store: StoredCodes, path: Path) -> None:
    """Seismic's own format, little-endian: how many vectors; of each how many terms, the terms, their weights."""
    magnitudes = np.abs(store.values).astype("<f4")
    terms = terms_of(store.dims_of, store.weights).astype("<u4")
    starts = store.indptr.tolist()
    with path.open("wb") as file:
        file.write(struct.pack("<I", store.items))
        for start, end in pairwise(starts):
            file.write(struct.pack("<I", end - start))
            order = np.argsort(terms[start:end])
            file.write(terms[start:end][order].tobytes())
            file.write(magnitudes[start:end][order].tobytes())


@contextmanager
def _silenced() -> Iterator[None]:
    """Seismic reports on standard output, from Rust; ours holds results only."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
