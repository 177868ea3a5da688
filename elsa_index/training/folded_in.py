"""What folding items in has in common, whatever the model is."""

from dataclasses import dataclass

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
        without_code: Ids of new items that occur with no other, so that nothing speaks for them yet. Codes over items
            have them without weights; other codes do not have them.
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


def ids_with_new(codes: ItemCodes, log: Interactions) -> IdMap:
    """The items of the model, and after them those that the log has besides. Raises DataError where there is none."""
    new = [name for name in log.items if name not in codes.ids]
    if not new:
        raise DataError(f"Every one of the log's {len(log.items):,} items has a code already; there is nothing new.")
    return IdMap([*codes.ids, *new])


def by_rows(log: Interactions, ids: IdMap) -> csr_array:
    """(users, ids) the log's matrix with an item's column under its row."""
    columns = ids.rows(log.items)
    matrix = csr_array(
        (log.matrix.data, columns[log.matrix.indices], log.matrix.indptr), shape=(log.matrix.shape[0], len(ids))
    )
    matrix.sort_indices()
    return matrix


def with_further_items(sample: csr_array | None, size: int) -> csr_array | None:
    """Sample histories over `size` items, of which the last ones are in none."""
    if sample is None:
        return None
    return csr_array((sample.data, sample.indices, sample.indptr), shape=(sample.shape[0], size))
