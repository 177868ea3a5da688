"""What changed between two models: items added and removed, and codes that are no longer what they were."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..data.scipy_matrix import row_norms, widened
from ..errors import UsageError
from ..storage.ids import Rows
from .item_codes import ItemCodes


@dataclass(frozen=True, eq=False)
class CodesDifference:
    """From one model to the next.

    Attributes:
        added: Ids that only the next one has.
        removed: Ids that only the first one has.
        kept: (kept,) int64, rows in the next one of the items that both have.
        code_change: (kept,) float64, by how much an item's code changed: the norm of the difference over the larger of
            both norms. 0: not at all; about 1.4: the two have nothing to do with each other; 2: turned round.
        history_change: (kept,) float64, the same of what the item brings to a history.
    """

    added: list[str]
    removed: list[str]
    kept: Rows
    code_change: npt.NDArray[np.float64]
    history_change: npt.NDArray[np.float64]

    def changed(self, tolerance: float = 0) -> Rows:
        """Rows in the next model, sorted, of kept items that changed by more than `tolerance` in either way."""
        return np.sort(self.kept[np.maximum(self.code_change, self.history_change) > tolerance])


def compare_codes(before: ItemCodes, after: ItemCodes) -> CodesDifference:
    """Compares what two models keep of each item.

    Dimensions are compared by number: two trainings of Compressed ELSA that began apart share none of them. Dimensions
    that are items are compared by their ids, whatever their rows.

    Raises:
        UsageError: For models of different kinds, or with different numbers of dimensions that are not items.

    >>> from elsa_index.storage.ids import IdMap
    >>> one = ItemCodes(IdMap(["a", "b"]), csr_array([[0.6, 0.8], [0, 1.0]]))
    >>> other = ItemCodes(IdMap(["b", "c", "a"]), csr_array([[0, -1.0], [1, 0], [0.6, 0.8]]))
    >>> found = compare_codes(one, other)
    >>> found.added, found.removed, found.changed().tolist(), found.code_change.tolist()
    (['c'], [], [0], [2.0, 0.0])
    """
    if before.history_kind != after.history_kind:
        raise UsageError(
            f"The models are of different kinds: items bring to a history {before.history_kind!r} in the first and "
            f"{after.history_kind!r} in the second; there is nothing to compare."
        )
    are_items = before.history_kind == "items"
    if not are_items and before.dims != after.dims:
        raise UsageError(f"The models have {before.dims:,} and {after.dims:,} dimensions; there is nothing to compare.")
    then = before.ids.find(after.ids)
    kept = np.flatnonzero(then >= 0)
    before_rows = then[kept]
    columns = after.ids.find(before.ids) if are_items else None
    code_change = _change(_columns_moved(before.weights[before_rows], columns, after.dims), after.weights[kept])
    shares = [one.history_weights_of(rows) for one, rows in ((before, before_rows), (after, kept))]
    if isinstance(before.history_codes, str) or isinstance(after.history_codes, str):
        history_change = _relative(np.abs(shares[0] - shares[1]), np.abs(shares))
    else:
        scaled = [
            csr_array(one.history_codes[rows] * share[:, None])
            for one, rows, share in zip((before, after), (before_rows, kept), shares, strict=True)
        ]
        history_change = _change(*scaled)
    gone = set(before.ids).difference(after.ids)
    return CodesDifference(
        [after.ids[int(row)] for row in np.flatnonzero(then < 0)],
        [name for name in before.ids if name in gone],
        kept,
        code_change,
        history_change,
    )


def _columns_moved(codes: csr_array, columns: Rows | None, dims: int) -> csr_array:
    """With dimension d under number columns[d]. What belongs to one that is no more (-1) stays, in a column of its own
    beyond the others, so that it counts as a change."""
    if columns is None:
        return codes
    gone = columns < 0
    moved = np.where(gone, dims + np.cumsum(gone) - 1, columns)
    shape = (codes.shape[0], dims + int(np.count_nonzero(gone)))
    result = csr_array((codes.data, moved[codes.indices], codes.indptr), shape=shape)
    result.sort_indices()
    return result


def _change(one: csr_array, other: csr_array) -> npt.NDArray[np.float64]:
    """(rows,) the norm of each row's difference over the larger of both norms."""
    width = max(one.shape[1], other.shape[1])
    wide = [widened(part.astype(np.float64), width) for part in (one, other)]
    return _relative(row_norms(csr_array(wide[0] - wide[1])), np.stack([row_norms(part) for part in wide]))


def _relative(distance: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    larger = np.max(sizes, axis=0)
    return np.divide(distance, larger, out=np.zeros(len(distance)), where=larger > 0)
