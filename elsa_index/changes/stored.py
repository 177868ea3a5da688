"""The codes that an index stores, as a model has them."""

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..catalogue.history_codes import ItemsThemselves
from ..codes.item_codes import ItemCodes
from ..data.scipy_matrix import with_columns
from ..errors import UsageError
from ..storage.ids import Rows


def stored_codes(catalogue: Catalogue, rows: Rows | None = None) -> ItemCodes:
    """Codes as they are stored, rounded, of some rows or all. Where dimensions are items they are the places of these
    items, whatever they were, and what refers to others is left out.

    Raises UsageError where none are stored.
    """
    if not catalogue.engine.capabilities.keeps_codes or catalogue.manifest.parameters["store"] == "none":
        raise UsageError(f"{catalogue.path} keeps no codes (--store none); use the model that it was built from.")
    entry, brought = catalogue.manifest.codes, catalogue.history_codes
    counts, shares = catalogue.item_counts, catalogue.history_weights
    rows = np.arange(len(catalogue.ids)) if rows is None else rows
    matrix = catalogue.engine.stored_rows(rows)
    if isinstance(brought, ItemsThemselves):
        place = np.full(len(catalogue.ids) + 1, -1, dtype=np.int64)  # the last is where -1 leads
        place[rows] = np.arange(len(rows))
        matrix = with_columns(matrix, place[brought.rows_of_dims(len(catalogue.ids))], len(rows))
    return ItemCodes(
        catalogue.ids.in_order(rows),
        matrix,
        entry.origin | {"space": entry.space or entry.fingerprint},
        None if counts is None else counts[rows].astype(np.int64),
        history_weights=None if shares is None else shares[rows].astype(np.float32),
        history_codes=matrix if entry.history == "matrix" else entry.history,
    )
