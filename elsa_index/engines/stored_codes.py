"""Stored codes: compact, memory-mapped arrays that exact scores are computed from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array, csr_array

from ..codes.item_codes import ItemCodes
from ..codes.query_vector import QueryVector, Vector
from ..data.scipy_matrix import reduce_rows, sum_in_order
from ..errors import DataError
from ..storage.files import load_array
from ..storage.ids import IdMap, Rows
from ..storage.ranges import check_range, check_shape, check_starts
from ..storage.runs import parts_in_order
from .contract import Change, Engine
from .names import StoreName

_CHUNK = 10_000


@dataclass(frozen=True, eq=False)
class Chunk:
    """Codes of successive rows. rows: their numbers. starts: where each begins in dims_of and values, and the end."""

    rows: range
    starts: list[int]
    dims_of: npt.NDArray[np.unsignedinteger]
    values: Vector


@dataclass(frozen=True, eq=False)
class StoredCodes:
    """(items, dims) codes as CSR parts: weights int8, float16 or float32, dims uint16 or uint32.

    scales: (items,) float16, what one unit of an int8 weight of each item stands for; None for other weights.
    lengths: (items,) unsigned, nonzeros of each item, in the fewest bytes that hold them.

    Scores are computed in float64. Rounded weights and their sums are exact there, so that every engine that scores
    from here gives the same score for the same item, to the bit.
    """

    weights: npt.NDArray[np.number]
    dims_of: npt.NDArray[np.unsignedinteger]
    lengths: npt.NDArray[np.unsignedinteger]
    dims: int
    scales: npt.NDArray[np.float16] | None = None

    @classmethod
    def round(cls, codes: ItemCodes, store: StoreName) -> "StoredCodes":
        """Codes in the precision of `store`. Raises DataError where that precision cannot hold them."""
        return cls.round_matrix(codes.weights, codes.ids, store)

    @classmethod
    def round_matrix(cls, matrix: csr_array, ids: IdMap, store: StoreName) -> "StoredCodes":
        """The same of any (items, dims) float32 CSR matrix in canonical format."""
        given = np.diff(matrix.indptr)
        weights, scales = _rounded(matrix.data, given, store)
        fit = np.isfinite(weights).all()
        if scales is not None:
            fit = fit and np.isfinite(scales).all() and scales[given > 0].all()
        if not fit:
            largest, smallest = np.abs(matrix.data).max(), np.abs(matrix.data).min()
            raise DataError(f"Weights from {smallest:g} to {largest:g} do not fit {store}; pass --store float32.")
        kept = weights != 0
        lengths = reduce_rows(np.add, kept.astype(np.int64), matrix.indptr[:-1], given)
        empty = np.flatnonzero((lengths == 0) & (given > 0))
        if len(empty):
            raise DataError(
                f"All weights of item {ids[int(empty[0])]!r} are too small for {store}; pass --store float32."
            )
        dims = int(matrix.shape[1])
        dim_type = np.uint16 if dims <= 2**16 else np.uint32
        return cls(
            weights[kept],
            matrix.indices[kept].astype(dim_type),
            lengths.astype(np.min_scalar_type(int(lengths.max()))),
            dims,
            scales,
        )

    def followed_by(self, others: "StoredCodes") -> "StoredCodes":
        """These codes, then others of the same precision."""

        def both(name: str) -> Any:
            return np.concatenate([getattr(self, name), getattr(others, name)])  # in the wider of both types

        scales = None if self.scales is None else both("scales")
        return StoredCodes(both("weights"), both("dims_of"), both("lengths"), max(self.dims, others.dims), scales)

    def in_order(self, order: Rows) -> "StoredCodes":
        """The codes of these rows, one after the other."""
        weights, dims_of = (parts_in_order(part, self.indptr, order) for part in (self.weights, self.dims_of))
        scales = None if self.scales is None else self.scales[order]
        return StoredCodes(weights, dims_of, self.lengths[order], self.dims, scales)

    def save(self, directory: Path, name: str = "codes") -> None:
        np.save(directory / f"{name}.weights.npy", self.weights)
        np.save(directory / f"{name}.dims.npy", self.dims_of)
        np.save(directory / f"{name}.lengths.npy", self.lengths)
        if self.scales is not None:
            np.save(directory / f"{name}.scales.npy", self.scales)

    @classmethod
    def load(cls, directory: Path, dims: int, name: str = "codes") -> "StoredCodes":
        weights, dims_of, lengths = (
            load_array(directory / f"{name}.{part}.npy") for part in ("weights", "dims", "lengths")
        )
        scales = load_array(directory / f"{name}.scales.npy") if weights.dtype == np.int8 else None
        what = f"The stored codes in {directory}"
        check_shape(weights, (None,), "fi", what)
        check_shape(dims_of, (len(weights),), "u", what)
        check_range(dims_of, dims, what)
        check_shape(lengths, (None,), "u", what)
        if scales is not None:
            check_shape(scales, (len(lengths),), "f", what)
        store = cls(weights, dims_of, lengths, dims, scales)
        check_starts(store.indptr, len(weights), what)
        return store

    @cached_property
    def indptr(self) -> npt.NDArray[np.int64]:
        """(items + 1,) where each item's weights begin."""
        return np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])

    @property
    def items(self) -> int:
        return len(self.lengths)

    @property
    def values(self) -> Vector:
        """(nonzeros,) float64: all weights."""
        return self._values(slice(None), slice(None))

    def chunks(self) -> Iterator[Chunk]:
        """All rows, some at a time, so that what is made of them does not fill memory."""
        for first in range(0, self.items, _CHUNK):
            rows = slice(first, min(first + _CHUNK, self.items))
            starts = self.indptr[first : rows.stop + 1]
            positions = slice(int(starts[0]), int(starts[-1]))
            values = self._values(positions, rows)
            yield Chunk(range(first, rows.stop), (starts - starts[0]).tolist(), self.dims_of[positions], values)

    def _values(self, positions: Rows | slice, rows: Rows | slice) -> Vector:
        chosen = self.weights[positions] if isinstance(positions, slice) else self.weights.take(positions)
        values = chosen.astype(np.float64)
        if self.scales is not None:
            values *= np.repeat(self.scales[rows].astype(np.float64), self.lengths[rows])
        return values

    def _positions(self, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """Where the weights of `rows` lie, one row after the other, where each row begins among them, their lengths."""
        starts, lengths = self.indptr.take(rows), self.lengths.take(rows).astype(np.int64)
        begins = np.cumsum(lengths) - lengths
        positions = np.repeat(starts - begins, lengths)
        positions += np.arange(len(positions))
        return positions, begins, lengths

    def sum_rows(self, rows: Rows, weights: Vector) -> QueryVector:
        """Σ weight · code over `rows`."""
        positions, _, lengths = self._positions(rows)
        values = self._values(positions, rows) * np.repeat(weights, lengths)
        return QueryVector.summed(self.dims_of.take(positions), values, self.dims)

    def sum_rows_of_each(self, rows: Rows, weights: Vector, lengths: Rows) -> list[QueryVector]:
        """The same of many histories, one after the other. lengths: how many rows each has."""
        positions, _, entries = self._positions(rows)
        values = self._values(positions, rows) * np.repeat(weights, entries)
        of = np.repeat(np.arange(len(lengths)), lengths)
        counts = np.bincount(of, entries, len(lengths)).astype(np.int64)
        return QueryVector.summed_each(self.dims_of.take(positions), values, counts, self.dims)

    def score(self, rows: Rows, vector: QueryVector) -> npt.NDArray[np.float64]:
        """(rows,) float64: A_i · u, added up in the order in which weights are stored, so that compiled loops can give
        the same to the bit."""
        positions, _, lengths = self._positions(rows)
        products = self._values(positions, rows)
        products *= vector.at(self.dims_of.take(positions))
        return sum_in_order(products, lengths)

    @cached_property
    def values32(self) -> npt.NDArray[np.float32]:
        """(nonzeros,) float32: all weights, in memory. It holds each exactly: of int8 and its scale, too."""
        if self.scales is None:
            return self.weights.astype(np.float32, copy=False)
        return self.values.astype(np.float32)

    @cached_property
    def postings(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """By dimension, in memory: where its weights begin, their rows, ascending, and the weights."""
        rows = np.repeat(np.arange(self.items, dtype=np.int32), self.lengths)
        order = np.argsort(self.dims_of, kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.postings_per_dimension)])
        return starts, rows[order], self.values32[order]

    @cached_property
    def matrix(self) -> csr_array:
        """(items, dims) float64 CSR, in memory: what exhaustive scoring multiplies."""
        return csr_array((self.values, self.dims_of.astype(np.int32), self.indptr), shape=(self.items, self.dims))

    @cached_property
    def postings_per_dimension(self) -> npt.NDArray[np.int64]:
        """(dims,) how many items have a weight there."""
        return np.bincount(self.dims_of, minlength=self.dims)

    @cached_property
    def by_dimension(self) -> csr_array:
        """(dims, items) float64 CSR, in memory: what short queries are multiplied by, which reach few items."""
        parts = (self.values, self.dims_of.astype(np.int32), self.indptr)  # rows of items are columns of dimensions
        return csr_array(csc_array(parts, shape=(self.dims, self.items)))

    def csr_rows(self, rows: Rows) -> csr_array:
        """(rows, dims) float64 CSR."""
        positions, begins, _ = self._positions(rows)
        columns = self.dims_of[positions].astype(np.int32)
        parts = (self._values(positions, rows), columns, np.append(begins, len(positions)))
        return csr_array(parts, shape=(len(rows), self.dims))

    @property
    def norms(self) -> Vector:
        """(items,) Euclidean norms."""
        norms = np.zeros(self.items)
        for chunk in self.chunks():
            lengths = self.lengths[chunk.rows.start : chunk.rows.stop]
            squares = reduce_rows(np.add, np.square(chunk.values), np.array(chunk.starts[:-1]), lengths)
            norms[chunk.rows.start : chunk.rows.stop] = np.sqrt(squares)
        return norms

    @cached_property
    def rounding(self) -> float:
        """How far two ways of adding up the products of a code and a vector of norm 1 can be from each other, at most:
        each addition errs by 2^-53 of what it adds up."""
        return (self.max_nonzeros + 2) * 2.0**-52 * float(np.max(self.norms))

    @cached_property
    def max_nonzeros(self) -> int:
        return int(np.max(self.lengths))


def _rounded(
    weights: npt.NDArray[np.float32], lengths: Rows, store: StoreName
) -> tuple[npt.NDArray[np.number], npt.NDArray[np.float16] | None]:
    """Weights in the precision of `store`; int8: each item's largest is ±127, and a scale per item. A weight below half
    a unit becomes 0."""
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        if store != "int8":
            return weights.astype(store), None
        begins = np.cumsum(lengths) - lengths
        largest = reduce_rows(np.maximum, np.abs(weights.astype(np.float64)), begins, lengths)
        scales = (largest / 127).astype(np.float16)
        units = np.rint(weights / np.repeat(scales.astype(np.float64), lengths))
        return np.clip(np.nan_to_num(units), -127, 127).astype(np.int8), scales


def rounded_shares(codes: ItemCodes, store: StoreName) -> npt.NDArray[np.floating] | None:
    """History weights in the precision in which an index keeps them; None where the codes have none."""
    if codes.history_weights is None:
        return None
    return codes.history_weights.astype(np.float32 if store == "float32" else np.float16)


class StoredCodesEngine(Engine):
    """What engines that score from `StoredCodes` have in common."""

    def __init__(self, store: StoredCodes) -> None:
        self.store = store
        self.items, self.dims, self.nonzeros = store.items, store.dims, len(store.weights)

    def stored_rows(self, rows: Rows) -> csr_array:
        return self.store.csr_rows(rows)

    def query_vector(self, rows: Rows, weights: Vector) -> QueryVector:
        return self.store.sum_rows(rows, weights)

    def query_vectors(self, rows: Rows, weights: Vector, lengths: Rows) -> list[QueryVector]:
        return self.store.sum_rows_of_each(rows, weights, lengths)

    def changed_store(self, change: Change, store: StoreName) -> StoredCodes:
        """The stored codes after a change."""
        kept = self.store.in_order(change.kept)
        if not change.codes.shape[0]:
            return replace(kept, dims=change.dims)
        return kept.followed_by(StoredCodes.round_matrix(change.codes, change.written_ids, store))
