"""Columns of a table as what they should hold: ids, numbers; the first row that does not is named."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DataError, shorten
from .reading.found import ROW, Notes

if TYPE_CHECKING:
    import polars as pl

_BLANKS = r"[\s\u200b\ufeff]*"
_MISSING = rf"(?i)^{_BLANKS}(-?nan|<?null>?|\(null\)|none|nat|<na>|#?n/a|(?-i:#?NA)|undefined|\\n)?{_BLANKS}$"
"""How programs write that there is nothing: pandas, R, Excel, databases, Python, JavaScript, and MySQL's dumps."""
_WITH_ZERO = r"^(-?\d+)\.0+$"
_ROUNDED = r"^-?\d\.\d+[eE]\+?\d\d+$"
"""A number that a program keeps as a float and writes with as many digits as it likes: 1.23457E+18."""
_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+$"


@dataclass
class Part:
    """The table of one file. name: of the file. frame: columns of text, and ROW. notes: what reading it did."""

    name: str
    frame: "pl.DataFrame"
    kind: str
    notes: Notes


def is_missing(column: "pl.Series") -> "pl.Series":
    """Whether each text says that there is nothing: empty, blanks, NaN, NULL, None and the like."""
    return column.is_null() | column.str.contains(_MISSING).fill_null(value=False)


def id_column(part: Part, column: str, *, optional: bool = False) -> "pl.Series":
    """A column of ids: without blanks around them, and without the `.0` that pandas gives whole numbers, each by
    itself: what an id is read as does not depend on the others of its file or block.

    Raises DataError that names the first row in which one is missing; optional: these are null instead. Also where one
    is a number that was rounded.
    """
    import polars as pl

    values = part.frame[column]
    missing = is_missing(values)
    if not optional:
        refuse_missing(part, column, missing)
    stripped = values.str.strip_chars()
    part.notes.count(f"blanks around {column}", int((stripped != values).fill_null(value=False).sum()))
    values = (
        stripped.to_frame().select(pl.when(~missing).then(pl.col(column))).to_series() if missing.any() else stripped
    )
    if not values.str.contains(".", literal=True).any():
        return values
    rounded = values.str.contains(_ROUNDED).fill_null(value=False)
    refuse_rows(part, column, rounded, "an id as it is, not a number that a program rounded: write ids as text")
    with_zero = values.str.contains(_WITH_ZERO).fill_null(value=False)
    if with_zero.any():
        such = values.filter(with_zero)[0]
        part.notes.say(f"{column} holds numbers such as {such}, read as {such.split('.')[0]}")
        values = values.str.replace(_WITH_ZERO, "${1}")
    return values


def refuse_missing(part: Part, column: str, missing: "pl.Series") -> None:
    """Raises DataError that names the first of the rows in which a value is missing, if there is one."""
    if missing.any():
        at = int(missing.arg_true()[0])
        value = part.frame[column][at]
        said = "empty" if value is None or not value.strip() else f"missing ({shorten(value)})"
        raise DataError(
            f"{part.name}, row {part.frame[ROW][at]:,}: {column} is {said} ({int(missing.sum()):,} such rows)."
        )


def numbers(part: Part, column: str) -> "pl.Series":
    """A text column as finite float64; a comma may be the decimal point. Raises DataError that names the first row
    whose value is none."""
    import polars as pl

    text = part.frame[column].str.strip_chars()
    values = text.cast(pl.Float64, strict=False)
    if values.null_count() > text.null_count():
        with_comma = text.str.contains(",").fill_null(value=False)
        may_be_thousands = text.str.contains(_THOUSANDS).fill_null(value=False)
        if not (with_comma & ~may_be_thousands).any():
            refuse_rows(part, column, with_comma, "a number without a comma, which may be a decimal point or not")
        with_point = text.str.replace(r"^([+-]?\d+),(\d+)$", "${1}.${2}").cast(pl.Float64, strict=False)
        values = with_point if with_point.null_count() < values.null_count() else values
    refuse_rows(part, column, (~values.is_finite()).fill_null(value=True), "a finite number")
    return values


def refuse_rows(part: Part, column: str, bad: "pl.Series", wanted: str) -> None:
    """Raises DataError that names the first of the rows that are bad, if there is one. wanted: what they must hold."""
    if bad.any():
        at = int(bad.arg_true()[0])
        value = part.frame[column][at]
        raise DataError(
            f"{part.name}, row {part.frame[ROW][at]:,}: {column} must be {wanted}, got "
            f"{'nothing' if value is None else shorten(value)} ({int(bad.sum()):,} such rows)."
        )
