"""Loops compiled by Numba, which release the interpreter's lock."""

import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from numba import config, njit, typeof

_F = TypeVar("_F", bound=Callable[..., Any])


def _renew_lock() -> None:
    """Of who compiles: a thread of the parent may have held it when this process was forked."""
    global _compiling
    _compiling = threading.Lock()


_compiling = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
_REORDERED = {"reassoc", "contract", "nsz"}


def compiled(function: _F) -> _F:
    """Machine code, kept on disk for the next process if there is a place for it. What it adds up is added up in the
    order that is written."""
    return _compiled(function, fastmath=False)


def reordering(function: _F) -> _F:
    """The same, but for sums of products, which may be vectorised."""
    return _compiled(function, fastmath=_REORDERED)


def side_by_side(function: _F) -> _F:
    """The same as `compiled`, for what Python calls: sums that stand side by side share instructions, which Numba
    leaves to its variable SLP_VECTORIZE, for all functions or none. Each adds up in its order."""
    made: Any = _compiled(function, fastmath=False)
    if not hasattr(made, "compile"):  # Numba's variable DISABLE_JIT is set: it is Python's own function
        return function

    @wraps(function)
    def call(*arguments: Any) -> Any:
        with _compiling:
            settings: Any = config
            before, settings.SLP_VECTORIZE = settings.SLP_VECTORIZE, 1
            try:
                made.compile(tuple(map(typeof, arguments)))  # nothing, where that is done
            finally:
                settings.SLP_VECTORIZE = before
        return made(*arguments)

    return cast(_F, call)


def _compiled(function: _F, fastmath: Any) -> _F:
    try:
        made = njit(nogil=True, cache=True, fastmath=fastmath)(function)
    except RuntimeError:  # neither beside the package nor in the user's cache
        made = njit(nogil=True, fastmath=fastmath)(function)
    return cast(_F, made)
