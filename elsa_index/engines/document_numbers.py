"""What documents of an inverted index are numbered by: rows move as items go, and numbers stay."""

from pathlib import Path

import numpy as np

from ..storage.files import load_array
from ..storage.ids import Rows
from ..storage.ranges import check_shape

_NUMBERS = "postings.numbers.npy"


def load_numbers(directory: Path, items: int) -> Rows | None:
    """(items,) the number of each item's document, ascending; None where it is the row."""
    path = directory / _NUMBERS
    if not path.is_file():
        return None
    numbers = load_array(path)
    check_shape(numbers, (items,), "u", f"The numbers in {path}")
    return numbers.astype(np.int64)


def save_numbers(directory: Path, before: Rows, kept: Rows, items: int) -> Rows:
    """Writes and returns the numbers after a change. before: those before it. kept: rows that stay. items: how many
    there are now: those that are written get further numbers."""
    added = np.arange(items - len(kept)) + int(before[-1]) + 1
    numbers = np.concatenate([before[kept], added])
    np.save(directory / _NUMBERS, numbers.astype(np.uint32))
    return numbers
