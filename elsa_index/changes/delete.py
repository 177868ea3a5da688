"""Deleting items."""

from collections.abc import Iterable

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..errors import UnknownIdError, name_some
from ..storage.ids import external_id
from .draft import Draft


def draft_delete(catalogue: Catalogue, items: Iterable[object], *, skip_unknown: bool) -> Draft:
    """See `elsa_index.delete`."""
    names = list(dict.fromkeys(map(external_id, items)))
    rows = catalogue.ids.find(names)
    if not skip_unknown and (rows < 0).any():
        unknown = [name for name, row in zip(names, rows, strict=True) if row < 0]
        raise UnknownIdError(
            f"The index does not hold {name_some(unknown)} ({len(unknown):,} of {len(names):,} ids), and none was "
            "deleted; say skip_unknown (--skip-unknown) to delete the others."
        )
    return Draft.of(catalogue, gone=np.sort(rows[rows >= 0]))
