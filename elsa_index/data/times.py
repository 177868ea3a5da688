"""Times of a log, as seconds."""

import re
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import DataError, shorten
from .ages import IN_1973, seconds_of, unit_of
from .columns import Part, is_missing, refuse_missing, refuse_rows
from .log_format import LogFormat

if TYPE_CHECKING:
    import polars as pl

_ORDERS = ("%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d")
_ISO = r"^\d{4}-\d{1,2}-\d{1,2}([T ]|$)"
_TWO_DIGITS = r"^\d\d?[./-]\d\d?[./-]\d\d?([T ]|$)"
_WRITTEN = re.compile(r"\d{4}(-|\d{4}[Tt ]|W)")
_MOST_RARE = 100  # values that are tried before the others are taken for no ISO 8601 at all
_ZONE = r"(?i):\d\d(\.\d+)? ?(Z|UTC|[+-]\d\d:?(\d\d)?)$"
_DIGITS = (
    r"^(?:(?:19|20)\d\d|9999)(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])"
    r"(?:(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\d{3})?)?)?)?)?)?$"
)
"""Dates in digits alone: a year, a month, a day, an hour, a minute, a second, and thousandths, as many as there are."""
_LIKE_DATES = r"^(19|20|9999)\d*(\.0+)?$"
_SOME = 1000  # values of a column by which it is told that it has no dates of digits alone
_REST = "00010101000000000"
"""What a date of fewer digits ends with, to the thousandth."""
_CLOCKS = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S")


def times(part: Part, column: str, form: LogFormat) -> "pl.Series":
    """Seconds since 1970: numbers, ISO 8601 dates and times, dates in an order that all rows agree on, or
    as `form.time_format` says.

    Raises DataError that names the first row whose time is none, and where day and month cannot be told apart.
    """
    import polars as pl

    text = part.frame[column].str.strip_chars()
    refuse_missing(part, column, is_missing(text))
    if form.time_format is not None:
        return _whole(part, column, _by_format(text, form.time_format), f"as {form.time_format} says")
    seconds = text.cast(pl.Float64, strict=False)
    digits = _digits(part, column, text) if 2 * seconds.null_count() < len(text) else None
    if digits is not None:
        return digits
    if not seconds.null_count():
        refuse_rows(part, column, ~seconds.is_finite(), "a finite number")
        return _in_seconds(part, column, seconds)
    iso = _iso(text)
    if not iso.null_count():
        return iso
    if 2 * seconds.null_count() < len(text):
        return _whole(part, column, seconds, "a finite number, as others are")
    refuse_rows(
        part,
        column,
        text.str.contains(_TWO_DIGITS),
        "a date with a year of four digits, or what --time-format says, "
        "'%d.%m.%y' for example (LogFormat(time_format=...))",
    )
    fitting: dict[str, pl.Series] = {}
    nearest, fewest = "", len(text)
    for order in (order + clock for order in _ORDERS for clock in _CLOCKS):
        found = _parsed(text, order)
        if not found.null_count():
            fitting[order] = found
        elif found.null_count() < fewest:
            nearest, fewest = order, found.null_count()
    if len(fitting) > 1 and any(not one.equals(other) for one in fitting.values() for other in fitting.values()):
        raise DataError(
            f"{part.name}: {column} may be {' or '.join(fitting)}, such as {shorten(text[0])}; say which, "
            "--time-format (LogFormat(time_format=...))."
        )
    if fitting:
        order, found = next(iter(fitting.items()))
        part.notes.say(f"{column} is {order}")
        return found
    if 2 * fewest < len(text):
        return _whole(part, column, _parsed(text, nearest), f"a time as {nearest}, as others are")
    return _whole(
        part, column, iso, "a number, a date such as 2024-01-31 or 2024-01-31T12:00:00Z, or what --time-format says"
    )


def _in_seconds(part: Part, column: str, numbers: "pl.Series") -> "pl.Series":
    """Seconds from numbers of them, or of smaller units."""
    middle = numbers.abs().median()
    assert isinstance(middle, float)
    unit, factor = unit_of(middle)
    # Those of our days in another unit. Smaller numbers are days in which programs begin to count.
    usual = numbers.abs().is_between(IN_1973 * factor if factor > 1 else 0, 1e3 * IN_1973 * factor, closed="left")
    refuse_rows(part, column, ~usual & (numbers.abs() >= IN_1973), f"in {unit}, as most are")
    if factor == 1:
        return numbers
    part.notes.say(f"{column} is in {unit}")
    return numbers / factor


def _iso(text: "pl.Series") -> "pl.Series":
    """Seconds of ISO 8601 dates and times, null for others: Polars also takes days before months for such."""
    import polars as pl

    frame = text.alias("text").to_frame().select(pl.when(pl.col("text").str.contains(_ISO)).then(pl.col("text")))
    frame = frame.with_columns(pl.col("text").str.replace(r"^(\S+) (\d)", "${1}T${2}"))
    zoned = frame["text"].str.contains(_ZONE)
    # Polars takes the form of the first one for all: with a zone, without, and days alone.
    kinds = [frame.select(pl.when(those).then(pl.col("text")))["text"] for those in (zoned, ~zoned)]
    found = [kind.str.to_datetime(strict=False, time_zone="UTC") for kind in kinds if kind.null_count() < len(kind)]
    if len(found) != 1 or found[0].null_count():
        found.append(frame["text"].str.to_date(strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    seconds = _seconds(pl.select(pl.coalesce(found)).to_series())
    return _rarer(text, seconds) if seconds.null_count() else seconds


def _rarer(text: "pl.Series", seconds: "pl.Series") -> "pl.Series":
    """Seconds, those that are null by Python, which knows forms of ISO 8601 that Polars does not: weeks, a comma before
    the fraction, hours alone, small letters."""
    import polars as pl

    others: dict[str, float | None] = {}
    for value in text.filter(seconds.is_null()).drop_nulls().unique().to_list():
        try:
            others[value] = seconds_of(datetime.fromisoformat(value.upper())) if _WRITTEN.match(value) else None
        except ValueError:
            others[value] = None
        if len(others) > _MOST_RARE and not any(others.values()):
            return seconds
    if not any(moment is not None for moment in others.values()):
        return seconds
    pairs = zip(text.to_list(), seconds.to_list(), strict=True)
    return pl.Series([others.get(value) if moment is None else moment for value, moment in pairs], dtype=pl.Float64)


def _digits(part: Part, column: str, text: "pl.Series") -> "pl.Series | None":
    """Seconds of dates that are digits alone, 20240131 or 20240131235959, where most are: None where not.

    Raises DataError that names the first row that is none.
    """
    import polars as pl

    if not text.gather_every(1 + len(text) // _SOME).str.contains(_LIKE_DATES).any():
        return None
    text = text.str.replace(r"\.0+$", "")
    lengths = text.str.len_chars()
    usual = max(lengths.mode().to_list())
    dated = text.str.contains(_DIGITS).fill_null(value=False) & (lengths == usual)
    least = len(text) if usual in (4, 6) else len(text) // 2 + 1  # so few digits are more often counted from a start
    if int(dated.sum()) < least or (usual == 4 and text.n_unique() == 1):
        looks = text.str.contains(_LIKE_DATES) & (lengths == 8)
        if looks.all():
            refuse_rows(part, column, looks, "a date such as 20240131, or what --time-format says")
        return None
    clock = (text + _REST[usual:]).str.replace(r"^(\d{14})(\d{3})$", "${1}.${2}")
    found = _parsed(pl.select(pl.when(dated).then(clock)).to_series(), "%Y%m%d%H%M%S%.f")
    example = text.filter(dated)[0]
    refuse_rows(part, column, found.is_null(), f"a date such as {example}, as others are")
    part.notes.say(f"{column} is dates such as {example}")
    return found


def _by_format(text: "pl.Series", form: str) -> "pl.Series":
    """Seconds of times in a format that the user says, as Python's strptime has it; null for others."""
    import polars as pl

    if not re.search(r"%[YyGsDFcx]", form):
        raise DataError(f"time_format must have a year, got {form!r}: times of a day have no order among days.")
    if "%Z" in form:
        raise DataError(f"time_format must not have %Z, whose names are no offsets, got {form!r}: use %z, +01:00.")
    with suppress(pl.exceptions.PolarsError):
        found = _parsed(text, form.replace(".%f", "%.f"))
        if found.null_count() < len(found):
            return found
    # It has hours and no minutes, or something else that Python has and Polars has not.
    moments: dict[str, float | None] = {}
    for value in text.unique().to_list():
        try:
            moments[value] = seconds_of(datetime.strptime(value, form))
        except (ValueError, re.error) as error:
            if "does not match" not in str(error) and "remains" not in str(error) and "out of range" not in str(error):
                raise DataError(f"time_format must be one that strptime knows, got {form!r}: {error}.") from None
            moments[value] = None
    return pl.Series(text.name, [moments[value] for value in text.to_list()], dtype=pl.Float64)


def _parsed(text: "pl.Series", form: str) -> "pl.Series":
    import polars as pl

    try:
        return _seconds(text.str.strptime(pl.Datetime("us"), form, strict=False).dt.replace_time_zone("UTC"))
    except pl.exceptions.PolarsError:  # a format without hours is one of dates
        days = text.str.strptime(pl.Date, form, strict=False)
        return _seconds(days.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


def _seconds(moments: "pl.Series") -> "pl.Series":
    import polars as pl

    return moments.dt.epoch("us").cast(pl.Float64) / 1e6


def _whole(part: Part, column: str, values: "pl.Series", wanted: str) -> "pl.Series":
    """Raises DataError that names the first row without a time."""
    refuse_rows(part, column, values.is_null(), wanted)
    return values
