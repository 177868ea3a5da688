"""Folding the new items of a log into an index."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..catalogue.commit import PATIENCE
from ..data.interactions import Interactions
from ..data.logs import as_interactions
from ..data.metadata import Metadata
from ..storage.ids import IdMap, external_id
from ..training.fold_in import fold_in
from ..training.folded_in import FoldedIn, refuse_own_history_codes
from .by_metadata import BY_METADATA, rows_by_metadata, with_codes_by_metadata
from .change import Changed, opened_for_change, upsert
from .draft import NO_ROWS
from .stored import stored_codes


@dataclass(frozen=True)
class FoldedIntoIndex:
    """What folding items into an index did.

    Attributes:
        added: Ids of the items that are new.
        improved: Ids of items whose codes changed, because a new item now speaks for them.
        without_code: Ids of new items that are not in the index: nobody has them beside another one, and they have no
            term of metadata in common with one that has a code.
        by_metadata: Ids of new items that got the codes of their nearest by metadata, and the tag `code:metadata`,
            which they lose when they get a code of their own.
        changed: The commit.
    """

    added: list[str]
    improved: list[str]
    without_code: list[str]
    by_metadata: list[str]
    changed: Changed


def fold_into_index(
    path: str | os.PathLike[str],
    log: Interactions | object,
    *,
    tags: Iterable[tuple[str, str]] | None = None,
    metadata: Mapping[str, Sequence[object]] | None = None,
    on_stage: Callable[[str, int, int], None] | None = None,
    patience: float = PATIENCE,
) -> FoldedIntoIndex:
    """Gives codes to the items of a log that an index does not hold, against the codes that it stores, and adds them in
    one commit; where it holds them all, nothing changes.

    What metadata describes that nobody has beside another item gets the mean of the codes of its nearest by metadata,
    with half of their norm, and the tag `code:metadata`; once it has interactions it is new once more.

    Args:
        path: The index directory, of the engine lucene, exact, faiss-flat or opensearch, that stores codes.
        log: See `fold_in`.
        tags: See `upsert`.
        metadata: See `upsert`; the index must know the same of its other items.
        on_stage: Called while it works; see `train`.
        patience: See `upsert`.

    Raises:
        DataError: See `fold_in` and `upsert`.
        UsageError: See `fold_in` and `upsert`, and for an index without stored codes.
        StorageError: See `upsert`.
    """
    log = as_interactions(log)
    catalogue = opened_for_change(path)
    try:
        provisional = rows_by_metadata(catalogue)
        codes = stored_codes(catalogue, np.setdiff1d(np.arange(len(catalogue.ids)), provisional))
        refuse_own_history_codes(codes)
        found = FoldedIn(codes, NO_ROWS, NO_ROWS, [])
        if any(name not in codes.ids for name in log.items):
            found = fold_in(codes, log, on_stage)
        described = _only_described(catalogue, found, metadata)
        with_all = found.codes
        if described:
            ids = IdMap(dict.fromkeys([*catalogue.ids, *found.codes.ids, *described]))
            known = Metadata.changed(catalogue.metadata, catalogue.ids.find(ids), ids, metadata)
            assert known is not None
            with_all = with_codes_by_metadata(found.codes, described, known, ids)
    finally:
        catalogue.close()
    by_metadata = [name for name in described if name in with_all.ids]
    added, improved = (found.codes.ids.take(rows).tolist() for rows in (found.added, found.improved))
    marks = [(name, BY_METADATA) for name in by_metadata]
    changed = upsert(
        path, with_all, items=added + improved + by_metadata, tags=[*(tags or ()), *marks], metadata=metadata,
        patience=patience,
    )  # fmt: skip
    without = [name for name in dict.fromkeys([*found.without_code, *described]) if name not in with_all.ids]
    return FoldedIntoIndex(added, improved, without, by_metadata, changed)


def _only_described(
    catalogue: Catalogue, found: FoldedIn, metadata: Mapping[str, Sequence[object]] | None
) -> list[str]:
    """Ids of items that metadata describes, and that are neither in the index nor got a code from the log."""
    if metadata is None:
        return []
    names = [external_id(name) for name in metadata.get("item_id", ())]
    known = (found.codes.ids.find(names) >= 0) | (catalogue.ids.find(names) >= 0)
    return list(dict.fromkeys(name for name, is_known in zip(names, known.tolist(), strict=True) if not is_known))
