"""Checks of stored arrays whose values index memory, once, when they are opened: at the speed of reading them."""

import numpy as np
import numpy.typing as npt

from ..errors import StorageError


def check_range(values: npt.NDArray[np.integer], stop: int, what: str, *, least: int = 0) -> None:
    """Raises StorageError where a value is not from `least` to before `stop`, or where there are no whole numbers.

    >>> check_range(np.array([0, 7], dtype=np.uint16), 7, "The rows")
    Traceback (most recent call last):
    elsa_index.errors.StorageError: The rows are damaged: they hold 7, where 0 to 6 are allowed.
    """
    if values.dtype.kind not in "iu":
        raise StorageError(f"{what} are damaged: they are {values.dtype}, not whole numbers.")
    if not values.size:
        return
    for value in (int(np.min(values)), int(np.max(values))):
        if not least <= value < stop:
            raise StorageError(f"{what} are damaged: they hold {value:,}, where {least} to {stop - 1:,} are allowed.")


def check_starts(starts: npt.NDArray[np.integer], end: int, what: str) -> None:
    """Raises StorageError where these are not the places at which parts begin, ascending from 0, and the `end`.

    >>> check_starts(np.array([0, 2, 1, 3]), 3, "The rows")
    Traceback (most recent call last):
    elsa_index.errors.StorageError: The rows are damaged: they do not begin one after the other from 0 to 3.
    """
    ascending = (
        starts.ndim == 1
        and starts.dtype.kind in "iu"
        and len(starts) > 0
        and int(starts[0]) == 0
        and int(starts[-1]) == end
        and bool((starts[1:] >= starts[:-1]).all())
    )
    if not ascending:
        raise StorageError(f"{what} are damaged: they do not begin one after the other from 0 to {end:,}.")


def check_shape(values: npt.NDArray, shape: tuple[int | None, ...], kinds: str, what: str) -> None:
    """Raises StorageError where an array has another shape (None: any length) or another kind of numbers.

    kinds: letters of NumPy's kinds of dtypes, such as `f` for floats.
    """
    fits = values.ndim == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, values.shape, strict=False)
    )
    if not fits or values.dtype.kind not in kinds:
        raise StorageError(f"{what} are damaged: they are {values.dtype} of shape {values.shape}.")
