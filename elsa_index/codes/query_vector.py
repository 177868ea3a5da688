"""QueryVector: a history in code space."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.scipy_matrix import sum_in_order

Vector = npt.NDArray[np.float64]
_FEW_DIMS = 16
"""Dimensions per entry, up to which a table of all of them is made in less time than entries are sorted."""
_TABLES = threading.local()


@dataclass(frozen=True, eq=False)
class QueryVector:
    """A sparse vector: a history has few items, and nothing on a query's way may cost what all dimensions do.

    dims: (entries,) int64, ascending, each once. weights: (entries,) float64, none of them 0. size: how many
    dimensions there are.

    >>> vector = QueryVector.summed(np.array([7, 2, 7]), np.array([0.5, 1.0, 0.25]), 1_000_000)
    >>> vector.dims.tolist(), vector.weights.tolist(), vector.at(np.array([2, 3])).tolist()
    ([2, 7], [1.0, 0.75], [1.0, 0.0])
    """

    dims: npt.NDArray[np.int64]
    weights: Vector
    size: int

    @classmethod
    def summed(cls, dims: npt.NDArray[np.integer], weights: Vector, size: int) -> "QueryVector":
        """From entries in any order, of which those of one dimension are added up, in their order."""
        if not len(dims):
            return cls(np.zeros(0, dtype=np.int64), np.zeros(0), size)
        if size <= _FEW_DIMS * len(dims):
            table = np.bincount(dims, weights, size).astype(np.float64, copy=False)
            kept = np.flatnonzero(table)
            return cls(kept, table.take(kept), size)
        order = np.argsort(dims, kind="stable")
        ascending = dims.take(order)
        begins = np.concatenate([[0], np.flatnonzero(ascending[1:] != ascending[:-1]) + 1])
        sums = sum_in_order(weights.take(order), np.diff(begins, append=len(dims)))
        kept = np.flatnonzero(sums)
        return cls(ascending.take(begins.take(kept)).astype(np.int64), sums.take(kept), size)

    @classmethod
    def summed_each(
        cls, dims: npt.NDArray[np.integer], weights: Vector, lengths: npt.NDArray[np.integer], size: int
    ) -> list["QueryVector"]:
        """Many, one after the other. lengths: (vectors,) how many entries each has.

        >>> first, second = QueryVector.summed_each(np.array([1, 0, 1, 1]), np.ones(4), np.array([1, 3]), 2)
        >>> second.dims.tolist(), second.weights.tolist()
        ([0, 1], [1.0, 2.0])
        """
        if size * len(lengths) > _FEW_DIMS * len(dims):
            return vectors_of_each(lambda own, values: cls.summed(own, values, size), dims, weights, lengths)
        of = np.repeat(np.arange(0, size * len(lengths), size), lengths)
        table = np.bincount(of + dims.astype(np.int64), weights, size * len(lengths)).astype(np.float64, copy=False)
        places = np.flatnonzero(table)
        sums, starts = table.take(places), np.searchsorted(places, np.arange(0, size * (len(lengths) + 1), size))
        places %= size
        return [cls(places[begin:end], sums[begin:end], size) for begin, end in pairwise(starts.tolist())]

    @classmethod
    def from_dense(cls, vector: Vector) -> "QueryVector":
        dims = np.flatnonzero(vector)
        return cls(dims, vector[dims], len(vector))

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.dims)

    def at(self, dims: npt.NDArray[np.integer]) -> Vector:
        """The weights at some dimensions, 0 where there is no entry.

        They are looked up in a table that each thread keeps for its next queries, where only this vector's entries are
        set, and then cleared: a fifth of the time of a binary search.
        """
        table: Vector | None = getattr(_TABLES, "table", None)
        if table is None or len(table) < self.size:
            table = _TABLES.table = np.zeros(self.size)
        try:
            table[self.dims] = self.weights
            found: Vector = table.take(dims)
        finally:
            table[self.dims] = 0
        return found

    def to_dense(self) -> Vector:
        """(size,) float64, for engines whose vectors are dense."""
        vector = np.zeros(self.size)
        vector[self.dims] = self.weights
        return vector


def vectors_of_each(
    make: Callable[[Any, Vector], QueryVector],
    parts: npt.NDArray[np.integer],
    weights: Vector,
    lengths: npt.NDArray[np.integer],
) -> list[QueryVector]:
    """What `make` makes of the parts and weights of each history, one after the other. lengths: how many each has."""
    ends = np.cumsum(lengths)[:-1]
    return [make(*own) for own in zip(np.split(parts, ends), np.split(weights, ends), strict=True)]
