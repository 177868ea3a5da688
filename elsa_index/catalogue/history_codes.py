"""What each item of a history brings to its query vector: its code, itself, or a code of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..codes.item_codes import HistoryKind, ItemCodes
from ..codes.query_vector import QueryVector, Vector, vectors_of_each
from ..engines.contract import Engine
from ..engines.item_dims import load_item_dims, rows_of_dims
from ..engines.names import StoreName
from ..engines.stored_codes import StoredCodes
from ..errors import StorageError
from ..storage.ids import Rows

NAME = "history_codes"


class HistoryCodes(Protocol):
    """H of `ItemCodes`, as an index keeps it."""

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        """u = Σ weight · H_i over the rows of a history."""

    def vectors(self, rows: Rows, weights: Vector, lengths: Rows) -> list[QueryVector]:
        """The same of many histories, one after the other. lengths: how many rows each has."""

    def rows(self, rows: Rows) -> csr_array:
        """(rows, dims) float64 CSR."""


@dataclass(frozen=True, eq=False)
class SameCodes:
    """The codes that items are scored by, as the engine keeps them."""

    engine: Engine

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        return self.engine.query_vector(rows, weights)

    def vectors(self, rows: Rows, weights: Vector, lengths: Rows) -> list[QueryVector]:
        return self.engine.query_vectors(rows, weights, lengths)

    def rows(self, rows: Rows) -> csr_array:
        return self.engine.stored_rows(rows)


@dataclass(frozen=True, eq=False)
class ItemsThemselves:
    """Dimensions are items. dims: how many there are. of: (items,) the dimension that stands for each item, which it
    keeps for as long as it is in the index; None: its row."""

    dims: int
    of: npt.NDArray[np.unsignedinteger] | None = None

    def dims_of(self, rows: Rows) -> Rows:
        return rows if self.of is None else self.of.take(rows).astype(np.int64)

    def rows_of_dims(self, items: int) -> Rows:
        """(dims,) the row of each dimension's item, -1 for those that were deleted; there are `items` items."""
        return rows_of_dims(self.dims_of(np.arange(items)), self.dims)

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        dims = self.dims_of(rows)
        if self.of is None and weights.all():  # rows are sorted, each once
            return QueryVector(dims, weights, self.dims)
        return QueryVector.summed(dims, weights, self.dims)

    def vectors(self, rows: Rows, weights: Vector, lengths: Rows) -> list[QueryVector]:
        return vectors_of_each(self.vector, rows, weights, lengths)

    def rows(self, rows: Rows) -> csr_array:
        parts = (np.ones(len(rows)), self.dims_of(rows), np.arange(len(rows) + 1))
        return csr_array(parts, shape=(len(rows), self.dims))


@dataclass(frozen=True, eq=False)
class OwnCodes:
    """A matrix of their own, stored as codes are."""

    store: StoredCodes

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        return self.store.sum_rows(rows, weights)

    def vectors(self, rows: Rows, weights: Vector, lengths: Rows) -> list[QueryVector]:
        return self.store.sum_rows_of_each(rows, weights, lengths)

    def rows(self, rows: Rows) -> csr_array:
        return self.store.csr_rows(rows)


def save_history_codes(codes: ItemCodes, store: StoreName, directory: Path) -> None:
    """Writes what `open_history_codes` needs."""
    if not isinstance(codes.history_codes, str):
        StoredCodes.round_matrix(codes.history_codes, codes.ids, precision_of(store)).save(directory, NAME)


def precision_of(store: StoreName) -> StoreName:
    """How history codes of their own are kept."""
    return "float16" if store == "none" else store


def open_history_codes(kind: HistoryKind, directory: Path, engine: Engine) -> HistoryCodes:
    """Raises StorageError where they do not fit the codes that items are scored by."""
    if kind == "same":
        return SameCodes(engine)
    if kind == "items":
        of = load_item_dims(directory, engine.items, engine.dims)
        if of is None and engine.dims != engine.items:
            raise StorageError(f"{directory} is damaged: {engine.dims:,} dimensions cannot be {engine.items:,} items.")
        return ItemsThemselves(engine.dims, of)
    store = StoredCodes.load(directory, engine.dims, NAME)
    if store.items != engine.items:
        raise StorageError(f"{directory} is damaged: history codes of {store.items:,} items, not {engine.items:,}.")
    return OwnCodes(store)
