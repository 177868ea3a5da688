"""Parts of an array, in another order: copied run by run, as a change leaves long runs of rows as they are."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt


def runs(order: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of runs of successive numbers.

    >>> list(runs(np.array([4, 5, 6, 0, 9])))
    [(4, 7), (0, 1), (9, 10)]
    """
    if not len(order):
        return iter(())
    breaks = np.flatnonzero(np.diff(order) != 1) + 1
    begins, ends = order[np.concatenate([[0], breaks])], order[np.append(breaks, len(order)) - 1] + 1
    return zip(begins.tolist(), ends.tolist(), strict=True)


def rows_now(former: npt.NDArray[np.int64], rows: int) -> npt.NDArray[np.int64]:
    """(rows + 1,) where each of the former rows is now, -1 for none, and -1 at the end. former: the row that each had,
    -1 for none.

    >>> rows_now(np.array([2, -1, 0]), 3).tolist()
    [2, -1, 0, -1]
    """
    now = np.full(rows + 1, -1, dtype=np.int64)
    there = np.flatnonzero(former >= 0)
    now[former[there]] = there
    return now


def parts_in_order(values: npt.NDArray, starts: npt.NDArray[np.integer], order: npt.NDArray[np.int64]) -> npt.NDArray:
    """The parts of `values` whose numbers are in `order`, one after the other. starts: where each part begins, and the
    end of the last.

    >>> parts_in_order(np.array([10, 11, 20, 30]), np.array([0, 2, 3, 4]), np.array([2, 0])).tolist()
    [30, 10, 11]
    """
    return np.concatenate([values[:0], *(values[int(starts[begin]) : int(starts[end])] for begin, end in runs(order))])
