"""Stored codes: compact, memory-mapped arrays that exact scores are computed from."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..codes import ItemCodes
from ..errors import DataError, StorageError
from ..ids import Rows, load_array
from ..query import Vector
from .base import Engine, StoreName


@dataclass(frozen=True, eq=False)
class StoredCodes:
    """(items, dims) codes as CSR parts: weights float16 or float32, dims uint16 or uint32.

    Scores are computed in float64. Half-precision weights and their sums are exact there, so that every engine
    that scores from here gives the same score for the same item, to the bit.
    """

    weights: npt.NDArray[np.floating]
    dims_of: npt.NDArray[np.unsignedinteger]
    indptr: npt.NDArray[np.unsignedinteger]
    dims: int

    @classmethod
    def round(cls, codes: ItemCodes, store: StoreName) -> "StoredCodes":
        """Codes in the precision of `store`. Raises DataError where that precision cannot hold them."""
        with np.errstate(over="ignore", under="ignore"):
            weights = codes.weights.data.astype(store)
        rounded = csr_array(
            (weights.astype(np.float32), codes.weights.indices, codes.weights.indptr), codes.weights.shape
        )
        if not np.isfinite(rounded.data).all() or not codes.weights.data.all():
            raise DataError(
                f"Weights up to {np.abs(codes.weights.data).max():g} do not fit {store}; pass --store float32."
            )
        if not rounded.data.all():
            rounded = rounded.copy()
            rounded.eliminate_zeros()
        empty = np.flatnonzero(np.diff(rounded.indptr) == 0)
        if len(empty):
            raise DataError(
                f"All weights of item {codes.ids[int(empty[0])]!r} are too small for {store}; pass --store float32."
            )
        dim_type = np.uint16 if codes.dims <= 2**16 else np.uint32
        pointer_type = np.uint32 if rounded.nnz < 2**32 else np.uint64
        return cls(
            rounded.data.astype(store),
            rounded.indices.astype(dim_type),
            rounded.indptr.astype(pointer_type),
            codes.dims,
        )

    def save(self, directory: Path) -> None:
        np.save(directory / "codes.weights.npy", self.weights)
        np.save(directory / "codes.dims.npy", self.dims_of)
        np.save(directory / "codes.indptr.npy", self.indptr)

    @classmethod
    def load(cls, directory: Path, dims: int) -> "StoredCodes":
        parts = [load_array(directory / f"codes.{name}.npy") for name in ("weights", "dims", "indptr")]
        if len(parts[0]) != len(parts[1]) or int(parts[2][-1]) != len(parts[0]):
            raise StorageError(f"The stored codes in {directory} are damaged: their arrays do not fit each other.")
        return cls(parts[0], parts[1], parts[2], dims)

    @property
    def items(self) -> int:
        return len(self.indptr) - 1

    def _positions(self, rows: Rows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the weights of `rows` lie, one row after the other, and where each row begins among them."""
        starts = self.indptr[rows].astype(np.int64)
        lengths = self.indptr[rows + 1].astype(np.int64) - starts
        begins = np.cumsum(lengths) - lengths
        return np.arange(int(lengths.sum())) + np.repeat(starts - begins, lengths), begins

    def sum_rows(self, rows: Rows, weights: Vector) -> Vector:
        """(dims,) float64: Σ weight · code over `rows`."""
        positions, begins = self._positions(rows)
        lengths = np.diff(np.append(begins, len(positions)))
        values = self.weights[positions].astype(np.float64) * np.repeat(weights, lengths)
        summed: npt.NDArray = np.bincount(self.dims_of[positions].astype(np.int64), values, minlength=self.dims)
        return summed.astype(np.float64, copy=False)  # bincount of nothing is of integers

    def score(self, rows: Rows, vector: Vector) -> npt.NDArray[np.float64]:
        """(rows,) float64: A_i · u."""
        if not len(rows):
            return np.zeros(0)
        positions, begins = self._positions(rows)
        products = self.weights[positions].astype(np.float64) * vector[self.dims_of[positions]]
        return np.add.reduceat(products, begins)

    def rows(self, rows: Rows) -> npt.NDArray[np.float64]:
        """(rows, dims) float64, dense."""
        result = np.zeros((len(rows), self.dims))
        for place, row in enumerate(rows):
            span = slice(int(self.indptr[row]), int(self.indptr[row + 1]))
            result[place, self.dims_of[span]] = self.weights[span]
        return result

    @cached_property
    def matrix(self) -> csr_array:
        """(items, dims) float64 CSR, in memory: what exhaustive scoring multiplies."""
        parts = (self.weights.astype(np.float64), self.dims_of.astype(np.int32), self.indptr.astype(np.int64))
        return csr_array(parts, shape=(self.items, self.dims))

    @property
    def max_norm(self) -> float:
        """The largest Euclidean norm of a row."""
        squares = np.square(self.weights.astype(np.float64))
        return float(np.sqrt(np.max(np.add.reduceat(squares, self.indptr[:-1].astype(np.int64)))))

    @property
    def max_nonzeros(self) -> int:
        return int(np.max(np.diff(self.indptr.astype(np.int64))))


class StoredCodesEngine(Engine):
    """What engines that score from `StoredCodes` have in common."""

    def __init__(self, store: StoredCodes) -> None:
        self.store = store
        self.items, self.dims = store.items, store.dims

    def stored_rows(self, rows: Rows) -> npt.NDArray[np.float64]:
        return self.store.rows(rows)

    def query_vector(self, rows: Rows, weights: Vector) -> Vector:
        return self.store.sum_rows(rows, weights)
