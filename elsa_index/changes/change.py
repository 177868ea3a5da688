"""Changing an index on disk: each call is one commit, or none where nothing would change."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..catalogue.commit import PATIENCE, next_commit
from ..catalogue.outside import Outside, taken_back
from ..codes.item_codes import ItemCodes
from ..data.tags import tag_pairs
from ..errors import UsageError
from ..sequences import listed
from .compact import write_compacted
from .delete import draft_delete
from .draft import Draft
from .tag import draft_tags
from .upsert import draft_upsert
from .write import write_draft


@dataclass(frozen=True)
class Changed:
    """What a commit did.

    Attributes:
        added: Items that are new.
        replaced: Items that got another code.
        retagged: Other items whose tags changed.
        deleted: Items that are no more.
        items: How many there are now.
        commit: Its number, from 1 since the index was built; what it was where nothing changed.
        seconds: From the call until whoever opens the index sees it.
    """

    added: int
    replaced: int
    retagged: int
    deleted: int
    items: int
    commit: int
    seconds: float


def upsert(
    path: str | os.PathLike[str],
    codes: ItemCodes,
    *,
    items: Iterable[object] | None = None,
    tags: Iterable[tuple[str, str]] | None = None,
    metadata: Mapping[str, Sequence[object]] | None = None,
    same_space: bool = False,
    patience: float = PATIENCE,
) -> Changed:
    """Adds items to an index, and gives other codes to items that are there. Only codes that are not stored already are
    written: a whole model can be given.

    Whoever has the index open goes on answering from what was opened; whoever opens it afterwards sees the change, as a
    service does by itself.

    Args:
        path: The index directory, of the engine lucene, exact, faiss-flat or opensearch.
        codes: What items are scored by, of the training that the index's codes are of, or for all of its items.
        items: Ids of those of `codes` that are written; None: all.
        tags: Pairs of item id and tag that items get besides those they have.
        metadata: A table by column, with item_id: what is known of items anew.
        same_space: The codes go with the index's, although nothing says so: see `ItemCodes.space`.
        patience: Seconds for which another writer is waited for.

    Raises:
        UsageError: For codes that do not go with those of the index, and engines that cannot change.
        DataError: For codes that the index cannot hold, and tags of unknown items (UnknownIdError).
        StorageError: Where there is no index, it cannot be written, or another writer goes on for longer.

    >>> import tempfile
    >>> import elsa_index as ei
    >>> from scipy.sparse import csr_array
    >>> codes = ei.ItemCodes(ei.IdMap("abc"), csr_array([[1.0, 0], [0.6, 0.8], [0.8, -0.6]]))
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = directory + "/i"
    ...     ei.Index.build(codes, path, engine="exact", segments=None).close()
    ...     new = ei.ItemCodes(ei.IdMap(["d"]), csr_array([[0.0, 1.0]]), {"space": codes.space})
    ...     added = ei.upsert(path, new).added
    ...     deleted = ei.delete(path, ["a"]).deleted
    ...     with ei.Index.open(path) as index:
    ...         added, deleted, index.search([["d"]], k=2).ids.tolist()
    (1, 1, [['b', 'c']])
    """
    return _changed(
        path,
        lambda catalogue: draft_upsert(catalogue, codes, items, tags, metadata, same_space=same_space),
        patience,
    )


def delete(
    path: str | os.PathLike[str], items: Iterable[object], *, skip_unknown: bool = False, patience: float = PATIENCE
) -> Changed:
    """Deletes items from an index.

    Args:
        path: The index directory.
        items: Ids.
        skip_unknown: Delete the others where the index does not hold some.
        patience: See `upsert`.

    Raises:
        UnknownIdError: For unknown ids; nothing is deleted then.
        UsageError: Where no item would be left, and for engines that cannot change.
        StorageError: See `upsert`.
    """
    wanted = listed(items, "items")
    return _changed(path, lambda catalogue: draft_delete(catalogue, wanted, skip_unknown=skip_unknown), patience)


def tag(
    path: str | os.PathLike[str],
    add: Iterable[tuple[str, str]] = (),
    remove: Iterable[tuple[str, str]] = (),
    *,
    patience: float = PATIENCE,
) -> Changed:
    """Gives tags to items of an index, and takes tags from them.

    Args:
        path: The index directory; one that keeps no codes (`--store none`) cannot be tagged without them.
        add: Pairs of item id and tag, or a table with the columns item_id and tag.
        remove: The same; a tag that an item does not carry is no error.
        patience: See `upsert`.

    Raises:
        UnknownIdError: For items that the index does not hold.
        StorageError: See `upsert`.
    """
    pairs = tag_pairs(add), tag_pairs(remove)
    return _changed(path, lambda catalogue: draft_tags(catalogue, *pairs), patience)


def compact(path: str | os.PathLike[str], *, patience: float = PATIENCE) -> Changed:
    """Merges what changes left behind, so that searches take as long as those of an index that was just built. Where
    dimensions are items, and codes are stored, it takes about as long as building it.

    Args:
        path: The index directory.
        patience: See `upsert`.

    Raises:
        StorageError: See `upsert`.
    """
    started = time.perf_counter()
    path = Path(path)
    with _committed(path, patience) as (catalogue, staged, outside):
        manifest = write_compacted(catalogue, staged, outside)
    return Changed(0, 0, 0, 0, manifest.codes.items, manifest.commits, time.perf_counter() - started)


class _NothingToDo(Exception):
    pass


def _changed(path: str | os.PathLike[str], draft_of: Callable[[Catalogue], Draft], patience: float) -> Changed:
    started = time.perf_counter()
    path = Path(path)
    try:
        with _committed(path, patience) as (catalogue, staged, outside):
            draft = draft_of(catalogue)
            if _is_as_before(catalogue, draft):
                manifest = catalogue.manifest
                raise _NothingToDo
            manifest = write_draft(catalogue, draft, staged, outside)
    except _NothingToDo:
        pass
    new = int((draft.former[draft.stay :] < 0).sum())
    replaced = len(draft.coded) - new
    seconds = time.perf_counter() - started
    return Changed(new, replaced, draft.refiled, draft.gone, len(draft.ids), manifest.commits, seconds)


@contextmanager
def _committed(path: Path, patience: float) -> Iterator[tuple[Catalogue, Path, Outside]]:
    """The index as it is, a directory for the next commit, and what is made outside of it: both take their places where
    the block ends well."""
    with taken_back() as outside, next_commit(path, patience) as staged:
        catalogue = opened_for_change(path)
        outside.kind = type(catalogue.engine)
        try:
            yield catalogue, staged, outside
        finally:
            catalogue.close()
        outside.publish()


def opened_for_change(path: str | os.PathLike[str]) -> Catalogue:
    """Raises UsageError where the index's engine cannot change items."""
    catalogue = Catalogue.open(path)
    if not catalogue.engine.capabilities.changes:
        catalogue.close()
        raise UsageError(
            f"The engine {catalogue.engine.name} cannot change items of an index; build it again, or use lucene, "
            "exact, faiss-flat or opensearch."
        )
    return catalogue


def _is_as_before(catalogue: Catalogue, draft: Draft) -> bool:
    """Whether nothing would change."""
    if draft.stay < len(catalogue.ids) or draft.stay < len(draft.ids):
        return False
    if draft.tags_added or draft.tags_removed or draft.metadata is not None:
        return False
    given = draft.given
    if given is None:
        return True
    at, rows = draft.rows_of(catalogue, given.ids.names_of(draft.given_rows)), draft.given_rows
    counts, shares = catalogue.item_counts, catalogue.history_weights
    if counts is not None and given.item_counts is not None and (counts[at] != given.item_counts[rows]).any():
        return False
    kept = np.ones(len(rows), np.float32) if shares is None else shares[at]
    if (kept != given.history_weights_of(rows).astype(kept.dtype)).any():
        return False
    return isinstance(given.history_codes, str)
