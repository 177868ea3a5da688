"""Reading and cleaning logs: the binary users × items matrix `X`."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.sparse import csr_array

from ..errors import DataError, UsageError, refuse_kind
from ..limits import AT_LEAST_ONE
from ..storage.files import existing_file
from ..storage.ids import IdMap
from .encoded import Encoder
from .frames import as_polars, is_matrix
from .log_format import AS_IT_IS, LogFormat
from .npz import load_csr
from .reading.found import Notes
from .reading.sources import Paths
from .scipy_matrix import rows_of
from .tables import Part, id_column, numbers, read_parts
from .times import times as times_of

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
        summary: What reading did: rows read, dropped, merged; and, as text, what it was read as.
    """

    users: IdMap
    items: IdMap
    matrix: csr_array
    times: npt.NDArray[np.float64] | None = None
    summary: dict[str, int | str] = field(default_factory=dict)

    @classmethod
    def from_pairs(
        cls,
        users: "pl.Series",
        items: "pl.Series",
        times: "pl.Series | None" = None,
        summary: Mapping[str, int | str] | None = None,
    ) -> "Interactions":
        """From two text columns of equal length. Equal pairs are merged; of their times the first is kept."""
        encoded = []
        for column in (users, items):
            encoder = Encoder()
            encoder.add(column)
            encoded.append(encoder.finish())
        (user_ids, rows), (item_ids, columns) = encoded
        seconds = None if times is None else times.to_numpy()
        return cls.from_numbers(user_ids, rows, item_ids, columns, seconds, summary)

    @classmethod
    def from_numbers(
        cls,
        users: IdMap,
        rows: npt.NDArray[np.integer],
        items: IdMap,
        columns: npt.NDArray[np.integer],
        times: npt.NDArray[np.float64] | None = None,
        summary: Mapping[str, int | str] | None = None,
        min_user_items: int = 1,
    ) -> "Interactions":
        """The same from numbers of users and items. Users without items, and items without users, are left out.

        min_user_items: users with fewer items are left out too, and their rows counted.
        """
        size, told = len(items), dict(summary or {})
        keys = rows.astype(np.int64)  # in place from here on: these arrays are what memory is needed for
        keys *= size
        keys += columns
        if times is None:
            keys.sort()
        else:
            order = np.lexsort((times, keys))
            keys, times = keys[order], times[order]
        first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=first[1:])
        told["merged_duplicates"] = len(keys) - int(np.count_nonzero(first))
        keys, times = keys[first], None if times is None else times[first]
        lengths = np.diff(np.searchsorted(keys, size * np.arange(len(users) + 1, dtype=np.int64)))
        if min_user_items > 1:
            enough = lengths >= min_user_items
            told["dropped_by_min_user_items"] = int(np.count_nonzero(~enough[rows]))
            kept = np.repeat(enough, lengths)
            keys, times = keys[kept], None if times is None else times[kept]
            lengths = np.where(enough, lengths, 0)
        keys %= size
        indices = keys.astype(np.int32)
        occurs = np.bincount(indices, minlength=size) > 0
        indices = (np.cumsum(occurs, dtype=np.int32) - 1)[indices]
        users, items = (names.in_order(np.flatnonzero(kept)) for names, kept in ((users, lengths > 0), (items, occurs)))
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[lengths > 0])])
        matrix = csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(users), len(items)))
        told |= {"users": len(users), "items": len(items), "interactions": len(indices)}
        return cls(users, items, matrix, times, told)

    def subset(self, keep: npt.NDArray[np.bool_], summary: Mapping[str, int | str] | None = None) -> "Interactions":
        """The interactions that `keep` marks, one for each stored one of `matrix`."""
        times = None if self.times is None else self.times[keep]
        rows, columns = rows_of(self.matrix)[keep], self.matrix.indices[keep]
        return Interactions.from_numbers(self.users, rows, self.items, columns, times, summary)

    def __repr__(self) -> str:
        users, items = self.matrix.shape
        times = "" if self.times is None else ", with times"
        return f"Interactions({users:,} users x {items:,} items, {self.matrix.nnz:,} interactions{times})"

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

        users, items = (pl.Series(list(names), dtype=pl.String) for names in (self.users, self.items))
        columns = {"user_id": users.gather(rows_of(self.matrix)), "item_id": items.gather(self.matrix.indices)}
        frame = pl.DataFrame(columns)
        return frame if self.times is None else frame.with_columns(pl.Series("time", self.times))


_EVENTS = ("event", "event_type", "event_name", "action", "action_type", "behavior", "behaviour", "behavior_type")
"""What columns are called that say what a user did."""


def read_interactions(
    path: Paths | object,
    *,
    user_column: str | int = "user_id",
    item_column: str | int = "item_id",
    value_column: str | int | None = None,
    min_value: float | None = None,
    time_column: str | int | None = None,
    min_user_items: int = 1,
    where: Mapping[str, Iterable[object]] | None = None,
    form: LogFormat = AS_IT_IS,
) -> Interactions:
    """Reads a log: rows of fields (CSV and its dialects), Parquet, JSON lines, RecBole's `.inter`, user-and-items
    lines, Netflix's blocks, each also gzipped; or a users × items SciPy matrix in `.npz`.

    Args:
        path: A file, several, a pattern such as `logs/*.parquet`, a folder, or `-` for standard input; or a table of
            pandas, Polars or Arrow, or a SciPy matrix of users × items.
        user_column: Of user ids; a number, from 1, where there is no header.
        item_column: Of item ids.
        value_column: Of ratings or counts; rows below `min_value` are left out.
        min_value: The lowest value that is an interaction; above 0 where it is None.
        time_column: Of times, for a temporal split: seconds, ISO 8601, or dates in an order that all rows agree on.
        min_user_items: Users with fewer items are dropped (the paper keeps users with at least 5).
        where: Values by column; rows with others are left out: `{"event": ["transaction", "addtocart"]}`.
        form: What the files do not say themselves.

    Returns:
        The log; its `summary` counts what was read, dropped and merged, and says what it was read as.

    Raises:
        DataError: Naming the file and the column, row or value; and where nothing is left.
    """
    of_matrix = is_matrix(path) or (isinstance(path, (str, os.PathLike)) and Path(path).suffix == ".npz")
    if min_value is not None and value_column is None and not of_matrix:
        raise UsageError(f"min_value is {min_value}, but no value column is named: pass --value-column (value_column).")
    AT_LEAST_ONE.check("min_user_items", min_user_items)
    names = [None if name is None else str(name) for name in (user_column, item_column, value_column, time_column)]
    wanted = {str(column): {str(value) for value in values} for column, values in (where or {}).items()}
    users, items, all_times = Encoder(), Encoder(), []
    notes, rows, files, kinds = Notes(), 0, 0, dict[str, None]()
    for part in [_matrix_part(path)] if of_matrix else _parts(path, names, wanted, form):
        keep = part.keep
        if part.values is not None:
            keep = keep & (part.values > 0 if min_value is None else part.values >= min_value)
            notes.counts["dropped_by_value"] += int((part.keep & ~keep).sum())
        if wanted:
            notes.counts["dropped_by_where"] += int((~part.keep).sum())
        users.add(part.users.filter(keep))
        items.add(part.items.filter(keep))
        if part.times is not None:
            all_times.append(part.times.filter(keep).to_numpy())
        rows, files = rows + len(keep), files + 1
        notes.add(part.notes)
        kinds.setdefault(part.kind)
    summary: dict[str, int | str] = {"read_as": " and ".join(kinds)}
    if files > 1:
        summary["files"] = files
    summary["rows"] = rows
    summary.update(notes.counts)
    if notes.said:
        summary["notes"] = "; ".join(notes.said)
    user_ids, user_numbers = users.finish()
    item_ids, item_numbers = items.finish()
    seconds = np.concatenate(all_times) if all_times else None
    log = None
    if len(user_numbers):
        log = Interactions.from_numbers(
            user_ids, user_numbers, item_ids, item_numbers, seconds, summary, min_user_items
        )
    if log is None or not log.matrix.nnz:
        raise DataError(
            f"{path}: no interaction is left of {rows:,} rows after filtering (where {where}, value column "
            f"{value_column!r}, min value {min_value}, min user items {min_user_items})."
        )
    return log


def as_interactions(log: object) -> Interactions:
    """A log as it is, or from a table with the columns user_id and item_id, or from a SciPy matrix.

    Raises UsageError for anything else.
    """
    frame = as_polars(log)
    if frame is not None or is_matrix(log):
        return read_interactions(log if frame is None else frame)
    refuse_kind("The log", log, Interactions, "read it with read_interactions, or make it by from_pairs.")
    assert isinstance(log, Interactions)
    return log


@dataclass(frozen=True)
class _LogPart:
    """Columns of one file's rows. keep: whether each is chosen."""

    users: "pl.Series"
    items: "pl.Series"
    values: "pl.Series | None"
    times: "pl.Series | None"
    keep: "pl.Series"
    kind: str
    notes: Notes


def _parts(
    path: Paths | object, names: list[str | None], wanted: Mapping[str, set[str]], form: LogFormat
) -> Iterator[_LogPart]:
    user, item, value, time = names
    columns = [name for name in (user, item, value, time, *wanted) if name is not None]
    for part in read_parts(path, columns, () if wanted else _EVENTS, form, "The log"):
        keep = _chosen(part, wanted)
        if not wanted:
            _hint_at_events(part, columns)
        assert user is not None
        assert item is not None
        yield _LogPart(
            id_column(part, user),
            id_column(part, item),
            None if value is None else numbers(part, value),
            None if time is None else times_of(part, time, form),
            keep,
            part.kind,
            part.notes,
        )


def _chosen(part: Part, wanted: Mapping[str, set[str]]) -> "pl.Series":
    """Whether each row has one of the wanted values in every one of the columns. Raises DataError for a value that no
    row has."""
    import polars as pl

    keep = pl.Series(np.ones(part.frame.height, dtype=bool))
    for column, values in wanted.items():
        there = part.frame[column].str.strip_chars()
        keep = keep & there.is_in(list(values)).fill_null(value=False)
        if not keep.any():
            some = there.value_counts(sort=True)[column].head(5).to_list()
            raise DataError(
                f"{part.name}: no row has {column} {' or '.join(sorted(values))}; there are {', '.join(map(str, some))}"
                "."
            )
    return keep


def _hint_at_events(part: Part, columns: list[str]) -> None:
    name = next((name for name in _EVENTS if name in part.frame.columns and name not in columns), None)
    if name is None:
        return
    counts = part.frame[name].value_counts(sort=True).head(4)
    if counts.height > 1:
        shares = ", ".join(f"{value} {count:,}" for value, count in counts.iter_rows())
        part.notes.say(f"all kinds of {name} count ({shares}, …): --where {name}=… chooses some")


def _matrix_part(given: Any) -> _LogPart:
    import polars as pl

    matrix = (csr_array(given) if is_matrix(given) else load_csr(existing_file(given, "The log"))).tocoo()
    users, items = (pl.Series(numbers).cast(pl.String) for numbers in (matrix.row, matrix.col))
    values = pl.Series(matrix.data.astype(np.float64))
    keep = pl.Series(np.ones(len(values), dtype=bool))
    return _LogPart(users, items, values, None, keep, "a SciPy matrix", Notes())
