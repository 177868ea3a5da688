"""Ranges of numbers that users choose, and what is said of a number outside."""

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import UsageError


@dataclass(frozen=True)
class Limits:
    """Numbers from `least` to `most`; without an upper end where that is None.

    >>> Limits(1, 16).check("bits", 99)
    Traceback (most recent call last):
    elsa_index.errors.UsageError: bits must be from 1 to 16, got 99.
    """

    least: float
    most: float | None = None

    def check(self, name: str, value: float) -> None:
        """Raises UsageError that names the number, what is allowed and what was given."""
        if self.most is None:
            if not self.least <= value:
                raise UsageError(f"{name} must be at least {self.least:,}, got {value}.")
        elif not self.least <= value <= self.most:
            raise UsageError(f"{name} must be from {self.least:,} to {self.most:,}, got {value}.")


AT_LEAST_ONE = Limits(1)
THREADS = Limits(1, 512)
"""Each has a stack, and memory of its own in Java: more are a slip of the finger."""


def check_limits(options: object, limits: Mapping[str, Limits]) -> None:
    """Checks the attributes of `options` that `limits` names; None stands for nothing chosen."""
    for name, allowed in limits.items():
        value = getattr(options, name)
        if value is not None:
            allowed.check(name, value)
