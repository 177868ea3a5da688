"""Editing the segments of an opened catalogue."""

from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..segments.edits import SegmentEdit, Wanted, checked, former, members_to_keep
from ..segments.stored import TAG_PREFIX, Segments
from ..storage.ids import IdMap
from .catalogue import Catalogue


def edit_segments(catalogue: Catalogue, edits: Mapping[str, Any]) -> int:
    """Writes into the manifest what an editor wants of segments; see `Index.edit_segments`."""
    segments, manifest = catalogue.required_segments, catalogue.manifest
    assert manifest.segments is not None
    tags = IdMap(f"{TAG_PREFIX}{number}" for number in range(len(segments)))
    wanted = checked(edits, tags)
    _refuse_names_twice(segments, wanted)

    def members(number: int) -> list[str]:
        return members_to_keep(number, segments.of, catalogue.ids, catalogue.item_counts)

    of_all = {former(edit.items, catalogue.ids, segments.of): edit for edit in manifest.segments.edits}
    for number, entry in wanted.items():
        before = None if entry.reset else of_all.get(number)
        edit = (before or SegmentEdit(items=[])).model_copy(
            update={"items": members(number)} | entry.model_dump(include={"name", "hide", "pin"}, exclude_none=True)
        )
        if edit.pin and edit.hide:
            raise UsageError(f"{tags[number]}: a segment cannot be pinned and hidden.")
        # A segment that is merged says so where it goes, in the one it becomes part of.
        merged = [*edit.merged, *(members(int(part)) for part in tags.rows(entry.merge))]
        of_all[number] = edit.model_copy(update={"merged": merged})
    kept = [edit for edit in of_all.values() if not edit.says_nothing()]
    entries = manifest.segments.model_copy(update={"edits": kept})
    catalogue.rewrite_manifest(manifest.model_copy(update={"segments": entries}), "edited", "edit")
    catalogue.segments = segments.edited(kept)
    return len(kept)


def _refuse_names_twice(segments: Segments, wanted: Mapping[int, Wanted]) -> None:
    named = {number: entry.name for number, entry in wanted.items() if entry.name is not None}
    names = [named.get(number, name) for number, name in enumerate(segments.names)]
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        other = seen.setdefault(name.casefold(), number)
        if other != number:
            raise UsageError(f"{TAG_PREFIX}{other} and {TAG_PREFIX}{number} would both be called {name!r}.")
