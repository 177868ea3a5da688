"""The loops that many queries are answered by: every item that shares a dimension with a query, added up and ranked."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiling import compiled

Array = npt.NDArray[Any]


@compiled
def _sink(scores: Array, rows: Array, size: int, at: int) -> None:
    """Restores the order of a heap, the worst on top, whose entry `at` is new. Of equal scores the later row is the
    worse."""
    score, row = scores[at], rows[at]
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and (
            scores[child + 1] < scores[child] or (scores[child + 1] == scores[child] and rows[child + 1] > rows[child])
        ):
            child += 1
        if scores[child] > score or (scores[child] == score and rows[child] < row):
            break
        scores[at], rows[at] = scores[child], rows[child]
        at = child
    scores[at], rows[at] = score, row


@compiled
def _offer(scores: Array, rows: Array, size: int, k: int, score: float, row: int) -> int:
    """Keeps an entry if it is among the best `k`. Returns how many there are."""
    if size < k:
        scores[size], rows[size] = score, row
        size += 1
        if size == k:
            for at in range(k // 2 - 1, -1, -1):
                _sink(scores, rows, k, at)
    elif score > scores[0] or (score == scores[0] and row < rows[0]):
        scores[0], rows[0] = score, row
        _sink(scores, rows, k, 0)
    return size


@compiled
def _add_up(
    dims: Array,
    weights: Array,
    starts: Array,
    rows_of: Array,
    values: Array,
    sums: Array,
    candidates: Array,
    marks: Array,
    mark: int,
) -> int:
    """Adds the postings of a query's dimensions to `sums`. If there are `marks`, writes each row that is reached into
    `candidates`, once. Returns how many."""
    reached = 0
    for at in range(len(dims)):
        for place in range(starts[dims[at]], starts[dims[at] + 1]):
            row = rows_of[place]
            if len(marks) > 0 and marks[row] != mark:
                marks[row] = mark
                candidates[reached] = row
                reached += 1
            sums[row] += weights[at] * values[place]
    return reached


@compiled
def best_of_each(
    marked: int,
    k: int,
    starts: Array,
    dims: Array,
    weights: Array,
    margins: Array,
    left_out_starts: Array,
    left_out: Array,
    passing: Array,
    posting_starts: Array,
    posting_rows: Array,
    posting_values: Array,
    code_starts: Array,
    code_dims: Array,
    code_values: Array,
    sums: Array,
    vector: Array,
    candidates: Array,
    marks: Array,
    found_rows: Array,
    found_scores: Array,
    found: Array,
) -> None:
    """The best `k` items of each query: by the sum of products of their code with the query, in the code's order, equal
    ones by row.

    starts, dims, weights: queries as CSR, float64. margins: by how much a query's sums may differ by the order in which
    they are added up. left_out_starts, left_out: rows that each does not return. passing: (items,) bool, or empty for
    all. posting_starts, posting_rows, posting_values: codes by dimension; code_starts, code_dims, code_values: by item;
    float32, which holds every stored weight. sums: (items,) and vector: (dims,) float64, all 0, and so they are when
    this ends. candidates: (items,) int32; all rows, or with marks, (items,) int64, none above `marked`, space for those
    that a query reaches: then no mark is above `marked` plus the number of queries. Fills found_rows, found_scores
    (queries, k) and found (queries,), how many there are, best first; -1 where items that a query does not reach may be
    among them.
    """
    top_scores, top_rows = np.empty(k), np.empty(k, np.int64)
    only_reached = len(marks) > 0
    for query in range(len(found)):
        mark = marked + query + 1
        own = slice(starts[query], starts[query + 1])
        count = _add_up(
            dims[own], weights[own], posting_starts, posting_rows, posting_values, sums, candidates, marks, mark
        )
        if not only_reached:
            count = len(sums)
        for at in range(left_out_starts[query], left_out_starts[query + 1]):
            row = left_out[at]
            if not only_reached or marks[row] == mark:
                sums[row] = -np.inf
        size = 0
        for at in range(count):
            row = candidates[at]
            total = sums[row]
            if total != -np.inf and (size < k or total > top_scores[0]) and (len(passing) == 0 or passing[row]):
                size = _offer(top_scores, top_rows, size, k, total, row)
        least = top_scores[0] - margins[query] if size == k else -np.inf
        for at in range(starts[query], starts[query + 1]):
            vector[dims[at]] = weights[at]
        size = 0
        for at in range(count):
            row = candidates[at]
            total = sums[row]
            sums[row] = 0.0
            if total == -np.inf or total < least or (len(passing) > 0 and not passing[row]):
                continue
            score = 0.0
            for place in range(code_starts[row], code_starts[row + 1]):
                score += code_values[place] * vector[code_dims[place]]
            size = _offer(top_scores, top_rows, size, k, score, row)
        for at in range(starts[query], starts[query + 1]):
            vector[dims[at]] = 0.0
        if only_reached and least <= margins[query]:
            found[query] = -1
            continue
        found[query] = size
        for at in range(size // 2 - 1, -1, -1):
            _sink(top_scores, top_rows, size, at)
        for place in range(size - 1, -1, -1):  # the worst of those that are left comes last
            found_rows[query, place], found_scores[query, place] = top_rows[0], top_scores[0]
            top_rows[0], top_scores[0] = top_rows[place], top_scores[place]
            _sink(top_scores, top_rows, place, 0)
