"""The codes that an index stores, as a model has them."""

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..catalogue.history_codes import ItemsThemselves
from ..codes.item_codes import ItemCodes
from ..data.scipy_matrix import with_columns
from ..errors import UsageError
from ..storage.ids import Rows


def rows_of_dims(brought: ItemsThemselves, items: int) -> Rows:
    """(dims,) the row of each dimension's item, -1 for those that were deleted."""
    row_of = np.full(brought.dims, -1, dtype=np.int64)
    row_of[brought.dims_of(np.arange(items))] = np.arange(items)
    return row_of


def stored_codes(catalogue: Catalogue) -> ItemCodes:
    """All codes as they are stored, rounded. Where dimensions are items they are those of rows, whatever they were.

    Raises UsageError where none are stored.
    """
    if not catalogue.engine.capabilities.keeps_codes or catalogue.manifest.parameters["store"] == "none":
        raise UsageError(f"{catalogue.path} keeps no codes (--store none); use the model that it was built from.")
    items, entry, brought = len(catalogue.ids), catalogue.manifest.codes, catalogue.history_codes
    shares = catalogue.history_weights
    matrix = catalogue.engine.stored_rows(np.arange(items))
    if isinstance(brought, ItemsThemselves):
        matrix = with_columns(matrix, rows_of_dims(brought, items), items)
    return ItemCodes(
        catalogue.ids,
        matrix,
        entry.origin | {"space": entry.space or entry.fingerprint},
        None if catalogue.item_counts is None else catalogue.item_counts.astype(np.int64),
        history_weights=None if shares is None else shares.astype(np.float32),
        history_codes=matrix if entry.history == "matrix" else entry.history,
    )
