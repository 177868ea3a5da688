"""Ages of interactions: what is left of their weight."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

_OLDEST = 20.0
"""Half-lives."""


def share_left(
    times: npt.NDArray[np.float64], half_life: float, now: float | npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """What is left of each weight: 2^(-age / half-life), the age being the time until `now`, the latest of all where it
    is None. 2^-20 at least, so that nothing is lost altogether.

    >>> share_left(np.array([0.0, 30.0, 60.0]), half_life=30).tolist()
    [0.25, 0.5, 1.0]
    """
    latest = np.max(times, initial=-np.inf) if now is None else now
    return np.exp2(-np.clip((latest - times) / half_life, 0, _OLDEST))


def seconds_of(moment: datetime) -> float:
    """Since 1970; a time without a zone is one of UTC.

    >>> seconds_of(datetime(1970, 1, 2))
    86400.0
    """
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_UNITS = (("nanoseconds", 1e9), ("microseconds", 1e6), ("milliseconds", 1e3))
IN_1973 = 1e8
"""Seconds since 1970."""


def unit_of(number: float) -> tuple[str, float]:
    """What a number counts from 1970, and how many of these are a second: as seconds, what programs count in smaller
    units would be thousands of years from now.

    >>> unit_of(1.7e9), unit_of(1.7e12)
    (('seconds', 1.0), ('milliseconds', 1000.0))
    """
    return next((unit for unit in _UNITS if abs(number) / unit[1] >= IN_1973), ("seconds", 1.0))
