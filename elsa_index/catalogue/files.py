"""Names of the files in an index directory, and which part of the index each belongs to."""

from pathlib import Path

from ..segments.stored import DIRECTORY as SEGMENTS
from .manifest import NAME, Manifest

__all__ = ["HISTORY_WEIGHTS", "ITEM_COUNTS", "SEGMENTS", "bytes_by_part"]

ITEM_COUNTS = "item_counts.npy"
HISTORY_WEIGHTS = "history_weights.npy"
_PARTS = ("ids", "codes", "history_codes", "postings", "vectors", "tags", SEGMENTS, "metadata")
"""A part's files begin with its name and a full stop, or lie in a folder of its name."""


def bytes_by_part(path: Path, manifest: Manifest) -> dict[str, int]:
    """Bytes of each part that an index has; `other` for the rest, `cluster` for primary shards elsewhere."""
    parts = dict.fromkeys(_PARTS, 0)
    parts["other"] = (path / NAME).stat().st_size
    parts["cluster"] = manifest.parameters.get("primary_bytes", 0)
    for name, entry in manifest.files.items():
        parts[part_of(name)] += entry.bytes
    return {part: size for part, size in parts.items() if size}


def part_of(name: str) -> str:
    """The part that a file belongs to.

    >>> [part_of(name) for name in ("ids.utf8.npy", "postings/_0.doc", "item_counts.npy")]
    ['ids', 'postings', 'other']
    """
    return next((part for part in _PARTS if name.startswith((f"{part}.", f"{part}/"))), "other")
