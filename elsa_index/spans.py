"""Spans of time as people write them: 30d, 12h."""

import re
from typing import Annotated

from pydantic import BeforeValidator

from .errors import UsageError
from .limits import is_number

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365.25 * 86_400}


def seconds_of(span: object) -> float:
    """A span of time, such as `30d`, in seconds; a number is one of seconds.

    Raises UsageError for anything that is not above 0.

    >>> seconds_of("30d"), seconds_of("1.5h"), seconds_of(60)
    (2592000.0, 5400.0, 60.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdwy]?)\s*", span) if isinstance(span, str) else None
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else float(span) if is_number(span) else 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(
            f"A span of time must be a number above 0 and s, m, h, d, w or y, such as 30d or 12h (a number alone: "
            f"seconds); got {span!r}."
        )
    return seconds


def _span(value: object) -> float | None:
    try:
        return None if value is None else seconds_of(value)
    except UsageError as error:
        raise ValueError(f"{str(error)[0].lower()}{str(error).split('; got')[0][1:]}") from None


Span = Annotated[float | None, BeforeValidator(_span)]
"""Seconds, also written as `30d`; None: none."""
