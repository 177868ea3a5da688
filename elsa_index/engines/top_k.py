"""The best of many scores."""

import numpy as np
import numpy.typing as npt

from ..storage.ids import Rows

_THINNED = 32


def best(rows: Rows, scores: npt.NDArray[np.float64], k: int) -> tuple[Rows, npt.NDArray[np.float64]]:
    """The `k` highest scores, best first, equal scores by row.

    >>> best(np.array([7, 3, 5]), np.array([1.0, 2.0, 2.0]), 2)[0].tolist()
    [3, 5]
    """
    if not k:
        return rows[:0], scores[:0]
    if k < len(scores):
        reached = np.flatnonzero(scores >= kth_best(scores, k))
        rows, scores = rows[reached], scores[reached]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def kth_best(scores: npt.NDArray[np.float64], k: int) -> float:
    """The k-th highest score, of at least k.

    >>> kth_best(np.array([3.0, 1.0, 2.0]), 2)
    2.0
    """
    if k * _THINNED < len(scores):
        # The k-th best of a part is never above that of all: most scores need not be partitioned, which is slow.
        part = scores[::_THINNED]
        scores = scores[scores >= np.partition(part, len(part) - k)[len(part) - k]]
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def in_sorted(values: Rows, among: Rows) -> npt.NDArray[np.bool_]:
    """Which of `values` are in the sorted `among`: for few values faster than np.isin.

    >>> in_sorted(np.array([3, 1, 9]), np.array([1, 2, 3])).tolist()
    [True, True, False]
    """
    if not len(among):
        return np.zeros(len(values), dtype=bool)
    places = np.minimum(np.searchsorted(among, values), len(among) - 1)
    found: npt.NDArray[np.bool_] = among.take(places) == values
    return found
