"""Sequences as people give them: in a list, a set, a column."""

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import UsageError, shorten


def is_table(value: object) -> bool:
    """Whether it is a table of pandas, Polars or Arrow, which would be taken for its columns' names."""
    return hasattr(value, "columns") or hasattr(value, "column_names")


def values_of(given: Iterable[Any]) -> list[Any]:
    """What a sequence holds; of Arrow's arrays values, and not the scalars that they give."""
    of_arrow = getattr(given, "to_pylist", None)
    return list(given if of_arrow is None else of_arrow())


def listed(given: object, what: str) -> list[Any]:
    """Ids, or names, in whatever holds them: a list, a set, a Series, an array of NumPy or Arrow. what: they are, in
    messages.

    Raises UsageError for one text, of which each letter would be an id, for a table or a matrix, and for no sequence.

    >>> listed({"a": 1}.keys(), "items"), listed((7, 8), "items")
    (['a'], [7, 8])
    >>> listed("12", "items")
    Traceback (most recent call last):
    elsa_index.errors.UsageError: items is a sequence of names, not one text; got '12'.
    """
    if isinstance(given, (str, bytes)):
        raise UsageError(f"{what} is a sequence of names, not one text; got {shorten(given)}.")
    if not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0:
        raise UsageError(f"{what} is a sequence of names, got {given!r}.")
    if getattr(given, "ndim", 1) != 1 or is_table(given) or isinstance(given, Mapping):
        raise UsageError(f"{what} is a sequence of names, got a {type(given).__name__}: a column of it?")
    return values_of(given)
