"""Times of a log, as seconds."""

from typing import TYPE_CHECKING

from ..errors import DataError, shorten
from .ages import IN_1973, unit_of
from .columns import Part, is_missing, refuse_missing, refuse_rows
from .log_format import LogFormat

if TYPE_CHECKING:
    import polars as pl

_ORDERS = ("%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d", "%Y%m%d%H%M%S")
_ISO = r"^\d{4}-\d{1,2}-\d{1,2}([T ]|$)"
_TWO_DIGITS = r"^\d\d?[./-]\d\d?[./-]\d\d?([T ]|$)"
_ZONE = r"(?i):\d\d(\.\d+)? ?(Z|UTC|[+-]\d\d:?(\d\d)?)$"
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
        return _whole(part, column, _parsed(text, form.time_format), f"as {form.time_format} says")
    seconds = text.cast(pl.Float64, strict=False)
    if not seconds.null_count() and not _are_dates(text):
        refuse_rows(part, column, ~seconds.is_finite(), "a finite number")
        return _in_seconds(part, column, seconds)
    iso = _iso(text)
    if not iso.null_count():
        return iso
    if 2 * seconds.null_count() < len(text) and not _are_dates(text):
        return _whole(part, column, seconds, "a finite number, as others are")
    refuse_rows(
        part,
        column,
        text.str.contains(_TWO_DIGITS),
        "a date with a year of four digits, or what --time-format says, "
        "'%d.%m.%y' for example (LogFormat(time_format=...))",
    )
    fitting = {}
    for order in _ORDERS:
        for clock in _CLOCKS:
            found = _parsed(text, order + clock)
            if not found.null_count():
                fitting[order + clock] = found
    if len(fitting) > 1 and any(not one.equals(other) for one in fitting.values() for other in fitting.values()):
        raise DataError(
            f"{part.name}: {column} may be {' or '.join(fitting)}, such as {shorten(text[0])}; say which, "
            "--time-format (LogFormat(time_format=...))."
        )
    if fitting:
        order, found = next(iter(fitting.items()))
        part.notes.say(f"{column} is {order}")
        return found
    return _whole(part, column, iso, "a number, an ISO 8601 date, or what --time-format says (LogFormat)")


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
    return _seconds(pl.select(pl.coalesce(found)).to_series())


def _are_dates(text: "pl.Series") -> bool:
    """Whether numbers of eight or fourteen digits are all dates: 20240131, 20240131235959."""
    return bool(text.str.contains(r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{6})?$").all())


def _parsed(text: "pl.Series", form: str) -> "pl.Series":
    import polars as pl

    try:
        return _seconds(text.str.strptime(pl.Datetime("us"), form, strict=False).dt.replace_time_zone("UTC"))
    except pl.exceptions.PolarsError:  # a format without hours is one of dates
        try:
            return _seconds(
                text.str.strptime(pl.Date, form, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            )
        except pl.exceptions.PolarsError as error:
            raise DataError(f"time_format must be one that strptime knows, got {form!r}: {error}") from None


def _seconds(moments: "pl.Series") -> "pl.Series":
    import polars as pl

    return moments.dt.epoch("us").cast(pl.Float64) / 1e6


def _whole(part: Part, column: str, values: "pl.Series", wanted: str) -> "pl.Series":
    """Raises DataError that names the first row without a time."""
    refuse_rows(part, column, values.is_null(), wanted)
    return values
