"""Rows of fields: CSV and its dialects."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from ...errors import DataError, name_some, shorten
from ..log_format import LogFormat
from .found import ROW, Found, Notes
from .text import lines_of, refuse_other_encoding

if TYPE_CHECKING:
    import polars as pl

_CANDIDATES = ("\t", "::", ";", "|", ",", " ")
_NAMES = {"\t": "tabs", " ": "spaces", ",": "commas", ";": "semicolons", "|": "bars"}
_STAND_IN = "\x1f"
"""Stands for a separator of several characters, which parsers do not take: ASCII's own unit separator."""
_MOST_COLUMNS = 10_000
_SAMPLE = 50
_CHUNK = 200_000
_TYPED = re.compile(r"^([^:]+):(token|float|token_seq|float_seq)$")


def read_delimited(data: bytes, name: str, form: LogFormat, required: Collection[str], *, before: int = 0) -> Found:
    """All columns as text, null where empty. data: UTF-8. before: rows of its file that come before these.

    A quote within a field that does not begin with one is a character. Raises DataError, with the row, for what no rule
    reads rightly: rows with more fields than there are columns, a quote that closes in mid-field, or never.
    """
    notes = Notes()
    if said := re.match(rb"(?i)sep=(.)\r?\n", data):  # what Excel is told by its first line
        data, form = data[said.end() :], replace(form, separator=form.separator or said[1].decode("latin-1"))
    sample = lines_of(data, _SAMPLE)
    if not sample:
        raise DataError(f"{name} is empty; a table with a header and rows is needed.")
    separator = written = form.separator or _separator(sample, required)
    kind = f"fields separated by {_NAMES.get(written, written)}"
    if len(written) > 1 or ord(written) > 127:
        if _STAND_IN.encode() in data:
            raise DataError(f"{name} holds the character 0x1f, and cannot be read with the separator {written!r}.")
        data = data.replace(written.encode(), _STAND_IN.encode())
        sample = [line.replace(written, _STAND_IN) for line in sample]
        separator = _STAND_IN
    quoted = form.quotes and b'"' in data
    if sample[0].count(separator) >= _MOST_COLUMNS:
        raise DataError(f"{name} has more than {_MOST_COLUMNS:,} columns; a table has fewer.")
    names = [field.strip().replace(_STAND_IN, written) for field in _fields(sample[0], separator, name, quoted=quoted)]
    if all(_TYPED.match(field) for field in names) and form.header is not False:
        names = [field.rsplit(":", 1)[0] for field in names]
        kind = f"RecBole's typed header, {kind}"
    has_header = form.header is not False
    if not has_header:
        names = [str(number) for number in range(1, len(names) + 1)]
    _refuse_header_of_data(names, name, form, required)
    _refuse_twice(names, name, required)
    read = _quoted if quoted else _unquoted
    place = _Place(name, names, notes, has_header, before)
    frame = read(data, separator, place)
    if quoted and separator != written:  # between quotes it is text
        texts = [frame[column].str.replace_all(_STAND_IN, written, literal=True) for column in frame.drop(ROW).columns]
        frame = frame.with_columns(texts)
    return Found(frame, kind, has_header, notes)


def _fields(line: str, separator: str, path: str, *, quoted: bool) -> list[str]:
    """Of the first line."""
    if not quoted:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error as error:
        raise DataError(f"{path}, in its first line {shorten(line)}: {_explain(error)}") from None


def _separator(sample: list[str], required: Collection[str]) -> str:
    """The one by which the first line has the wanted columns, else the one that all lines have equally often."""
    for separator in _CANDIDATES:
        fields = {field.strip().strip('"').split(":")[0] for field in sample[0].split(separator)}
        if separator in sample[0] and set(required) <= fields:
            return separator
    for separator in _CANDIDATES:
        counts = {_outside_quotes(line).count(separator) for line in sample}
        if len(counts) == 1 and counts != {0}:
            return separator
    return "," if "," in sample[0] else next((one for one in _CANDIDATES[:-1] if one in sample[0]), ",")


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _refuse_header_of_data(names: list[str], path: str, form: LogFormat, required: Collection[str]) -> None:
    """Raises DataError where a comment stands in the header's place, and where the wanted columns are there by chance:
    a first row of numbers."""
    mark = re.match(r"#+|%+|//|--", names[0])
    if mark and form.header is not False and not set(required) <= set(names):
        raise DataError(
            f"{path} begins with {shorten(names[0])}, which looks like a comment: leave such lines out, --comment "
            f"{mark[0]!r} (LogFormat(comment={mark[0]!r}))."
        )
    numeric = all(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names)
    if form.header is None and numeric and set(required) <= set(names):
        raise DataError(
            f"{path}: the first row is {name_some(names)}, numbers only. If it is a row of data pass --no-header and "
            "columns by number, the first is 1 (LogFormat(header=False)); if it names columns, --header."
        )


def _refuse_twice(names: list[str], path: str, required: Collection[str]) -> None:
    if twice := [name for name in required if names.count(name) > 1]:
        raise DataError(f"{path} has the column {name_some(twice)} more than once; rename one.")


@dataclass
class _Place:
    """path, names: of the file and its columns. before: rows of the file that come before these."""

    path: str
    names: list[str]
    notes: Notes
    has_header: bool
    before: int


def _unquoted(data: bytes, separator: str, place: _Place) -> "pl.DataFrame":
    """By Polars, which no quote disturbs then."""
    import polars as pl

    start = 0
    if place.has_header:
        while not data[start : (end := data.find(b"\n", start) + 1 or len(data))].strip():
            start = end
        start = end

    def read(columns: int) -> pl.DataFrame:
        head = separator.join(map(str, range(columns))) + "\n"
        return pl.read_csv(
            io.BytesIO(head.encode() + data[start:]), separator=separator, quote_char=None, infer_schema=False
        )

    try:
        frame = read(len(place.names))
    except pl.exceptions.PolarsError:
        refuse_other_encoding(data, place.path, place.before)
        frame = read(len(place.names) + _further_fields(_split_rows(data[start:], separator), place))
    return _finished(frame, place)


def _split_rows(data: bytes, separator: str) -> Iterator[list[str]]:
    for line in io.StringIO(data.decode("utf-8"), newline="\n"):
        yield line.rstrip("\r\n").split(separator)


def _further_fields(rows: Iterator[list[str]], place: _Place) -> int:
    """How many empty fields rows have beyond the columns. Raises DataError for the first row where one is not empty."""
    most = longer = 0
    columns = len(place.names)
    for number, row in enumerate(rows, 1 + place.before):
        if len(row) > columns:
            _refuse_further(row, number, place)
            most, longer = max(most, len(row) - columns), longer + 1
    place.notes.count("rows with separators at their end", longer)
    return most


def _refuse_further(row: list[str], number: int, place: _Place) -> None:
    columns = len(place.names)
    if any(field.strip() for field in row[columns:]):
        raise DataError(
            f"{place.path}, row {number:,}: it has {len(row)} fields, and there are {columns} columns: "
            f"{shorten(' | '.join(row))}. Say what separates fields, --separator, or quote those that hold it."
        )


def _quoted(data: bytes, separator: str, place: _Place) -> "pl.DataFrame":
    """By Python's csv module, which knows in which line a row ends, and takes a stray quote for a character."""
    import polars as pl

    refuse_other_encoding(data, place.path, place.before)
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))  # never less: others may be reading
    blanks_before_quotes = separator != " " and f'{separator} "'.encode() in data
    reader = csv.reader(
        io.StringIO(data.decode("utf-8"), newline=""),
        delimiter=separator,
        strict=True,
        skipinitialspace=blanks_before_quotes,
    )
    names = place.names
    rows = _checked_rows(reader, separator, place)
    frames = []
    while chunk := list(islice(rows, _CHUNK)):
        columns = zip(*chunk, strict=True)
        frames.append(
            pl.DataFrame({str(at): column for at, column in enumerate(columns)}, schema_overrides=_text(names))
        )
    if not frames:
        return _finished(pl.DataFrame(schema=_text(names)), place)
    frame = pl.concat(frames)
    return _finished(frame.select(pl.when(pl.all() != "").then(pl.all())), place)


def _text(names: list[str]) -> "dict[str, type[pl.String]]":
    import polars as pl

    return {str(at): pl.String for at in range(len(names))}


def _checked_rows(reader: Any, separator: str, place: _Place) -> Iterator[list[str]]:
    """Rows of as many fields as there are columns. Raises DataError with the number of the row that is none."""
    columns, in_header = len(place.names), place.has_header
    number, before = place.before, 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{place.path}, row {number + 1:,}: {_explain(error)}") from None
        lines, before = reader.line_num - before, reader.line_num
        if in_header:
            in_header = not row
            continue
        number += 1
        if len(row) > columns:
            _refuse_further(row, number, place)
            place.notes.count("rows with separators at their end", 1)
            row = row[:columns]
        if lines > 1:
            _check_lines(row, number, lines, separator, place)
        yield row + [""] * (columns - len(row))


def _explain(error: csv.Error) -> str:
    if "new-line" in str(error):
        return "a line break (\\r) stands within a field; quote the field, or remove it."
    return (
        f"a field begins with a quote and does not end with one ({error}). If quotes are characters of this file pass "
        "--no-quotes (LogFormat(quotes=False)); else double those within a field."
    )


def _check_lines(row: list[str], number: int, lines: int, separator: str, place: _Place) -> None:
    """Of a field that runs over lines. Raises DataError where it seems to have swallowed rows: a quote that a name
    begins with, and another one that ends one, rows later."""
    columns, notes = len(place.names), place.notes
    for field in row:
        first, *others = re.split(r"\r\n|\n|\r", field)
        # What a row has after its first quote, whole rows, and what another one has before its quote.
        whole = [line.count(separator) for line in others[:-1]]
        ends = first.count(separator) + (others[-1].count(separator) if others else 0)
        if others and columns > 1 and {*whole, ends} == {columns - 1}:
            raise DataError(
                f"{place.path}, row {number:,}: a quoted field runs over {lines:,} lines, which look like rows: "
                f"{shorten(first)}. If quotes are characters of this file pass --no-quotes (LogFormat(quotes=False))."
            )
    if not notes.counts["fields that run over lines"]:
        notes.say(f"a quoted field runs over {lines:,} lines, the first in row {number:,}")
    notes.count("fields that run over lines", 1)


def _finished(frame: "pl.DataFrame", place: _Place) -> "pl.DataFrame":
    """With the columns' names and rows' numbers, without rows that are blank."""
    import polars as pl

    frame = frame.select(frame.columns[: len(place.names)])
    frame = frame.rename(dict(zip(frame.columns, _unique(place.names), strict=True)))
    numbered = frame.with_row_index(ROW, offset=1 + place.before)
    blank = numbered.select(pl.all_horizontal(pl.col(frame.columns).str.strip_chars().fill_null("") == "")).to_series()
    if blank.any():
        place.notes.count("blank rows", int(blank.sum()))
        numbered = numbered.filter(~blank)
    return numbered


def _unique(names: list[str]) -> list[str]:
    """Each name once: a table has no two columns of a name."""
    unique: dict[str, None] = {}
    for name in names:
        others = (f"{name}_{number}" for number in count(2) if f"{name}_{number}" not in names)
        unique[name if name not in unique else next(other for other in others if other not in unique)] = None
    return list(unique)
