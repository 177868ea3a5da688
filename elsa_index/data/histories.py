"""Histories: the items that queries start from, by external id."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..storage.ids import IdMap, Rows, external_id
from .tables import numbers, read_table, refuse_missing


@dataclass(frozen=True)
class Histories:
    """Histories read from a table.

    Attributes:
        users: One id per history, in the order of their first appearance.
        items: Their item ids.
        weights: One per item, or None.
    """

    users: list[str]
    items: list[list[str]]
    weights: list[list[float]] | None = None

    def __len__(self) -> int:
        return len(self.items)


def read_histories(path: str | os.PathLike[str]) -> Histories:
    """Reads a table with the columns user_id, item_id (optional weight).

    A row whose item_id is empty stands for a user without history.

    Raises:
        DataError: Naming the file and the row.
    """
    import polars as pl

    frame = read_table(path, ["user_id", "item_id"], ["weight"])
    refuse_missing(frame, ["user_id"], path)
    weighted = "weight" in frame.columns
    if weighted:
        frame = frame.with_columns(numbers(frame, "weight", path).alias("weight"))
    frame = frame.with_columns(pl.when(pl.col("item_id") != "").then(pl.col("item_id")))
    columns = ["item_id", "weight"] if weighted else ["item_id"]
    kept = [pl.col(name).filter(pl.col("item_id").is_not_null()) for name in columns]
    grouped = frame.group_by("user_id", maintain_order=True).agg(kept)
    weights = grouped["weight"].to_list() if weighted else None
    return Histories(grouped["user_id"].to_list(), grouped["item_id"].to_list(), weights)


def history_rows(
    items: IdMap, history: Sequence[object], weights: Sequence[float] | None = None
) -> tuple[Rows, npt.NDArray[np.float64], list[str]]:
    """One history as rows (sorted, each once), weights (1 where none are given) and the ids that are unknown.

    A log is binary, so an item counts once; where it comes with several weights, with the largest.
    """
    rows = items.find(history)
    if weights is None and (rows >= 0).all():
        rows.sort()
        if (rows[1:] == rows[:-1]).any():
            rows = np.unique(rows)
        return rows, np.ones(len(rows)), []
    given = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
    unknown = list(dict.fromkeys(external_id(history[int(at)]) for at in np.flatnonzero(rows < 0)))
    known = rows >= 0
    order = np.lexsort((-given[known], rows[known]))
    unique, first = np.unique(rows[known][order], return_index=True)
    return unique, given[known][order][first], unknown
