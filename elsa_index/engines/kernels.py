"""The loops that many queries are answered by: every item that shares a dimension with a query, added up and ranked."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiling import compiled, side_by_side

Array = npt.NDArray[Any]
_SPARE = 96
"""Entries that are kept beside the best k before the rest is dropped: dropping twice as seldom lets more in."""


@compiled
def _place(at: int) -> Any:
    """Where an array is read, without asking whether that is counted from its end: a third of the time of a loop."""
    return np.uint64(at)


@compiled
def _sink(scores: Array, rows: Array, size: int, at: int) -> None:
    """Restores the order of a heap, the worst on top, whose entry `at` is new. Of equal scores the later row is the
    worse."""
    score, row = scores[_place(at)], rows[_place(at)]
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size:
            one, other = scores[_place(child)], scores[_place(child + 1)]
            if other < one or (other == one and rows[_place(child + 1)] > rows[_place(child)]):
                child += 1
        worse = scores[_place(child)]
        if worse > score or (worse == score and rows[_place(child)] < row):
            break
        scores[_place(at)], rows[_place(at)] = worse, rows[_place(child)]
        at = child
    scores[_place(at)], rows[_place(at)] = score, row


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
def _rank(scores: Array, rows: Array, size: int) -> None:
    """Sorts `size` entries, heap or not, the best first."""
    for at in range(size // 2 - 1, -1, -1):
        _sink(scores, rows, size, at)
    for last in range(size - 1, 0, -1):  # the worst of those that are left comes last
        score, row = scores[last], rows[last]
        scores[last], rows[last] = scores[0], rows[0]
        scores[0], rows[0] = score, row
        _sink(scores, rows, last, 0)


@compiled
def _above(scores: Array, bound: float) -> int:
    """How many exceed `bound`: counted without a branch, so that several are in one instruction."""
    count = 0
    for at in range(len(scores)):
        count += scores[at] > bound
    return count


@compiled
def _turned(bits: Any) -> Any:
    """The bits of a float as an integer in the order of floats, or back: of those below zero the order is turned."""
    return bits ^ (bits >> 63 & 0x7FFFFFFFFFFFFFFF)


@compiled
def _number(score: float) -> Any:
    return _turned(np.float64(score).view(np.int64))


@compiled
def _float(number: int) -> Any:
    return np.int64(_turned(number)).view(np.float64)


@compiled
def thin(scores: Array, rows: Array, k: int) -> float:
    """Moves the best `k` of more entries to the front. They ascend by row, and stay in their order.

    Returns what the score of a later row must exceed for it to be among them. A heap or a partition would guess every
    other branch wrongly: this halves the floats between the least and the best score, at most 64 times, until `k` are
    above.
    """
    low, high = _number(np.min(scores)) - 1, _number(np.max(scores))  # at least k exceed the one, fewer the other
    bound, ties = _float(low), 0
    above = len(scores)
    while above > k:
        middle = (low & high) + ((low ^ high) >> 1)
        between = _float(middle)
        count = _above(scores, between)
        if middle == low:  # several are equal to the k-th
            bound, ties = _float(high), k - _above(scores, _float(high))
            break
        if count >= k:
            low, bound, above = middle, between, count
        else:
            high = middle
    kept = 0
    for at in range(len(scores)):
        score, row = scores[at], rows[at]
        scores[kept], rows[kept] = score, row
        is_tie = (score == bound) & (ties > 0)
        kept += (score > bound) | is_tie
        ties -= is_tie
    return bound


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
        weight = weights[at]
        for place in range(starts[dims[at]], starts[dims[at] + 1]):
            row = _place(rows_of[_place(place)])
            if len(marks) > 0 and marks[row] != mark:
                marks[row] = mark
                candidates[reached] = row
                reached += 1
            sums[row] += weight * values[_place(place)]
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
    top_scores, top_rows = np.empty(k + _SPARE), np.empty(k + _SPARE, np.int64)
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
        size, least = 0, -np.inf
        for at in range(count):
            row = candidates[at]
            if sums[row] > least and (len(passing) == 0 or passing[row]):
                top_scores[size], top_rows[size] = sums[row], row
                size += 1
                if size == len(top_scores):
                    size, least = k, thin(top_scores, top_rows, k)
        if size > k:
            size, least = k, thin(top_scores[:size], top_rows[:size], k)
        least = np.min(top_scores[:k]) - margins[query] if size == k else -np.inf
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
                score += code_values[_place(place)] * vector[_place(code_dims[_place(place)])]
            size = _offer(top_scores, top_rows, size, k, score, row)
        for at in range(starts[query], starts[query + 1]):
            vector[dims[at]] = 0.0
        if only_reached and least <= margins[query]:
            found[query] = -1
            continue
        found[query] = size
        _rank(top_scores, top_rows, size)
        found_rows[query, :size], found_scores[query, :size] = top_rows[:size], top_scores[:size]


LANES = 8
"""Queries that go over all codes together."""


@side_by_side
def best_of_eights(
    k: int,
    starts: Array,
    dims: Array,
    weights: Array,
    left_out_starts: Array,
    left_out: Array,
    passing: Array,
    code_starts: Array,
    code_dims: Array,
    code_values: Array,
    vectors: Array,
    lacking: Array,
    found_rows: Array,
    found_scores: Array,
    found: Array,
) -> None:
    """The same, for queries that reach a large part of all weights: eight at a time go over the codes, item by item,
    and each weight is read once for all of them.

    As `best_of_each`, and: vectors: (dims, 8) float64, and lacking: (items,) uint8, bits of the queries that do not
    return an item: all 0, and so they are when this ends.
    """
    totals, least = np.empty(LANES), np.empty(LANES)
    room, sizes = k + _SPARE, np.zeros(LANES, np.int64)
    kept_scores, kept_rows = np.empty((LANES, room)), np.empty((LANES, room), np.int64)
    for first in range(0, len(found), LANES):
        lanes = min(LANES, len(found) - first)
        least[:] = np.inf
        for lane in range(lanes):
            query = first + lane
            sizes[lane], least[lane] = 0, -np.inf
            for at in range(starts[query], starts[query + 1]):
                vectors[dims[at], lane] = weights[at]
            for at in range(left_out_starts[query], left_out_starts[query + 1]):
                lacking[left_out[at]] |= np.uint8(1 << lane)
        for row in range(len(code_starts) - 1):
            if len(passing) > 0 and not passing[row]:
                continue
            # Eight sums by name are kept in registers; an array of them is not.
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
            for place in range(code_starts[row], code_starts[row + 1]):
                value, dim = np.float64(code_values[_place(place)]), _place(code_dims[_place(place)])
                s0 += value * vectors[dim, 0]
                s1 += value * vectors[dim, 1]
                s2 += value * vectors[dim, 2]
                s3 += value * vectors[dim, 3]
                s4 += value * vectors[dim, 4]
                s5 += value * vectors[dim, 5]
                s6 += value * vectors[dim, 6]
                s7 += value * vectors[dim, 7]
            # One branch for eight, which is hardly ever taken.
            some = (s0 > least[0]) | (s1 > least[1]) | (s2 > least[2]) | (s3 > least[3])
            some |= (s4 > least[4]) | (s5 > least[5]) | (s6 > least[6]) | (s7 > least[7])
            if not some:
                continue
            totals[0], totals[1], totals[2], totals[3] = s0, s1, s2, s3
            totals[4], totals[5], totals[6], totals[7] = s4, s5, s6, s7
            for lane in range(lanes):
                # Rows ascend: of equal scores the one that is there is the better one.
                if totals[lane] > least[lane] and not (lacking[row] >> lane) & 1:
                    size = sizes[lane]
                    kept_scores[lane, size], kept_rows[lane, size] = totals[lane], row
                    sizes[lane] = size + 1
                    if size + 1 == room:
                        least[lane] = thin(kept_scores[lane], kept_rows[lane], k)
                        sizes[lane] = k
        for lane in range(lanes):
            query, size = first + lane, sizes[lane]
            if size > k:
                thin(kept_scores[lane, :size], kept_rows[lane, :size], k)
                size = k
            _rank(kept_scores[lane], kept_rows[lane], size)
            found[query] = size
            found_rows[query, :size], found_scores[query, :size] = kept_rows[lane, :size], kept_scores[lane, :size]
            for at in range(starts[query], starts[query + 1]):
                vectors[dims[at], lane] = 0.0
            for at in range(left_out_starts[query], left_out_starts[query + 1]):
                lacking[left_out[at]] = 0
