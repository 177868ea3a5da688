"""The oracle: exhaustive scoring of the stored codes with SciPy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codes import ItemCodes
from ..ids import Rows
from ..query import Vector
from .base import Answer, BuildOptions, Capabilities, Counter, Engine, Progress, Query, SearchOptions, best
from .store import StoredCodes

_BATCH = 64  # (items, batch) float64 scores at a time: 512 bytes an item


class ExactEngine(Engine):
    """Scores every item for every query. Nothing to get wrong: all other engines are compared with it."""

    name = "exact"
    capabilities = Capabilities(exact=True, cuts_queries=False, stores=("float16", "float32"), score_tolerance=1e-12)

    def __init__(self, store: StoredCodes) -> None:
        self.store = store
        self.items, self.dims = store.items, store.dims

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, options: BuildOptions, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        StoredCodes.round(codes, options.store).save(directory)
        return {"dims": codes.dims, "store": options.store}

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "ExactEngine":
        return cls(StoredCodes.load(directory, parameters["dims"]))

    def stored_rows(self, rows: Rows) -> npt.NDArray[np.float64]:
        return self.store.rows(rows)

    def query_vector(self, rows: Rows, weights: Vector) -> Vector:
        return self.store.sum_rows(rows, weights)

    def search(
        self, queries: Sequence[Query], options: SearchOptions, on_progress: Progress | None = None
    ) -> list[Answer]:
        answers: list[Answer] = []
        counter = Counter(len(queries), on_progress)
        for start in range(0, len(queries), _BATCH):
            batch = queries[start : start + _BATCH]
            scores = self.store.matrix @ np.stack([query.vector for query in batch], axis=1)
            answers += [self._answer(query, scores[:, at], options.k) for at, query in enumerate(batch)]
            counter.add(len(batch))
        return answers

    def _answer(self, query: Query, scores: npt.NDArray[np.float64], k: int) -> Answer:
        unseen = np.ones(self.items, dtype=bool)
        unseen[query.seen] = False
        rows = np.flatnonzero(unseen)
        return Answer(*best(rows, scores[rows], k), proven=True, candidates=len(rows))
