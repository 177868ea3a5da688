"""Names of files in an index directory, and how large its parts are."""

from pathlib import Path

from ..segments.stored import DIRECTORY as SEGMENTS
from .manifest import NAME, Manifest
from .parts import OTHER, PARTS, part_of

__all__ = ["HISTORY_WEIGHTS", "ITEM_COUNTS", "SEGMENTS", "bytes_by_part"]

ITEM_COUNTS = "item_counts.npy"
HISTORY_WEIGHTS = "history_weights.npy"


def bytes_by_part(path: Path, manifest: Manifest) -> dict[str, int]:
    """Bytes of each part that an index has; `other` for the rest, `cluster` for primary shards elsewhere."""
    parts = dict.fromkeys(PARTS, 0)
    parts[OTHER] = (path / NAME).stat().st_size
    parts["cluster"] = manifest.parameters.get("primary_bytes", 0)
    for name, entry in manifest.files.items():
        parts[part_of(name)] += entry.bytes
    return {part: size for part, size in parts.items() if size}
