"""Reading and cleaning logs: the binary users × items matrix `X`."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.sparse import csr_array

from ..errors import DataError, UsageError
from ..limits import AT_LEAST_ONE
from ..storage.files import existing_file
from ..storage.ids import IdMap
from .npz import load_csr
from .tables import numbers, read_table, refuse_missing

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Interactions:
    """A log as a binary matrix.

    Attributes:
        users: Ids of the rows, in the order of their text, so that the order of the log's rows changes nothing.
        items: Ids of the columns, in the same order.
        matrix: (users, items) float32 CSR of ones, indices sorted.
        times: float64, one per stored one of `matrix`, in its order, or None.
        summary: What reading did: rows read, dropped, merged.
    """

    users: IdMap
    items: IdMap
    matrix: csr_array
    times: npt.NDArray[np.float64] | None = None
    summary: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_pairs(
        cls,
        users: "pl.Series",
        items: "pl.Series",
        times: "pl.Series | None" = None,
        summary: dict[str, int] | None = None,
    ) -> "Interactions":
        """From two text columns of equal length. Equal pairs are merged; of their times the first is kept."""
        import polars as pl

        frame = pl.DataFrame({"user": users, "item": items})
        if times is not None:
            frame = frame.with_columns(times.alias("time")).sort("time")
        pairs = frame.unique(["user", "item"], keep="first", maintain_order=True)
        user_ids = pairs["user"].unique().sort()
        item_ids = pairs["item"].unique().sort()
        rows = pairs["user"].replace_strict(user_ids, np.arange(len(user_ids)), return_dtype=pl.Int64).to_numpy()
        columns = pairs["item"].replace_strict(item_ids, np.arange(len(item_ids)), return_dtype=pl.Int64).to_numpy()
        order = np.lexsort((columns, rows))
        shape = (len(user_ids), len(item_ids))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
        matrix = csr_array((np.ones(len(order), np.float32), columns[order].astype(np.int32), indptr), shape=shape)
        summary = dict(summary or {})
        summary |= {"merged_duplicates": frame.height - pairs.height}
        summary |= {"users": shape[0], "items": shape[1], "interactions": pairs.height}
        kept_times = None if times is None else pairs["time"].to_numpy()[order]
        return cls(IdMap(user_ids), IdMap(item_ids), matrix, kept_times, summary)

    @cached_property
    def fingerprint(self) -> str:
        """XXH3 of ids and pairs: equal for equal logs, however their rows are ordered."""
        digest = xxhash.xxh3_128()
        for part in (*self.users.content(), *self.items.content()):
            digest.update(part)
        digest.update(self.matrix.indptr.astype("<i8").tobytes())
        digest.update(self.matrix.indices.astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def item_counts(self) -> npt.NDArray[np.int64]:
        """(items,) int64: how many users have each item."""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1]).astype(np.int64)

    def pairs(self) -> "pl.DataFrame":
        """The log as a table with the columns user_id, item_id (and time)."""
        import polars as pl

        coo = self.matrix.tocoo()
        columns = {"user_id": self.users.take(coo.row), "item_id": self.items.take(coo.col)}
        frame = pl.DataFrame(columns, schema={"user_id": pl.String, "item_id": pl.String})
        return frame if self.times is None else frame.with_columns(pl.Series("time", self.times))


def read_interactions(
    path: str | os.PathLike[str],
    *,
    user_column: str = "user_id",
    item_column: str = "item_id",
    value_column: str | None = None,
    min_value: float | None = None,
    time_column: str | None = None,
    min_user_items: int = 1,
) -> Interactions:
    """Reads a log: CSV, TSV or Parquet (also gzipped), or a users × items SciPy matrix in `.npz`.

    Args:
        path: The file.
        user_column: Of user ids.
        item_column: Of item ids.
        value_column: Of ratings or counts; rows below `min_value` are left out.
        min_value: The lowest value that is an interaction; above 0 where it is None.
        time_column: Of times, for a temporal split.
        min_user_items: Users with fewer items are dropped (the paper keeps users with at least 5).

    Returns:
        The log; its `summary` counts what was read, dropped and merged.

    Raises:
        DataError: Naming the file and the column, row or value; and where nothing is left.
    """
    if min_value is not None and value_column is None and Path(path).suffix != ".npz":
        raise UsageError(f"min_value is {min_value}, but no value column is named: pass --value-column (value_column).")
    AT_LEAST_ONE.check("min_user_items", min_user_items)
    if Path(path).suffix == ".npz":
        users, items, values, times = _read_matrix(path)
    else:
        users, items, values, times = _read_log(path, user_column, item_column, value_column, time_column)
    summary = {"rows": len(users)}
    if values is not None:
        keep = values > 0 if min_value is None else values >= min_value
        users, items = users.filter(keep), items.filter(keep)
        times = None if times is None else times.filter(keep)
        summary["dropped_by_value"] = summary["rows"] - len(users)
    if min_user_items > 1 and len(users):
        import polars as pl

        distinct = pl.DataFrame({"user": users, "item": items}).group_by("user").agg(pl.col("item").n_unique())
        keep = users.is_in(distinct.filter(pl.col("item") >= min_user_items)["user"].implode())
        summary["dropped_by_min_user_items"] = int((~keep).sum())
        users, items = users.filter(keep), items.filter(keep)
        times = None if times is None else times.filter(keep)
    if not len(users):
        raise DataError(
            f"{path}: no interaction is left of {summary['rows']:,} rows after filtering "
            f"(value column {value_column!r}, min value {min_value}, min user items {min_user_items})."
        )
    return Interactions.from_pairs(users, items, times, summary)


Columns = tuple["pl.Series", "pl.Series", "pl.Series | None", "pl.Series | None"]


def _read_log(path: str | os.PathLike[str], user: str, item: str, value: str | None, time: str | None) -> Columns:
    columns = [user, item, *(name for name in (value, time) if name is not None)]
    frame = read_table(path, columns)
    refuse_missing(frame, [user, item], path)
    values = None if value is None else numbers(frame, value, path)
    times = None if time is None else _times(frame, time, path)
    return frame[user], frame[item], values, times


def _times(frame: "pl.DataFrame", column: str, path: str | os.PathLike[str]) -> "pl.Series":
    """Seconds: numbers as they are, ISO 8601 dates and times converted."""
    import polars as pl

    first = frame[column].drop_nulls()
    if len(first) and first.head(1).cast(pl.Float64, strict=False).null_count():
        parsed = frame[column].str.to_datetime(strict=False, time_zone="UTC").dt.epoch("us").cast(pl.Float64) / 1e6
        if not parsed.null_count():
            return parsed
    return numbers(frame, column, path)


def _read_matrix(path: str | os.PathLike[str]) -> Columns:
    import polars as pl

    matrix = load_csr(existing_file(path, "The log")).tocoo()
    text = (pl.Series(matrix.row).cast(pl.String), pl.Series(matrix.col).cast(pl.String))
    return (*text, pl.Series(matrix.data.astype(np.float64)), None)
