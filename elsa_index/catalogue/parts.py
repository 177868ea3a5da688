"""Which part of an index each of its files belongs to."""

from ..segments.stored import DIRECTORY as SEGMENTS

PARTS = ("ids", "codes", "history_codes", "item_dims", "postings", "vectors", "tags", "numbers", SEGMENTS, "metadata")
"""A part's files begin with its name and a full stop, or lie in a folder of its name."""
OTHER = "other"


def part_of(name: str) -> str:
    """The part that a file belongs to.

    >>> [part_of(name) for name in ("ids.utf8.npy", "postings/_0.doc", "item_counts.npy")]
    ['ids', 'postings', 'other']
    """
    return next((part for part in PARTS if name.startswith((f"{part}.", f"{part}/"))), OTHER)
