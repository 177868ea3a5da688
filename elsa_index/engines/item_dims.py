"""Where dimensions are items: which of them stands for each item, in an index that was changed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..storage.files import load_array
from ..storage.ids import Rows
from ..storage.ranges import check_range, check_shape

ITEM_DIMS = "item_dims.npy"


def load_item_dims(directory: Path, items: int, dims: int) -> npt.NDArray[np.unsignedinteger] | None:
    """(items,) the dimension that stands for each item; None where it is its row."""
    path = directory / ITEM_DIMS
    if not path.is_file():
        return None
    of = load_array(path)
    check_shape(of, (items,), "u", f"The dimensions in {path}")
    check_range(of, dims, f"The dimensions in {path}")
    return of


def rows_of_dims(of: Rows | npt.NDArray[np.unsignedinteger], dims: int) -> Rows:
    """(dims,) the row of each dimension's item, -1 for those that were deleted. of: the dimension of each item.

    >>> rows_of_dims(np.array([2, 0]), 3).tolist()
    [1, -1, 0]
    """
    row_of = np.full(dims, -1, dtype=np.int64)
    row_of[of] = np.arange(len(of))
    return row_of
