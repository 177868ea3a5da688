"""SciPy matrices: reading those that somebody else wrote, and their rows."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, load_npz

from ..errors import DataError


def column_lists(matrix: csr_array) -> list[npt.NDArray[np.int64]]:
    """The columns of each row's nonzeros.

    >>> [columns.tolist() for columns in column_lists(csr_array([[0, 1, 1], [0, 0, 0]]))]
    [[1, 2], []]
    """
    return np.split(matrix.indices.astype(np.int64), matrix.indptr[1:-1])


def rows_of(matrix: csr_array) -> npt.NDArray[np.int64]:
    """(nonzeros,) the row of every stored entry: the user, in a log."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def ranks_in_rows(matrix: csr_array) -> npt.NDArray[np.int64]:
    """(nonzeros,) how many entries of its row come before each by magnitude, largest first; of equal ones the first.

    >>> ranks_in_rows(csr_array([[1, -3, 2], [0, 5, 5]])).tolist()
    [2, 0, 1, 0, 1]
    """
    order = np.lexsort((-np.abs(matrix.data), rows_of(matrix)))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    return ranks


def reduce_rows(
    how: np.ufunc, values: npt.NDArray[np.number], begins: npt.NDArray[np.integer], lengths: npt.NDArray[np.integer]
) -> npt.NDArray[Any]:
    """(rows,) `how`, such as np.add, over the values of each row; 0 for rows without values, which `how.reduceat` alone
    gets wrong. begins: where each row begins. lengths: how many values it has.

    >>> reduce_rows(np.add, np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2]), np.array([2, 0, 1])).tolist()
    [3.0, 0.0, 4.0]
    """
    filled = lengths > 0
    if filled.all():
        return how.reduceat(values, begins) if len(begins) else values[:0]
    reduced = np.zeros(len(begins), dtype=values.dtype)
    if filled.any():
        reduced[filled] = how.reduceat(values, begins[filled])
    return reduced


def load_csr(path: Path) -> csr_array:
    """A SciPy sparse matrix saved as `.npz`, as canonical float32 CSR: sorted, summed, without stored zeros.

    Raises DataError for anything else: other archives, pickled arrays, indices out of range, values that are
    no finite float32.
    """
    try:
        matrix = csr_array(load_npz(path))
        matrix.check_format(full_check=True)
    except (ValueError, KeyError, TypeError, OSError, EOFError, AttributeError, IndexError,
            NotImplementedError, zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise DataError(f"{path} is not a SciPy sparse matrix (scipy.sparse.save_npz): {error}") from None
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiub":
        raise DataError(
            f"{path} must be a 2-dimensional matrix of real numbers, got {matrix.ndim} dimensions of {matrix.dtype}."
        )
    finite = np.isfinite(matrix.data)
    if not finite.all():
        at = int(np.flatnonzero(~finite)[0])
        row = int(np.searchsorted(matrix.indptr, at, side="right")) - 1
        raise DataError(f"{path}, row {row}: values must be finite numbers, got {matrix.data[at]}.")
    matrix.sum_duplicates()
    with np.errstate(over="ignore"):
        matrix = matrix.astype(np.float32)
    if not np.isfinite(matrix.data).all():
        raise DataError(f"{path} holds values beyond the range of float32.")
    matrix.eliminate_zeros()
    return matrix
