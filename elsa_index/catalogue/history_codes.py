"""What each item of a history brings to its query vector: its code, itself, or a code of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from ..codes.item_codes import HistoryKind, ItemCodes
from ..codes.query_vector import QueryVector, Vector
from ..engines.contract import Engine
from ..engines.names import StoreName
from ..engines.stored_codes import StoredCodes
from ..errors import StorageError
from ..storage.ids import Rows

_NAME = "history_codes"


class HistoryCodes(Protocol):
    """H of `ItemCodes`, as an index keeps it."""

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        """u = Σ weight · H_i over the rows of a history."""

    def rows(self, rows: Rows) -> csr_array:
        """(rows, dims) float64 CSR."""


@dataclass(frozen=True, eq=False)
class SameCodes:
    """The codes that items are scored by, as the engine keeps them."""

    engine: Engine

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        return self.engine.query_vector(rows, weights)

    def rows(self, rows: Rows) -> csr_array:
        return self.engine.stored_rows(rows)


@dataclass(frozen=True)
class ItemsThemselves:
    """Dimensions are items. Nothing is stored."""

    items: int

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        if weights.all():  # rows are sorted, each once
            return QueryVector(rows, weights, self.items)
        return QueryVector.summed(rows, weights, self.items)

    def rows(self, rows: Rows) -> csr_array:
        parts = (np.ones(len(rows)), rows, np.arange(len(rows) + 1))
        return csr_array(parts, shape=(len(rows), self.items))


@dataclass(frozen=True, eq=False)
class OwnCodes:
    """A matrix of their own, stored as codes are."""

    store: StoredCodes

    def vector(self, rows: Rows, weights: Vector) -> QueryVector:
        return self.store.sum_rows(rows, weights)

    def rows(self, rows: Rows) -> csr_array:
        return self.store.csr_rows(rows)


def save_history_codes(codes: ItemCodes, store: StoreName, directory: Path) -> None:
    """Writes what `open_history_codes` needs."""
    if not isinstance(codes.history_codes, str):
        precision: StoreName = "float16" if store == "none" else store
        StoredCodes.round_matrix(codes.history_codes, codes.ids, precision).save(directory, _NAME)


def open_history_codes(kind: HistoryKind, directory: Path, engine: Engine) -> HistoryCodes:
    """Raises StorageError where they do not fit the codes that items are scored by."""
    if kind == "same":
        return SameCodes(engine)
    if kind == "items":
        if engine.dims != engine.items:
            raise StorageError(f"{directory} is damaged: {engine.dims:,} dimensions cannot be {engine.items:,} items.")
        return ItemsThemselves(engine.items)
    store = StoredCodes.load(directory, engine.dims, _NAME)
    if store.items != engine.items:
        raise StorageError(f"{directory} is damaged: history codes of {store.items:,} items, not {engine.items:,}.")
    return OwnCodes(store)
