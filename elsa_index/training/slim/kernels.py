"""The loops that training spends its time in, compiled by Numba. They release the interpreter's lock: threads share the
items among them, and whatever they share out, each item's result is the same.

A log is given by its columns and by its rows: `item_starts` (items + 1,) where each item's entries begin in `users_of`
and `by_item`, their users and their values; `user_starts`, `items_of` and `by_user` likewise for each user.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ...compiling import reordering

Array = npt.NDArray[Any]


@reordering
def _is_less(cosines: Array, rows: Array, one: int, other: int) -> bool:
    """Whether one entry of a heap is to leave it before the other."""
    return cosines[one] < cosines[other] or (cosines[one] == cosines[other] and rows[one] > rows[other])


@reordering
def _swap(cosines: Array, rows: Array, one: int, other: int) -> None:
    cosines[one], cosines[other] = cosines[other], cosines[one]
    rows[one], rows[other] = rows[other], rows[one]


@reordering
def _rise(cosines: Array, rows: Array, at: int) -> None:
    """Restores the order of a heap whose last entry is new."""
    while at > 0 and _is_less(cosines, rows, at, (at - 1) // 2):
        _swap(cosines, rows, at, (at - 1) // 2)
        at = (at - 1) // 2


@reordering
def _sink(cosines: Array, rows: Array, size: int) -> None:
    """Restores the order of a heap whose first entry is new."""
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _is_less(cosines, rows, child + 1, child):
            child += 1
        if not _is_less(cosines, rows, child, at):
            break
        _swap(cosines, rows, at, child)
        at = child


@reordering
def find_neighbours(
    which: Array,
    most: int,
    user_starts: Array,
    items_of: Array,
    by_user: Array,
    item_starts: Array,
    users_of: Array,
    by_item: Array,
    norms: Array,
    neighbours: Array,
    found: Array,
) -> None:
    """For the items `which` the `most` others of the largest cosine: their inner product with the item over their norm.
    Fills neighbours (which, most) int32, in any order, and found (which,) int32, how many there are; of equal ones the
    lower rows are taken.
    """
    items = len(item_starts) - 1
    products = np.zeros(items)
    touched = np.empty(items, np.int32)
    cosines, rows = np.empty(most), np.empty(most, np.int32)  # a heap, the least cosine on top
    for place, item in enumerate(which):
        reached = 0
        for entry in range(item_starts[item], item_starts[item + 1]):
            user, value = users_of[entry], by_item[entry]
            for at in range(user_starts[user], user_starts[user + 1]):
                other = items_of[at]
                if products[other] == 0:
                    touched[reached] = other
                    reached += 1
                products[other] += value * by_user[at]
        kept = 0
        for at in range(reached):
            other = touched[at]
            cosine = products[other] / norms[other]
            products[other] = 0
            if other == item:
                continue
            if kept < most:
                cosines[kept], rows[kept] = cosine, other
                _rise(cosines, rows, kept)
                kept += 1
            elif cosine > cosines[0] or (cosine == cosines[0] and other < rows[0]):
                cosines[0], rows[0] = cosine, other
                _sink(cosines, rows, kept)
        found[place] = kept
        neighbours[place, :kept] = rows[:kept]


@reordering
def fill_grams(
    sources: Array,
    source_starts: Array,
    owners: Array,
    numbers: Array,
    members: Array,
    member_starts: Array,
    triangles: Array,
    user_starts: Array,
    items_of: Array,
    by_user: Array,
    item_starts: Array,
    users_of: Array,
    by_item: Array,
    products: Array,
    packed: Array,
) -> None:
    """Fills the rows of triangles in `packed` that belong to the `sources`; see `Grams`.

    Source s is member number `numbers[p]` of item `owners[p]` of the block, for p from source_starts[s]. products:
    (items,) float64, all 0, and so they are when this ends.
    """
    for source in sources:
        added = 0
        for entry in range(item_starts[source], item_starts[source + 1]):
            user, value = users_of[entry], by_item[entry]
            at = user_starts[user]
            while items_of[at] < source:
                products[items_of[at]] += value * by_user[at]
                at += 1
            products[source] += value * by_user[at]
            added += at + 1 - user_starts[user]
        for pair in range(source_starts[source], source_starts[source + 1]):
            owner, number = owners[pair], numbers[pair]
            first = member_starts[owner]
            place = number - first
            row = triangles[owner] + place * (place + 1) // 2
            for other in range(place + 1):
                packed[row + other] = products[members[first + other]]
        if added > source // 8:
            products[: source + 1] = 0
        else:
            for entry in range(item_starts[source], item_starts[source + 1]):
                at = user_starts[users_of[entry]]
                while items_of[at] < source:
                    products[items_of[at]] = 0
                    at += 1
            products[source] = 0


@reordering
def _inverse_factor(
    matrix: Array,
    size: int,
    factor: Array,
) -> None:
    """Fills R, the inverse of L, where the positive definite `matrix` is A = L Lᵀ, so that A^-1 = Rᵀ R. The lower
    triangle of `matrix` is read and becomes L."""
    for row in range(size):
        for column in range(row):
            total = 0.0
            for k in range(column):
                total += matrix[row, k] * matrix[column, k]
            matrix[row, column] = (matrix[row, column] - total) / matrix[column, column]
        total = 0.0
        for k in range(row):
            total += matrix[row, k] * matrix[row, k]
        matrix[row, row] = np.sqrt(matrix[row, row] - total)
    for row in range(size):
        for column in range(row):
            factor[row, column] = 0
        for k in range(row):
            weight = matrix[row, k]
            for column in range(k + 1):
                factor[row, column] += weight * factor[k, column]
        diagonal = 1 / matrix[row, row]
        for column in range(row):
            factor[row, column] *= -diagonal
        factor[row, row] = diagonal


@reordering
def _solution(
    factor: Array,
    size: int,
    target: Array,
    solution: Array,
) -> None:
    """A^-1 b = Rᵀ (R b)."""
    solution[:size] = 0
    for k in range(size):
        product = 0.0
        for column in range(k + 1):
            product += factor[k, column] * target[column]
        for column in range(k + 1):
            solution[column] += product * factor[k, column]


@reordering
def _fill_system(
    products: Array, own: int, active: Array, size: int, regularisation: float, matrix: Array, target: Array
) -> None:
    """The lower triangle of A = G_SS + λI, and b = G_Sj, of the `active` members, from an item's packed triangle. The
    item is its member number `own` itself."""
    for at in range(size):
        row = active[at] * (active[at] + 1) // 2
        for other in range(at + 1):
            matrix[at, other] = products[row + active[other]]
        matrix[at, at] += regularisation
        target[at] = products[row + own] if active[at] > own else products[own * (own + 1) // 2 + active[at]]


@reordering
def regress(
    first: int,
    last: int,
    begin: int,
    which: Array,
    members: Array,
    member_starts: Array,
    triangles: Array,
    packed: Array,
    starts: Array,
    regularisations: Array,
    non_negative: bool,
    weights: Array,
    saliency: Array,
) -> None:
    """Ridge regression of the items `which`, from the `first` to before the `last` of them, on their predictors:
    w = (G_SS + λI)^-1 G_Sj, for each λ.

    begin: the first of the block that members, member_starts, triangles and packed belong to; see `Grams`. Fills
    weights, (λs, predictors) float32, those of the j-th from starts[j], and likewise saliency, w² / diag((G_SS +
    λI)^-1): what leaving a predictor out would cost; either may be empty. non_negative: predictors of negative weight
    are left out, one round after the other, until there are none; their weight is 0.
    """
    most = 0
    for item in range(first, last):
        most = max(most, member_starts[item - begin + 1] - member_starts[item - begin] - 1)
    factor, matrix = np.zeros((most, most)), np.zeros((most, most))
    target, solution, active = np.empty(most), np.empty(most), np.empty(most, np.int32)
    for item in range(first, last):
        member = member_starts[item - begin]
        count = member_starts[item - begin + 1] - member
        triangle, start, own = triangles[item - begin], starts[item], 0
        while members[member + own] != which[item]:
            own += 1
        for level in range(len(regularisations)):
            size = 0
            for place in range(count):
                if place != own:
                    active[size] = place
                    size += 1
            while size > 0:
                _fill_system(packed[triangle:], own, active, size, regularisations[level], matrix, target)
                _inverse_factor(matrix, size, factor)
                _solution(factor, size, target, solution)
                if not non_negative or len(saliency) > 0:
                    break
                left = 0
                for at in range(size):
                    if solution[at] > 0:
                        active[left] = active[at]
                        left += 1
                if left == size:
                    break
                size = left
            for at in range(size):
                to = start + active[at] - (active[at] > own)
                if len(weights) > 0:
                    weights[level, to] = solution[at]
                if len(saliency) > 0:
                    inverse = 0.0
                    for k in range(at, size):
                        inverse += factor[k, at] * factor[k, at]
                    rising = solution[at] > 0 or not non_negative
                    saliency[level, to] = solution[at] * solution[at] / inverse if rising else 0.0
