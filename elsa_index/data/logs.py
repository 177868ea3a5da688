"""Reading and cleaning logs."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from ..errors import DataError, UsageError, refuse_kind
from ..limits import AT_LEAST_ONE
from ..storage.files import existing_file
from .columns import Part, id_column, numbers
from .encoded import Encoder
from .frames import as_polars, is_matrix
from .interactions import Interactions
from .log_format import AS_IT_IS, LogFormat
from .named_values import NamedValues
from .npz import load_csr
from .reading.found import Notes
from .reading.sources import Paths
from .tables import read_parts
from .times import times as times_of
from .weighing import EVENTS, Weighing

if TYPE_CHECKING:
    import polars as pl


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
    weight_column: str | int | None = None,
    weights: Mapping[str, float] | None = None,
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
        time_column: Of times, for a temporal split or a half-life: seconds (or milliseconds and smaller, which are told
            by their size), ISO 8601, or dates in an order that all rows agree on.
        min_user_items: Users with fewer items are dropped (the paper keeps users with at least 5).
        where: Values by column; rows with others are left out: `{"event": ["transaction", "addtocart"]}`.
        weight_column: Of what interactions count, numbers from 0, or texts that `weights` gives numbers to. Rows that
            count 0 are left out; of several rows of a user and an item the largest number counts.
        weights: Numbers by text: `{"view": 1, "cart": 3, "buy": 10}`; of the column of events where no other is named.
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
    if of_matrix and (weight_column is not None or weights):
        raise UsageError("A SciPy matrix has no columns to weigh by; read the log from a table.")
    weighing = Weighing(None if weight_column is None else str(weight_column), weights or {})
    names = [None if name is None else str(name) for name in (user_column, item_column, value_column, time_column)]
    wanted = [NamedValues(str(column), values) for column, values in (where or {}).items()]
    weighed = NamedValues("", weighing.by_text)
    users, items, all_times, all_weights = Encoder(), Encoder(), [], []
    notes, rows, files, kinds = Notes(), 0, 0, dict[str, None]()
    for part in [_matrix_part(path)] if of_matrix else _parts(path, names, wanted, weighing, weighed, form):
        keep = part.keep
        if part.values is not None:
            keep = keep & (part.values > 0 if min_value is None else part.values >= min_value)
            notes.counts["dropped_by_value"] += int((part.keep & ~keep).sum())
        if wanted:
            notes.counts["dropped_by_where"] += int((~part.keep).sum())
        if part.weights is not None:
            counts = part.weights > 0
            notes.counts["dropped_by_weight"] += int((keep & ~counts).sum())
            keep = keep & counts
            all_weights.append(part.weights.filter(keep).to_numpy())
        users.add(part.users.filter(keep))
        items.add(part.items.filter(keep))
        if part.times is not None:
            all_times.append(part.times.filter(keep).to_numpy())
        rows, files = rows + len(keep), files + 1
        notes.add(part.notes)
        kinds.setdefault(part.kind)
    for named in (*wanted, weighed):
        if len(named.lacking) == len(named.values) > 0:
            raise DataError(f"{path}: {named}.")
        if named.lacking:
            notes.say(str(named))
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
    counted = np.concatenate(all_weights).astype(np.float32) if all_weights else None
    log = None
    if len(user_numbers):
        log = Interactions.from_numbers(
            user_ids, user_numbers, item_ids, item_numbers, seconds, summary, min_user_items, weights=counted
        )
    if log is None or not log.matrix.nnz:
        name = path if isinstance(path, (str, os.PathLike)) else "The log"
        raise DataError(
            f"{name}: no interaction is left of {rows:,} rows after filtering (where {where}, value column "
            f"{value_column!r}, min value {min_value}, weights {weights or weight_column}, min user items "
            f"{min_user_items})."
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
    weights: "pl.Series | None"
    keep: "pl.Series"
    kind: str
    notes: Notes


def _parts(
    path: Paths | object,
    names: list[str | None],
    wanted: Sequence[NamedValues],
    weighing: Weighing,
    weighed: NamedValues,
    form: LogFormat,
) -> Iterator[_LogPart]:
    user, item, value, time = names
    by_value = [named.column for named in wanted]
    columns = [name for name in (user, item, value, time, weighing.column, *by_value) if name is not None]
    for part in read_parts(path, columns, EVENTS if weighing or not wanted else (), form, "The log"):
        keep = _chosen(part, wanted)
        if not wanted and not weighing:
            _hint_at_events(part, columns)
        if weighing.by_text:
            weighed.column = weighing.column_of(part)
            weighed.meet(part.frame[weighed.column].str.strip_chars())
        assert user is not None
        assert item is not None
        yield _LogPart(
            id_column(part, user),
            id_column(part, item),
            None if value is None else numbers(part, value),
            None if time is None else times_of(part, time, form),
            weighing.of(part, keep) if weighing else None,
            keep,
            part.kind,
            part.notes,
        )


def _chosen(part: Part, wanted: Sequence[NamedValues]) -> "pl.Series":
    """Whether each row has one of the wanted values in every one of the columns."""
    import polars as pl

    keep = pl.Series(np.ones(part.frame.height, dtype=bool))
    for named in wanted:
        keep = keep & named.among(part.frame[named.column])
    return keep


def _hint_at_events(part: Part, columns: list[str]) -> None:
    name = next((name for name in EVENTS if name in part.frame.columns and name not in columns), None)
    if name is None:
        return
    counts = part.frame[name].value_counts(sort=True).head(4)
    if counts.height > 1:
        shares = ", ".join(f"{value} {count:,}" for value, count in counts.iter_rows())
        part.notes.say(
            f"all kinds of {name} count alike ({shares}, …): --where {name}=… chooses some, --weight weighs them"
        )


def _matrix_part(given: Any) -> _LogPart:
    import polars as pl

    matrix = (_checked(given) if is_matrix(given) else load_csr(existing_file(given, "The log"))).tocoo()
    users, items = (pl.Series(numbers).cast(pl.String) for numbers in (matrix.row, matrix.col))
    values = pl.Series(matrix.data.astype(np.float64))
    keep = pl.Series(np.ones(len(values), dtype=bool))
    return _LogPart(users, items, values, None, None, keep, "a SciPy matrix", Notes())


def _checked(given: Any) -> csr_array:
    """A SciPy matrix with its entries of one place added up. Raises DataError where one is no finite number."""
    if given.dtype.kind not in "fiub":
        raise DataError(f"The values of a SciPy matrix must be numbers, got {given.dtype}.")
    if given.dtype.kind != "b":
        given = given.astype(np.float64)  # small integers would begin again at 0
    matrix = csr_array(given)
    if not np.isfinite(matrix.data).all():
        raise DataError("The values of a SciPy matrix must be finite numbers, and one is NaN or infinite.")
    return matrix
