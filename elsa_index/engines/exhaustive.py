"""Exhaustive ranking of stored codes with SciPy: what every other way is compared with, and ends in."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..codes.query_vector import Vector
from ..storage.ids import Rows
from .contract import Answer, Query
from .stored_codes import StoredCodes
from .top_k import best, kth_best

_SHORT = 8
"""Queries whose dimensions hold less than this part of all weights (one eighth) are multiplied by these alone: a weight
found by its dimension costs about eight times as much as one of all, in their order."""


def exhaustive(store: StoredCodes, queries: Sequence[Query], k: int) -> list[Answer]:
    """The best `k` items left to each query, of all items."""
    vectors = [query.vector for query in queries]
    reached = sum(postings_of(store, query) for query in queries)
    if reached * _SHORT < len(store.weights) * len(queries):
        starts = np.cumsum([0, *map(len, vectors)])
        parts = (np.concatenate([vector.weights for vector in vectors]),
                 np.concatenate([vector.dims for vector in vectors]), starts)  # fmt: skip
        sums = csr_array(csr_array(parts, shape=(len(queries), store.dims)) @ store.by_dimension)
        return [
            among_reached(query, sums.indices[begin:end].astype(np.int64), sums.data[begin:end], store.items, k, store)
            for query, begin, end in zip(queries, sums.indptr, sums.indptr[1:], strict=False)
        ]
    scores = store.matrix @ np.stack([vector.to_dense() for vector in vectors], axis=1)
    answers = []
    for at, query in enumerate(queries):
        rows = query.rows_left(store.items)
        answers.append(_answer(query, *_best(store, query, rows, scores[rows, at], k), len(rows)))
    return answers


def among_reached(
    query: Query, rows: Rows, scores: npt.NDArray[np.float64], items: int, k: int, store: StoredCodes | None = None
) -> Answer:
    """The best `k` of all items left to a query. rows, scores: of all items that share a dimension with it, in any
    order, also of such as are not left; all others score 0. store: what scores are to be of, where another order of
    adding up may have rounded these otherwise."""
    left = np.flatnonzero(query.may_return(rows))
    found, values = rows.take(left), scores.take(left)
    above = 0.0 if store is None else margin(store, query)
    if np.count_nonzero(values > above) < k:  # those of score 0 come before those below
        others = query.first_rows_left(items, k, rows)
        found, values = np.concatenate([found, others]), np.concatenate([values, np.zeros(len(others))])
    if store is not None:
        return _answer(query, *_best(store, query, found, values, k), len(rows))
    return Answer(*best(found, values, k), True, len(query.vector), len(rows))


def _best(store: StoredCodes, query: Query, rows: Rows, scores: npt.NDArray[np.float64], k: int) -> tuple[Rows, Vector]:
    """The best `k` by `StoredCodes.score`, which every engine that scores from there ranks by: the same items add up
    to other last bits in another order, and equal ones would not come in the order of rows.

    scores: the same to rounding. Whatever could be among the best is scored again.
    """
    if not k or not len(rows):
        return rows[:0], np.zeros(0)
    near = rows[scores >= kth_best(scores, min(k, len(scores))) - margin(store, query)]
    return best(near, store.score(near, query.vector), k)


def margin(store: StoredCodes, query: Query) -> float:
    """By how much two ways of adding up may differ."""
    return store.rounding * float(np.linalg.norm(query.vector.weights))


def postings_of(store: StoredCodes, query: Query) -> int:
    """Weights that the query's dimensions hold, in all items."""
    return int(store.postings_per_dimension.take(query.vector.dims).sum())


def _answer(query: Query, rows: Rows, scores: npt.NDArray[np.float64], candidates: int) -> Answer:
    return Answer(rows, scores, True, len(query.vector), candidates, exhaustive=True)
