"""Folding the new items of a log into an index."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..catalogue.catalogue import Catalogue
from ..catalogue.commit import PATIENCE
from ..data.interactions import Interactions
from ..training.fold_in import fold_in
from .change import Changed, refuse_unchangeable, upsert
from .stored import stored_codes


@dataclass(frozen=True)
class FoldedIntoIndex:
    """What folding items into an index did.

    Attributes:
        added: Ids of the items that are new.
        improved: Ids of items whose codes changed, because a new item now speaks for them.
        without_code: Ids of new items that occur with no other; see `FoldedIn`.
        changed: The commit.
    """

    added: list[str]
    improved: list[str]
    without_code: list[str]
    changed: Changed


def fold_into_index(
    path: str | os.PathLike[str],
    log: Interactions,
    *,
    tags: Iterable[tuple[str, str]] | None = None,
    metadata: Mapping[str, Sequence[object]] | None = None,
    on_stage: Callable[[str, int, int], None] | None = None,
    patience: float = PATIENCE,
) -> FoldedIntoIndex:
    """Gives codes to the items of a log that an index does not hold, against the codes that it stores, and adds them in
    one commit.

    Args:
        path: The index directory, of the engine lucene, exact or faiss-flat, that stores codes.
        log: See `fold_in`.
        tags: See `upsert`.
        metadata: See `upsert`.
        on_stage: Called while it works; see `train`.
        patience: See `upsert`.

    Raises:
        UsageError: See `fold_in` and `upsert`, and for an index without stored codes.
        DataError: Where the index holds every item of the log.
        StorageError: See `upsert`.
    """
    catalogue = Catalogue.open(path)
    try:
        refuse_unchangeable(catalogue)
        found = fold_in(stored_codes(catalogue), log, on_stage)
    finally:
        catalogue.close()
    added, improved = (found.codes.ids.take(rows).tolist() for rows in (found.added, found.improved))
    changed = upsert(path, found.codes, items=added + improved, tags=tags, metadata=metadata, patience=patience)
    return FoldedIntoIndex(added, improved, found.without_code, changed)
