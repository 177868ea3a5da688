"""Ages of interactions: what is left of their weight."""

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
