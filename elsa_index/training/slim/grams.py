"""Inner products of items' columns, for the regressions of a block of items at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from .log import Log

Array = npt.NDArray[Any]
LARGEST = 1 << 27
"""Inner products of a block: half a gigabyte. Each block goes through the log again, so the fewer the better."""


class Grams:
    """For each item of a block the inner products of its *members*, which are its predictors and itself.

    An item that is a member many times over is gone through once: its users' items give its inner products with all
    others, and each triangle takes its own from there. That is what makes this many times faster than adding up every
    item's triangle by itself.

    members: the block's items' members, ascending, those of its b-th item from starts[b] to starts[b + 1]. triangles:
    (items of the block + 1,) where each item's inner products begin in `packed`, float32: the rows of a lower triangle,
    one after the other.
    """

    def __init__(
        self, log: Log, which: Array, predictors: Array, predictor_starts: Array, lengths: Array, first: int, last: int
    ) -> None:
        """The block is of the items `which`, from the `first` to before the `last` of them. predictors: items,
        ascending for each, those of the j-th from predictor_starts[j], lengths[j] of them."""
        self._log = log
        own = lengths[first:last].astype(np.int64)
        self.starts = np.concatenate([[0], np.cumsum(own + 1)])
        at = np.arange(self.starts[-1] - len(own)) - np.repeat(np.cumsum(own) - own, own)
        taken = predictors[np.repeat(predictor_starts[first:last], own) + at]
        places = np.arange(len(own))
        # A number for each pair of an item and its member: in their order, members are in theirs.
        pairs = np.concatenate([np.repeat(places, own) * log.items + taken, places * log.items + which[first:last]])
        pairs.sort()
        self.members = (pairs % log.items).astype(np.int32)
        self.triangles = np.concatenate([[0], np.cumsum((own + 1) * (own + 2) // 2)])
        self.packed = np.empty(self.triangles[-1], dtype=np.float32)
        numbers = np.arange(len(self.members), dtype=np.int32)
        shape = (len(own), log.items)
        by_source = csr_array((numbers, self.members, self.starts.astype(np.int32)), shape=shape).tocsc()
        self._owners, self._numbers, self._source_starts = by_source.indices, by_source.data, by_source.indptr
        self.sources = np.flatnonzero(np.diff(by_source.indptr))
        self._spare: list[Array] = []

    def fill(self, first: int, last: int) -> None:
        """The inner products of the sources from `first` to `last` with what is before them in the log."""
        from .kernels import fill_grams

        log = self._log
        products = self._spare.pop() if self._spare else np.zeros(log.items)
        fill_grams(
            self.sources[first:last], self._source_starts, self._owners, self._numbers, self.members, self.starts,
            self.triangles, log.user_starts, log.items_of, log.by_user, log.item_starts, log.users_of, log.by_item,
            products, self.packed,
        )  # fmt: skip
        self._spare.append(products)  # all 0 again


def blocks(lengths: Array) -> Iterator[tuple[int, int]]:
    """Items from the first to before the last, as many as have LARGEST inner products together; one at least.

    lengths: (items,) predictors of each.

    >>> list(blocks(np.array([100, 100, 100])))
    [(0, 3)]
    """
    ends = np.cumsum((lengths.astype(np.int64) + 1) * (lengths + 2) // 2)
    first = 0
    while first < len(lengths):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + LARGEST, side="right")))
        yield first, last
        first = last
