"""Compacting: the same items, filed as if the index had just been built."""

from pathlib import Path

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..catalogue.files import SEGMENTS
from ..catalogue.history_codes import ItemsThemselves
from ..catalogue.manifest import FORMAT, Manifest
from ..catalogue.outside import Outside
from ..catalogue.parts import part_of
from ..codes.item_codes import ItemCodes
from ..data.scipy_matrix import with_columns
from ..engines import engine_class
from ..engines.contract import BuildPlan
from ..engines.item_dims import ITEM_DIMS
from ..segments.stored import TAG_PREFIX, SegmentsEntry
from ..storage.ids import IdMap
from ..storage.staging import linked
from .stored import stored_codes
from .write import files_of, refuse_full_disk

_BITS = BuildPlan().bits
_OF_ENGINE = ("codes", "postings", "vectors")


def write_compacted(catalogue: Catalogue, staged: Path, outside: Outside) -> Manifest:
    """Writes the next commit, and what is made `outside` for it: postings in one piece, without those of deleted items;
    and where dimensions are items, which keep theirs through all changes, dimensions that are rows again, if codes are
    kept that this can be made of."""
    source, before = catalogue.path, catalogue.manifest
    refuse_full_disk(source, before)
    update: dict[str, object] = {"commits": before.commits + 1}
    brought = catalogue.history_codes
    names = list(before.files)
    if isinstance(brought, ItemsThemselves) and brought.of is not None and before.parameters["store"] != "none":
        update |= _renumbered(catalogue, brought, staged, outside)
        names = [name for name in names if name != ITEM_DIMS and part_of(name) not in _OF_ENGINE]
        kept = ("names.", "of.", "typical.", "merged.")
        names = [name for name in names if part_of(name) != SEGMENTS or name.split("/")[1].startswith(kept)]
    else:
        update["parameters"] = outside.parameters = catalogue.engine.compact(source, staged, before.parameters)
        names = [name for name in names if not name.startswith("postings/") or not (staged / "postings").exists()]
    linked(source, staged, names)
    manifest = before.model_copy(update=update)
    manifest = manifest.model_copy(update={
        "format": FORMAT, "files": files_of(staged, source, before),
    })  # fmt: skip
    manifest.write(staged)
    return manifest


def _renumbered(catalogue: Catalogue, brought: ItemsThemselves, staged: Path, outside: Outside) -> dict[str, object]:
    """Writes the engine's files, and the vectors of segments, with each item's row for its dimension."""
    before, items = catalogue.manifest, stored_codes(catalogue)
    row_of = brought.rows_of_dims(len(catalogue.ids))
    plan = catalogue.engine.rebuilt(before.parameters, catalogue.facets)
    outside.parameters = type(catalogue.engine).build(items, staged, plan)
    changed: dict[str, object] = {
        "parameters": outside.parameters,
        "codes": before.codes.model_copy(update={"dims": items.dims}),
    }
    if catalogue.segments is not None and before.segments is not None:
        changed["segments"] = _segments(catalogue, before.segments, row_of, staged)
    return changed


def _segments(catalogue: Catalogue, entry: SegmentsEntry, row_of: np.ndarray, staged: Path) -> SegmentsEntry:
    segments = catalogue.required_segments
    vectors = with_columns(segments.vectors, row_of, len(catalogue.ids))
    tags = IdMap(f"{TAG_PREFIX}{number}" for number in range(len(segments)))
    (staged / SEGMENTS).mkdir()
    plan = BuildPlan(entry.parameters.get("bits", _BITS), entry.parameters["store"])
    # A segment whose items are all gone has no direction left: rows may be empty where histories bring something else.
    codes = ItemCodes(tags, vectors, history_codes=vectors)
    parameters = engine_class(entry.engine).build(codes, staged / SEGMENTS, plan)
    return entry.model_copy(update={"parameters": parameters})
