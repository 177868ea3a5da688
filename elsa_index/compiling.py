"""Loops compiled by Numba, which release the interpreter's lock."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_F = TypeVar("_F", bound=Callable[..., Any])
_REORDERED = {"reassoc", "contract", "nsz"}


def compiled(function: _F) -> _F:
    """Machine code, kept on disk for the next process if there is a place for it. What it adds up is added up in the
    order that is written."""
    return _compiled(function, fastmath=False)


def reordering(function: _F) -> _F:
    """The same, but for sums of products, which may be vectorised."""
    return _compiled(function, fastmath=_REORDERED)


def _compiled(function: _F, fastmath: Any) -> _F:
    try:
        made = njit(nogil=True, cache=True, fastmath=fastmath)(function)
    except RuntimeError:  # neither beside the package nor in the user's cache
        made = njit(nogil=True, fastmath=fastmath)(function)
    return cast(_F, made)
