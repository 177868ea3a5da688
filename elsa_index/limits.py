"""Ranges of numbers that users choose, and what is said of a number outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeGuard

from .errors import UsageError


@dataclass(frozen=True)
class Limits:
    """Numbers from `least` to `most`, whole ones unless `whole` is False; without an upper end where `most` is None.

    >>> Limits(1, 16).check("bits", 99)
    Traceback (most recent call last):
    elsa_index.errors.UsageError: bits must be from 1 to 16, got 99.
    >>> Limits(1, 16).check("bits", "8")
    Traceback (most recent call last):
    elsa_index.errors.UsageError: bits must be a whole number from 1 to 16, got '8'.
    """

    least: float
    most: float | None = None
    whole: bool = True

    def check(self, name: str, value: object) -> None:
        """Raises UsageError that names the number, what is allowed and what was given."""
        allowed = f"at least {self.least:,}" if self.most is None else f"from {self.least:,} to {self.most:,}"
        if not is_number(value, Integral if self.whole else Real):
            raise UsageError(f"{name} must be a {'whole ' * self.whole}number {allowed}, got {value!r}.")
        if not self.least <= value <= (value if self.most is None else self.most):
            raise UsageError(f"{name} must be {allowed}, got {value}.")


def is_number(value: object, kind: type = Real) -> TypeGuard[float]:
    """
    >>> is_number(1), is_number(0.5), is_number("1"), is_number(True)
    (True, True, False, False)
    """
    return isinstance(value, kind) and not isinstance(value, bool)


AT_LEAST_ONE = Limits(1)
THREADS = Limits(1, 512)
"""Each has a stack, and memory of its own in Java: more are a slip of the finger."""


def check_limits(options: object, limits: Mapping[str, Limits]) -> None:
    """Checks the attributes of `options` that `limits` names; None stands for nothing chosen, if it is the default."""
    for name, allowed in limits.items():
        value = getattr(options, name)
        if value is not None:
            allowed.check(name, value)
        elif getattr(type(options), name, None) is not None:
            raise UsageError(f"{name} must be a number, got None.")
