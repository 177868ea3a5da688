"""Numbers of items that they can be filtered by: a price, a release, an expiry."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError, StorageError, UsageError, name_some, shorten
from ..limits import is_number
from ..storage.files import load_array, read_json, write_json
from ..storage.ids import IdMap, Rows
from ..storage.ranges import check_shape
from .ages import seconds_of
from .frames import is_missing
from .metadata import as_columns

_NAMES = "numbers.json"
_MISSING = ("\\n", "nan", "null", "none", "nat", "<na>", "n/a")
_DAY = re.compile(r"\d{4}-?(\d{2}-?\d{2}|W\d{2}(-?\d)?)")
Bound = float | int | str | date | None
"""An end of a range: a number, a date (also as text, ISO 8601), or None where it is open."""


@dataclass(frozen=True)
class Range:
    """Values of a column from `least` to `most`, both included. column: its number."""

    column: int
    least: float
    most: float


@dataclass(frozen=True)
class Summary:
    """most: the largest value of a column. least_above_0, median: of those above 0; 1 where there are none."""

    most: float
    least_above_0: float
    median: float


@dataclass(frozen=True, eq=False)
class Numbers:
    """names: of the columns. columns: (items,) float64 each, NaN where an item has none; dates are seconds since 1970.
    dated: whether each column holds dates.

    >>> table = {"item_id": ["a", "b"], "price": ["9.5", ""], "out": ["2024-01-31", "2025-06-01T12:00:00Z"]}
    >>> numbers = Numbers.of(table, IdMap("ab"), ["price", "out"])
    >>> numbers.passing(numbers.range("price", None, 10)).tolist()
    [True, False]
    >>> numbers.passing(numbers.range("out", "2024-01-01", "2024-01-31")).tolist()
    [True, False]
    """

    names: tuple[str, ...]
    columns: tuple[npt.NDArray[np.float64], ...]
    dated: tuple[bool, ...]

    @classmethod
    def of(cls, table: Mapping[str, Sequence[object]] | object, ids: IdMap, names: Iterable[str]) -> "Numbers":
        """From a table with the column item_id and those of these names; see `Metadata.of`.

        Raises UsageError for columns that are not there, DataError for values that are neither numbers nor dates, or
        both.
        """
        given = _by_column(table)
        wanted = tuple(dict.fromkeys(names))
        if missing := [name for name in wanted if name not in given]:
            raise UsageError(
                f"The metadata has no column {name_some(missing)} of numbers; it has {name_some(list(given))}."
            )
        rows = ids.find(given["item_id"])
        read = [_values(name, given[name], rows, given["item_id"], None) for name in wanted]
        return cls(
            wanted, tuple(_placed(rows, values, len(ids)) for values, _ in read), tuple(kind for _, kind in read)
        )

    def range(self, name: str, least: Bound, most: Bound) -> Range:
        """A range of a column; a day as its upper end is meant whole.

        Raises UsageError for a column that is not there, and for ends that are none.
        """
        if name not in self.names:
            raise UsageError(f"The index has no numbers {shorten(name)}; it has {name_some(list(self.names))}.")
        column = self.names.index(name)
        ends = [_end(name, given, dated=self.dated[column], upper=upper) for upper, given in enumerate((least, most))]
        if ends[0] > ends[1]:
            raise UsageError(f"The range of {name} must begin where it ends or before, got {least!r} to {most!r}.")
        return Range(column, ends[0], ends[1])

    @cached_property
    def summaries(self) -> tuple[Summary, ...]:
        """Of each column."""
        return tuple(map(_summary, self.columns))

    def passing(self, wanted: Range, rows: Rows | None = None) -> npt.NDArray[np.bool_]:
        """(items,) or (rows,) bool: whose value is in a range; never one that has none."""
        values = self.columns[wanted.column] if rows is None else self.columns[wanted.column][rows]
        passing: npt.NDArray[np.bool_] = (values >= wanted.least) & (values <= wanted.most)
        return passing

    def of_rows(self, rows: Rows) -> list[list[float]]:
        """For each of some rows its value in each column, NaN where it has none."""
        return np.stack([column[rows] for column in self.columns], axis=1).tolist()

    @classmethod
    def changed(
        cls, before: "Numbers | None", former: Rows, ids: IdMap, table: Mapping[str, Sequence[object]] | None
    ) -> "Numbers | None":
        """Numbers after items came, went and moved; see `Metadata.changed`. The same columns, of the same kinds.

        Raises DataError as `of`.
        """
        if before is None:
            return None
        known = former >= 0
        columns = [np.where(known, column[np.maximum(former, 0)], np.nan) for column in before.columns]
        for number, (rows, values) in before.given(ids, table).items():
            columns[number][rows] = values
        return cls(before.names, tuple(columns), before.dated)

    def rows_changed(self, ids: IdMap, table: Mapping[str, Sequence[object]] | None) -> Rows:
        """Rows of items that a table gives other numbers, sorted."""
        found = [np.zeros(0, dtype=np.int64)]
        for number, (rows, values) in self.given(ids, table).items():
            now = self.columns[number][rows]
            found.append(rows[~((now == values) | (np.isnan(now) & np.isnan(values)))])
        return np.unique(np.concatenate(found))

    def given(
        self, ids: IdMap, table: Mapping[str, Sequence[object]] | None
    ) -> dict[int, tuple[Rows, npt.NDArray[np.float64]]]:
        """By column, rows and values that a table has of items."""
        if table is None:
            return {}
        given = _by_column(table)
        rows = ids.find(given["item_id"])
        found = {}
        for number, name in enumerate(self.names):
            if name in given:
                values, _ = _values(name, given[name], rows, given["item_id"], self.dated[number])
                there, first = np.unique(rows, return_index=True)
                first = first[there >= 0]
                found[number] = rows[first], values[first]
        return found

    def save(self, directory: Path) -> None:
        write_json(directory / _NAMES, {"names": list(self.names), "dated": list(self.dated)})
        for number, column in enumerate(self.columns):
            np.save(directory / f"numbers.{number}.npy", column)

    @staticmethod
    def are_in(names: Container[str]) -> bool:
        """Whether numbers are among the files of these names."""
        return _NAMES in names

    @classmethod
    def load(cls, directory: Path, items: int) -> "Numbers":
        """Opens by memory map."""
        about = read_json(directory / _NAMES)
        names, dated = about.get("names"), about.get("dated")
        if (
            not isinstance(names, list)
            or not isinstance(dated, list)
            or len(names) != len(dated)
            or not all(isinstance(name, str) for name in names)
        ):
            raise StorageError(f"{directory / _NAMES} is damaged: it names no columns.")
        columns = [load_array(directory / f"numbers.{number}.npy") for number in range(len(names))]
        for column in columns:
            check_shape(column, (items,), "f", "The numbers")
        return cls(tuple(names), tuple(columns), tuple(map(bool, dated)))


def _summary(column: npt.NDArray[np.float64]) -> Summary:
    there = column[~np.isnan(column)]
    above = there[there > 0]
    if not len(above):
        return Summary(float(np.max(there)) if len(there) else 0.0, 1.0, 1.0)
    return Summary(float(np.max(there)), float(np.min(above)), float(np.median(above)))


def _by_column(table: Mapping[str, Sequence[object]] | object) -> Mapping[str, Sequence[object]]:
    given = as_columns(table)
    if "item_id" not in given:
        raise DataError(f"Metadata needs the column item_id; it has {name_some(list(given))}.")
    return given


def _placed(rows: Rows, values: npt.NDArray[np.float64], items: int) -> npt.NDArray[np.float64]:
    """(items,) values by row; the first of an item counts."""
    placed = np.full(items, np.nan)
    known = np.flatnonzero(rows >= 0)[::-1]
    placed[rows[known]] = values[known]
    return placed


def _values(
    name: str, given: Sequence[object], rows: Rows, ids: Sequence[object], dated: bool | None
) -> tuple[npt.NDArray[np.float64], bool]:
    """A column as float64, NaN where there is nothing, and whether it holds dates. dated: whether it must.

    Raises DataError that names the item whose value is neither.
    """
    read = [(None, False) if at < 0 else _number(value) for value, at in zip(given, rows.tolist(), strict=True)]
    kind = dated if dated is not None else any(is_date for value, is_date in read if value is not None)
    for at, (value, is_date) in enumerate(read):
        wrong = value is not None and (value != value or is_date != kind)
        if wrong:
            wanted = "a date of ISO 8601, as others are" if kind else "a number, or all of them dates of ISO 8601"
            raise DataError(f"{name} of the item {shorten(ids[at])} must be {wanted}; got {shorten(given[at])}.")
    # Lucene has -0.0 below 0.0, and NumPy does not.
    return np.array([np.nan if value is None else value for value, _ in read], dtype=np.float64) + 0.0, bool(kind)


def _number(value: object) -> tuple[float | None, bool]:
    """A value as a number, and whether it is a date; None for nothing, NaN for what is neither."""
    if is_missing(value):
        return None, False
    if isinstance(value, date):
        return seconds_of(value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)), True
    if is_number(value):
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            number = float("nan")
        return (number if np.isfinite(number) else float("nan")), False
    text = str(value).strip()
    if not text or text.lower() in _MISSING:
        return None, False
    try:
        number = float(text)
    except ValueError:
        try:
            return seconds_of(datetime.fromisoformat(text)), True
        except ValueError:
            return float("nan"), False
    return (number if np.isfinite(number) else float("nan")), False


def _end(name: str, given: Bound, *, dated: bool, upper: int) -> float:
    if given is None:
        return np.inf if upper else -np.inf
    value, is_date = _number(given)
    if value is None or value != value or is_date != dated:
        wanted = "a date of ISO 8601, such as 2024-01-31" if dated else "a number"
        raise UsageError(f"The ends of the range of {name} must be {wanted}; got {shorten(given)}.")
    is_day = isinstance(given, date) and not isinstance(given, datetime)
    if is_date and upper and (is_day or _DAY.fullmatch(str(given).strip())):
        return float(np.nextafter(value + timedelta(days=1).total_seconds(), -np.inf))
    return value + 0.0
