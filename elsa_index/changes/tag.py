"""Tagging: what items can be filtered by."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..errors import DataError, UnknownIdError, UsageError, name_some
from ..segments.stored import TAG_PREFIX
from ..storage.ids import IdMap, Rows
from .draft import NO_ROWS, Draft

Pairs = list[tuple[str, str]]
"""Tags and ids of items."""


def draft_tags(catalogue: Catalogue, add: Iterable[tuple[str, str]], remove: Iterable[tuple[str, str]]) -> Draft:
    """See `elsa_index.tag`."""
    added, removed = checked_pairs(add), checked_pairs(remove)
    if both := set(added) & set(removed):
        raise UsageError(f"A tag is added to an item and removed from it: {name_some([str(one) for one in both])}.")
    added = [pair for pair in added if not _carries(catalogue, pair)]
    rows = np.union1d(known_rows(catalogue, added), known_rows(catalogue, removed))
    removed = [pair for pair in removed if _carries(catalogue, pair)]
    carried = catalogue.ids.find([item for _, item in (*added, *removed)])
    draft = Draft.of(catalogue, refiled=np.intersect1d(rows, carried))
    return replace(draft, tags_added=added, tags_removed=removed)


def checked_pairs(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """From pairs of item id and tag. Raises DataError for tags of segments, which are made."""
    checked: Pairs = []
    for item, name in pairs:
        if name.startswith(TAG_PREFIX):
            raise DataError(f"Tags that begin with {TAG_PREFIX} are made here; no item may be given {name!r}.")
        checked.append((name, item))
    return list(dict.fromkeys(checked))


def known_rows(catalogue: Catalogue, pairs: Pairs, besides: IdMap | None = None) -> Rows:
    """Rows of tagged items, sorted. besides: ids of items that come, which may be tagged too.

    Raises UnknownIdError for others.
    """
    if not pairs:
        return NO_ROWS
    items = list(dict.fromkeys(item for _, item in pairs))
    rows = catalogue.ids.find(items)
    known = rows >= 0 if besides is None else (rows >= 0) | (besides.find(items) >= 0)
    if not known.all():
        unknown = [item for item, is_known in zip(items, known, strict=True) if not is_known]
        raise UnknownIdError(f"The index does not hold tagged items: {name_some(unknown)}; nothing was changed.")
    return np.unique(rows[rows >= 0])


def _carries(catalogue: Catalogue, pair: tuple[str, str]) -> bool:
    tag, item = pair
    if catalogue.tags is None or tag not in catalogue.tags.names or item not in catalogue.ids:
        return False
    of_tag = catalogue.tags.rows_of(int(catalogue.tags.names.find([tag])[0]))
    row = int(catalogue.ids.find([item])[0])
    at = int(np.searchsorted(of_tag, row))
    return at < len(of_tag) and int(of_tag[at]) == row
