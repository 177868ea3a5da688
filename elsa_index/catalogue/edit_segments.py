"""Editing the segments of an opened catalogue."""

from collections.abc import Mapping
from typing import Any

from ..errors import StorageError, UsageError
from ..segments.edits import SegmentEdit, Wanted, checked, former, members_to_keep
from ..segments.stored import TAG_PREFIX, Segments
from ..storage.files import locked
from ..storage.ids import IdMap
from .catalogue import Catalogue
from .manifest import Manifest


def edit_segments(catalogue: Catalogue, edits: Mapping[str, Any]) -> int:
    """Writes into the manifest what an editor wants of segments; see `Index.edit_segments`."""
    segments, manifest = catalogue.required_segments, catalogue.manifest
    wanted = checked(edits, IdMap(f"{TAG_PREFIX}{number}" for number in range(len(segments))))
    _refuse_names_twice(segments, wanted)
    assert manifest.segments is not None
    before = {former(edit.items, catalogue.ids, segments.of): edit for edit in manifest.segments.edits}
    for number, entry in wanted.items():
        before[number] = _edited(catalogue, number, None if entry.reset else before.get(number), entry)
    # A segment that is merged says so where it goes, in the one it becomes part of.
    for number, entry in wanted.items():
        for tag in entry.merge:
            part = members_to_keep(int(tag.removeprefix(TAG_PREFIX)), segments.of, catalogue.ids, catalogue.item_counts)
            before[number] = before[number].model_copy(update={"merged": [*before[number].merged, part]})
    kept = [edit for edit in before.values() if not edit.says_nothing()]
    entry_of_all = manifest.segments.model_copy(update={"edits": kept})
    with locked(catalogue.path):  # so that what is compared is what is written over
        if Manifest.read(catalogue.path) != manifest:
            raise StorageError(f"{catalogue.path} was replaced while it was edited; open it and edit it again.")
        catalogue.manifest = manifest.model_copy(update={"segments": entry_of_all})
        catalogue.manifest.write(catalogue.path)
    catalogue.segments = segments.unedited(catalogue.metadata).edited(kept)
    return len(kept)


def _edited(catalogue: Catalogue, number: int, before: SegmentEdit | None, entry: Wanted) -> SegmentEdit:
    items = members_to_keep(number, catalogue.required_segments.of, catalogue.ids, catalogue.item_counts)
    edit = before or SegmentEdit(items=items)
    changes: dict[str, Any] = {"items": items}
    if entry.name is not None:
        changes["name"] = entry.name
    if entry.hide is not None:
        changes["hidden"] = entry.hide
    if entry.pin is not None:
        changes["pinned"] = entry.pin
    return edit.model_copy(update=changes)


def _refuse_names_twice(segments: Segments, wanted: Mapping[int, Wanted]) -> None:
    named = {number: entry.name for number, entry in wanted.items() if entry.name is not None}
    names = [named.get(number, name) for number, name in enumerate(segments.names)]
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        other = seen.setdefault(name.casefold(), number)
        if other != number:
            raise UsageError(f"{TAG_PREFIX}{other} and {TAG_PREFIX}{number} would both be called {name!r}.")
