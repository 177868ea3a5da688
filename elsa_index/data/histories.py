"""Histories: the items that queries start from, by external id."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..storage.ids import IdMap, Rows, external_id
from .log_format import AS_IT_IS, LogFormat
from .reading.sources import Paths
from .tables import id_column, numbers, read_parts


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


def read_histories(
    path: Paths,
    *,
    user_column: str | int = "user_id",
    item_column: str | int = "item_id",
    form: LogFormat = AS_IT_IS,
) -> Histories:
    """Reads tables with columns of users and items (optional weight): files of any format that a log may have.

    A row whose item is missing stands for a user without history.

    Args:
        path: Files, or a table; see `read_interactions`.
        user_column: Of user ids.
        item_column: Of item ids.
        form: What the files do not say themselves.

    Raises:
        DataError: Naming the file and the row.
    """
    import polars as pl

    user, item = str(user_column), str(item_column)
    frames = []
    for part in read_parts(path, [user, item], ["weight"], form, "The table"):
        columns = {"user": id_column(part, user), "item": id_column(part, item, optional=True)}
        if "weight" in part.frame.columns:
            columns["weight"] = numbers(part, "weight")
        frames.append(pl.DataFrame(columns))
    frame = pl.concat(frames)
    weighted = "weight" in frame.columns
    kept = [pl.col(name).filter(pl.col("item").is_not_null()) for name in frame.columns[1:]]
    grouped = frame.group_by("user", maintain_order=True).agg(kept)
    weights = grouped["weight"].to_list() if weighted else None
    return Histories(grouped["user"].to_list(), grouped["item"].to_list(), weights)


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
