"""Choosing the regularisation: steps by two, as long as they gain."""

from dataclasses import dataclass, field

from .config import LARGEST, SMALLEST

_FIRST = 100.0
"""λ that `auto` begins with; on Gowalla and MovieLens the best are 100 and 200."""


@dataclass
class Choice:
    """What `auto` has found so far: nDCG@100 of the validation users by λ."""

    figures: dict[float, float] = field(default_factory=dict)

    def next(self) -> float | None:
        """The λ to try next; None once the best one is between two that are worse."""
        if not self.figures:
            return _FIRST
        for other in (2 * self.best, self.best / 2):
            if other not in self.figures and SMALLEST <= other <= LARGEST:
                return other
        return None

    @property
    def best(self) -> float:
        return max(self.figures, key=lambda regularisation: self.figures[regularisation])
