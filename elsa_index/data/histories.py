"""Histories: the items that queries start from, by external id."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import DataError, UsageError
from ..spans import seconds_of
from ..storage.ids import IdMap, Rows, external_id
from .ages import share_left
from .columns import id_column, numbers
from .log_format import AS_IT_IS, LogFormat
from .reading.sources import Paths
from .tables import read_parts
from .times import times as times_of
from .weighing import EVENTS, Weighing

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Histories:
    """Histories read from a table.

    Attributes:
        users: One id per history, in the order of their first appearance.
        items: Their item ids.
        weights: One per item, or None.
        seen: For each the items that are not to be returned; None: all of its items.
    """

    users: list[str]
    items: list[list[str]]
    weights: list[list[float]] | None = None
    seen: list[list[str]] | None = None

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class HistoryForm:
    """What tables of histories hold, and what is made of it: see `read_histories`."""

    user_column: str | int = "user_id"
    item_column: str | int = "item_id"
    weight_column: str | int = "weight"
    weights: Mapping[str, float] | None = None
    time_column: str | int | None = None
    half_life: float | str | None = None
    seen_after: float | str | None = None
    form: LogFormat = AS_IT_IS

    def whole(self, path: Paths | object) -> "pl.DataFrame":
        """The rows of all tables."""
        import polars as pl

        return pl.concat(self.tables(path))

    def tables(self, path: Paths | object, *, in_blocks: bool = False) -> "Iterator[pl.DataFrame]":
        """Rows: user, item (null where there is none), and weight and time where they are read. in_blocks: of long
        files some at a time. Raises as `read_histories`."""
        import polars as pl

        user, item, weight = str(self.user_column), str(self.item_column), str(self.weight_column)
        for span, what in ((self.half_life, "A half-life"), (self.seen_after, "What was seen a while ago")):
            if span is not None and self.time_column is None:
                raise UsageError(f"{what} needs times: pass --time-column (time_column).")
        time = None if self.time_column is None else str(self.time_column)
        weights = self.weights
        weighing = Weighing(weight if weights and weight != "weight" else None, weights or {})
        required = [name for name in (user, item, time, weighing.column) if name is not None]
        optional = [weight, *(EVENTS if weights else ())]
        for part in read_parts(path, required, optional, self.form, "The table", in_blocks=in_blocks):
            columns = {"user": id_column(part, user), "item": id_column(part, item, optional=True)}
            if weighing:
                columns["weight"] = weighing.of(part)
            elif weight in part.frame.columns:
                columns["weight"] = numbers(part, weight)
            elif weight != "weight":
                raise DataError(f"{part.name} has no column {weight!r}; name another, or none.")
            if time is not None:
                columns["time"] = times_of(part, time, self.form)
            frame = pl.DataFrame(columns)
            if "weight" in columns:  # what counts nothing is not there; its user is
                frame = frame.with_columns(pl.when(pl.col("weight") != 0).then(pl.col("item")).alias("item"))
            yield frame

    def grouped(self, frame: "pl.DataFrame", latest: float | None) -> Histories:
        """Rows of whole histories by user. latest: of all times, where what was seen before may come back."""
        import polars as pl

        seen = None
        if self.seen_after is not None and latest is not None:
            seen = _seen(frame, latest - seconds_of(self.seen_after))
        frame = weighed(frame, self.half_life)
        kept = [pl.col(name).filter(pl.col("item").is_not_null()) for name in frame.columns[1:]]
        grouped = frame.group_by("user", maintain_order=True).agg(kept)
        counts = grouped["weight"].to_list() if "weight" in frame.columns else None
        return Histories(grouped["user"].to_list(), grouped["item"].to_list(), counts, seen)


def read_histories(
    path: Paths | object,
    *,
    user_column: str | int = "user_id",
    item_column: str | int = "item_id",
    weight_column: str | int = "weight",
    weights: Mapping[str, float] | None = None,
    time_column: str | int | None = None,
    half_life: float | str | None = None,
    seen_after: float | str | None = None,
    form: LogFormat = AS_IT_IS,
) -> Histories:
    """Reads tables with columns of users and items (optional weight): files of any format that a log may have.

    A row whose item is missing stands for a user without history.

    Args:
        path: Files, or a table; see `read_interactions`.
        user_column: Of user ids.
        item_column: Of item ids.
        weight_column: Of what items count, if there is such a column; with `weights` of what these give numbers to.
        weights: Numbers by text; see `read_interactions`.
        time_column: Of times.
        half_life: Seconds, also written as `30d`, before a history's latest item that let an item count half as much.
        seen_after: Seconds, also written as `30d`, before the latest time of all: what was seen earlier may come back.
        form: What the files do not say themselves.

    Raises:
        UsageError: For a half-life, or seen_after, without times.
        DataError: Naming the file and the row.
    """
    given = HistoryForm(user_column, item_column, weight_column, weights, time_column, half_life, seen_after, form)
    whole = given.whole(path)
    return given.grouped(whole, None if seen_after is None else whole["time"].max())  # type: ignore[arg-type]


def _seen(frame: "pl.DataFrame", since: float) -> list[list[str]]:
    """Of each user the items seen at this time or later."""
    import polars as pl

    recent = pl.col("item").is_not_null() & (pl.col("time") >= since)
    flagged = frame.with_columns(recent=recent)
    grouped = flagged.group_by("user", maintain_order=True).agg(pl.col("item").filter(pl.col("recent")))
    return grouped["item"].to_list()


def weighed(frame: "pl.DataFrame", half_life: float | str | None) -> "pl.DataFrame":
    """A table of histories with the column weight made of weight and time, where there are any. frame: its first column
    is the users'. half_life: see `read_histories`; None: ages say nothing.

    Raises UsageError for a half-life without times.
    """
    import polars as pl

    if half_life is None:
        return frame.drop("time", strict=False)
    if "time" not in frame.columns:
        raise UsageError("A half-life needs times, and these histories have none.")
    latest = frame.select(pl.col("time").max().over(frame.columns[0]))["time"].to_numpy()
    left = share_left(frame["time"].to_numpy(), seconds_of(half_life), latest)
    own = frame["weight"].to_numpy() if "weight" in frame.columns else 1.0
    return frame.drop("time").with_columns(pl.Series("weight", own * left))


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
