"""Which weights are kept: chosen over all items at once, by what leaving them out would cost."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...codes.over_items import LEAST
from ...errors import DataError, UsageError

_ROWS = 50_000  # at a time, so that memory is bounded


@dataclass(frozen=True)
class Selection:
    """kept: (items, neighbours) which weights. least: the saliency of the last one that was kept for what it is worth;
    an item's LEAST largest are kept whatever they are worth."""

    kept: npt.NDArray[np.bool_]
    least: float


def select(saliency: npt.NDArray[np.float32], nnz: int) -> Selection:
    """The items · nnz weights of the largest saliency, among them the LEAST largest of every item; of equal ones the
    first.

    saliency: (items, neighbours), 0 for weights that are not there.

    Raises UsageError where there are fewer weights than that, DataError where there is not one per item.

    >>> select(np.array([[9.0, 8, 7, 6, 5], [1, 2, 3, 4, 0]], dtype=np.float32), 4).kept.sum(axis=1).tolist()
    [5, 3]
    """
    items, neighbours = saliency.shape
    wanted, there = items * nnz, int(np.count_nonzero(saliency))
    if wanted > there:
        pairs = f"{there:,} pairs of an item and another that occurs with it have a weight"
        if there < items:
            raise DataError(f"Too few items occur together: of {items:,} items, {pairs}, fewer than one per item.")
        full = bool((np.count_nonzero(saliency, axis=1) == neighbours).any())
        more = " More neighbours give more." if full else ""
        raise UsageError(
            f"nnz must be at most {there // items} here, got {nnz}: with so many per item there would be {wanted:,} "
            f"weights, and {pairs}.{more}"
        )
    ranked = _with_first(saliency, min(LEAST, nnz))
    flat = ranked.ravel()
    threshold = np.partition(flat, flat.size - wanted)[flat.size - wanted]
    kept = flat > threshold
    equal = np.flatnonzero(flat == threshold)
    kept[equal[: wanted - np.count_nonzero(kept)]] = True
    return Selection(kept.reshape(items, neighbours), float(threshold))


def select_from(saliency: npt.NDArray[np.float32], nnz: int, least: float) -> npt.NDArray[np.bool_]:
    """(items, neighbours) the weights of a saliency of `least` or more, as another selection had it, among them the
    LEAST largest of every item."""
    return (_with_first(saliency, min(LEAST, nnz)) >= least) & (saliency > 0)


def _with_first(saliency: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """The same, but infinite for the `count` largest of every item."""
    ranked = saliency.copy()
    items = len(saliency)
    for _ in range(count):
        for first in range(0, items, _ROWS):
            part = ranked[first : first + _ROWS]
            left = np.where(np.isinf(part), 0, part)
            best = left.argmax(axis=1)  # of equal ones the first: rare items have many
            has_any = np.flatnonzero(left[np.arange(len(left)), best])
            part[has_any, best[has_any]] = np.inf
    return ranked
