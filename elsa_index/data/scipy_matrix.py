"""SciPy matrices and their rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..storage.ranges import check_range, check_shape, check_starts


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


def sum_in_order(values: npt.NDArray[np.float64], lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """(rows,) the sum of the values of each row, one after the other in their order: `np.add.reduceat` has an order of
    its own. lengths: how many values each row has.

    >>> sum_in_order(np.array([1e16, 1.0, 1.0, 4.0]), np.array([3, 0, 1])).tolist()
    [1e+16, 0.0, 4.0]
    """
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return np.asarray(np.bincount(rows, values, minlength=len(lengths)), dtype=np.float64)


def checked_csr(
    data: npt.NDArray, indices: npt.NDArray, indptr: npt.NDArray, shape: tuple[int, int], what: str
) -> csr_array:
    """CSR from arrays that somebody else wrote: SciPy reads and writes outside of its own where they do not fit.

    Raises StorageError where they do not.
    """
    check_shape(indptr, (shape[0] + 1,), "iu", what)
    check_shape(indices, (None,), "iu", what)
    check_shape(data, indices.shape, "fiub", what)
    check_starts(indptr, len(indices), what)
    check_range(indices, shape[1], what)
    return csr_array((data, indices, indptr), shape=shape)


def widened(matrix: csr_array, width: int) -> csr_array:
    """The same entries among more columns.

    >>> widened(csr_array([[1.0, 2]]), 3).toarray().tolist()
    [[1.0, 2.0, 0.0]]
    """
    return csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], width))


def with_columns(matrix: csr_array, column_of: npt.NDArray[np.integer], width: int) -> csr_array:
    """(rows, width) CSR with column c under number column_of[c]; what belongs to a column that has none (-1) is left
    out.

    >>> with_columns(csr_array([[1.0, 2, 3]]), np.array([3, -1, 0]), 4).toarray().tolist()
    [[3.0, 0.0, 0.0, 1.0]]
    """
    columns = column_of[matrix.indices]
    left = np.flatnonzero(columns >= 0)
    starts = np.searchsorted(left, matrix.indptr)
    moved = csr_array((matrix.data[left], columns[left], starts), shape=(matrix.shape[0], width))
    moved.sort_indices()
    return moved


def row_norms(matrix: csr_array) -> npt.NDArray[np.float64]:
    """(rows,) Euclidean norms.

    >>> row_norms(csr_array([[3.0, 4.0], [0, 0]])).tolist()
    [5.0, 0.0]
    """
    squares = np.square(matrix.data, dtype=np.float64)
    norms: npt.NDArray[np.float64] = np.sqrt(reduce_rows(np.add, squares, matrix.indptr[:-1], np.diff(matrix.indptr)))
    return norms


def with_norms(rows: csr_array, norms: npt.NDArray[np.floating]) -> csr_array:
    """float32 rows of norm 1, or others, each multiplied by a number: (rows,)."""
    return csr_array(
        (rows.data * np.repeat(norms, np.diff(rows.indptr)).astype(np.float32), rows.indices, rows.indptr),
        shape=rows.shape,
    )


def of_norm_one(rows: csr_array) -> csr_array:
    """Each float32 row divided by its norm, where that is not 0.

    >>> of_norm_one(csr_array(np.array([[3, 4], [0, 0]], np.float32))).todense().tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    norms = row_norms(rows)
    return with_norms(rows, np.divide(1, norms, out=np.zeros(len(norms)), where=norms > 0))


def largest_in_rows(matrix: csr_array, budgets: npt.NDArray[np.integer]) -> csr_array:
    """The largest magnitudes of each row, as many as its budget; of equal ones the first.

    >>> largest_in_rows(csr_array([[1.0, -3, 2], [1, 1, 0]]), np.array([2, 1])).toarray().tolist()
    [[0.0, -3.0, 2.0], [1.0, 0.0, 0.0]]
    """
    kept = ranks_in_rows(matrix) < np.repeat(budgets, np.diff(matrix.indptr))
    starts = np.append(0, np.cumsum(np.bincount(rows_of(matrix)[kept], minlength=matrix.shape[0])))
    return csr_array((matrix.data[kept], matrix.indices[kept], starts), shape=matrix.shape)
