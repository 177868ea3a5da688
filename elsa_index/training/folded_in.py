"""What folding items in has in common, whatever the model is."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ..codes.item_codes import ItemCodes
from ..data.interactions import Interactions
from ..errors import DataError, UsageError
from ..storage.ids import IdMap, Rows


@dataclass(frozen=True, eq=False)
class FoldedIn:
    """A model with further items.

    Attributes:
        codes: Of all items; those that were there keep their rows, the new ones come after them.
        added: (new,) int64, rows of the items that are new.
        improved: (improved,) int64, rows of items whose codes changed, because a new item now speaks for them.
        without_code: Ids of new items that nobody has beside another one, so that nothing speaks for them yet. The
            codes do not have them.
    """

    codes: ItemCodes
    added: Rows
    improved: Rows
    without_code: list[str]


def refuse_own_history_codes(codes: ItemCodes) -> None:
    """Raises UsageError where items bring codes of their own to a history."""
    if codes.history_kind == "matrix":
        raise UsageError(
            "Items cannot be folded into codes whose items bring codes of their own to a history: the model that made "
            "them alone knows what a new item brings."
        )


@dataclass(frozen=True, eq=False)
class Grown:
    """ids: items of the model, and after them new ones. matrix: (users, ids) what of them the log's users have.
    without: ids of the log's other new ones."""

    ids: IdMap
    matrix: csr_array
    without: list[str]

    @classmethod
    def of(cls, codes: ItemCodes, log: Interactions, *, beside_known: bool) -> "Grown":
        """With the new items that somebody has beside another one. beside_known: beside one of the model. What the log
        says that interactions count is taken as the training took it.

        Raises DataError where the log has no new items.
        """
        new = [name for name in log.items if name not in codes.ids]
        if not new:
            raise DataError(
                f"Every one of the log's {len(log.items):,} items has a code already; there is nothing new."
            )
        ids, before = IdMap([*codes.ids, *new]), len(codes.ids)
        matrix = by_rows(log, ids, log.weighted(codes.origin.get("config", {}).get("half_life")))
        others = np.diff(csr_array(matrix[:, :before]).indptr) if beside_known else np.diff(matrix.indptr) - 1
        occurs = np.bincount(csr_array(matrix[np.flatnonzero(others > 0)]).indices, minlength=len(ids)) > 0
        occurs[:before] = True
        kept, without = np.flatnonzero(occurs), ids.take(np.flatnonzero(~occurs)).tolist()
        return cls(IdMap(ids.take(kept)), csr_array(matrix[:, kept]), without)


def by_rows(log: Interactions, ids: IdMap, matrix: csr_array) -> csr_array:
    """(users, ids) a matrix of the log's users and items, with an item's column under its row."""
    columns = ids.rows(log.items)
    moved = csr_array((matrix.data, columns[matrix.indices], matrix.indptr), shape=(matrix.shape[0], len(ids)))
    moved.sort_indices()
    return moved


def with_further_items(sample: csr_array | None, size: int) -> csr_array | None:
    """Sample histories over `size` items, of which the last ones are in none."""
    if sample is None:
        return None
    return csr_array((sample.data, sample.indices, sample.indptr), shape=(sample.shape[0], size))
