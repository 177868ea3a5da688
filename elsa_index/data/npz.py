"""Sparse matrices that `scipy.sparse.save_npz` wrote, or somebody who says so."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
from scipy.sparse import bsr_array, coo_array, csc_array, csr_array, dia_array

from ..errors import DataError, ElsaIndexError
from ..storage.ranges import check_range, check_shape, check_starts
from .raw_bytes import most_unpacked

_MOST_EMPTY = 10
"""A matrix may have so many rows, or columns, per stored value, and a million besides: what a file of a few bytes
claims must not cost memory."""
_CONVERTED = 48
"""Bytes that a stored value takes while it is made into CSR: its place twice in 64 bits, itself, and their sorting."""
_WHAT = "The arrays of the matrix"
_DAMAGE = (
    ValueError, KeyError, TypeError, OSError, EOFError, AttributeError, IndexError, NotImplementedError, OverflowError,
    MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error, ElsaIndexError,
)  # fmt: skip


def load_csr(path: Path) -> csr_array:
    """A SciPy sparse matrix saved as `.npz`, as canonical float32 CSR: sorted, summed, without stored zeros.

    What the file holds is checked before SciPy converts it, which writes outside its arrays where they do not fit.

    Raises DataError for anything else: other archives, pickled arrays, indices out of range, values that are
    no finite float32, more memory than there is.
    """
    _refuse_bomb(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            matrix = _checked(archive)
    except _DAMAGE as error:
        raise DataError(f"{path} is not a SciPy sparse matrix (scipy.sparse.save_npz): {error}") from None
    if matrix.dtype.kind not in "fiub":
        raise DataError(f"{path} must be a matrix of real numbers, got {matrix.dtype}.")
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


def _refuse_bomb(path: Path) -> None:
    """Raises DataError for an archive that would not fit into memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{path} is not a SciPy sparse matrix (scipy.sparse.save_npz): {error}") from None
    packed = path.stat().st_size
    if unpacked > most_unpacked(packed):
        raise DataError(f"{path} unpacks to {unpacked:,} bytes from {packed:,}, as no matrix of a log does.")
    free = psutil.virtual_memory().available
    if 2 * unpacked > free:
        raise DataError(
            f"{path} unpacks to {unpacked / 1e9:,.1f} GB, and reading it takes twice that, where {free / 1e9:,.1f} GB "
            "are free: use a machine with more memory."
        )


def _checked(archive: Any) -> csr_array:
    kind = archive["format"].item()
    kind = kind.decode("ascii") if isinstance(kind, bytes) else str(kind)
    shape = tuple(int(side) for side in archive["shape"])
    if len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"it must be a 2-dimensional matrix, got the shape {shape}")
    data = archive["data"]
    for side, name in zip(shape, ("rows", "columns"), strict=True):
        if side > _MOST_EMPTY * data.size + 1_000_000:
            raise ValueError(f"it claims {side:,} {name} for {data.size:,} stored values")
    needed, free = _CONVERTED * data.size + 16 * sum(shape), psutil.virtual_memory().available
    if needed > free:
        raise ValueError(f"it takes {needed / 1e9:,.1f} GB, where {free / 1e9:,.1f} GB are free")
    if kind == "coo":
        return _from_coo(archive, data, shape)
    if kind == "dia":
        return _from_dia(archive["offsets"], data, shape)
    if kind not in ("csr", "csc", "bsr"):
        raise ValueError(f"its format is {kind!r}; csr, csc, coo, bsr and dia are read")
    indices, indptr = archive["indices"], archive["indptr"]
    height, width = (1, 1) if kind != "bsr" else _block(data, shape)
    major, minor = (shape[1], shape[0]) if kind == "csc" else (shape[0] // height, shape[1] // width)
    check_shape(indptr, (major + 1,), "iu", _WHAT)
    check_shape(indices, (data.shape[0],), "iu", _WHAT)
    check_starts(indptr, len(indices), _WHAT)
    check_range(indices, minor, _WHAT)
    if kind != "bsr":
        check_shape(data, (None,), "fiub", _WHAT)
    maker = {"csr": csr_array, "csc": csc_array, "bsr": bsr_array}[kind]
    return csr_array(maker((data, indices.astype(np.int64), indptr.astype(np.int64)), shape=shape))


def _block(data: npt.NDArray, shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the blocks of a BSR matrix."""
    check_shape(data, (None, None, None), "fiub", _WHAT)
    _, height, width = data.shape
    if not height or not width or shape[0] % height or shape[1] % width:
        raise ValueError(f"blocks of {height} x {width} do not fill the shape {shape}")
    return height, width


def _from_coo(archive: Any, data: npt.NDArray, shape: tuple[int, ...]) -> csr_array:
    row, column = archive["coords"] if "coords" in archive.files else (archive["row"], archive["col"])
    check_shape(data, (None,), "fiub", _WHAT)
    for values, side in ((row, shape[0]), (column, shape[1])):
        check_shape(values, data.shape, "iu", _WHAT)
        check_range(values, side, _WHAT)
    return csr_array(coo_array((data, (row.astype(np.int64), column.astype(np.int64))), shape=shape))


def _from_dia(offsets: npt.NDArray, data: npt.NDArray, shape: tuple[int, ...]) -> csr_array:
    check_shape(data, (None, None), "fiub", _WHAT)
    check_shape(offsets, data.shape[:1], "iu", _WHAT)
    check_range(offsets, max(shape[1], 1), _WHAT, least=-shape[0])
    if len(np.unique(offsets)) < len(offsets):
        raise ValueError("a diagonal is there twice")
    return csr_array(dia_array((data[:, : shape[1]], offsets), shape=shape))
