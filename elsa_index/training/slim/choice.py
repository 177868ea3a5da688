"""Choosing the regularisation: steps by two, as long as they gain."""

from dataclasses import dataclass, field

from .config import LARGEST, SMALLEST

FIRST = (50.0, 100.0, 200.0)
"""λs that `auto` begins with, together: on Gowalla and MovieLens the best are 100 and 200."""


@dataclass
class Choice:
    """What `auto` has found so far: nDCG@100 of the validation users by λ."""

    figures: dict[float, float] = field(default_factory=dict)

    def next(self) -> tuple[float, ...]:
        """The λs to try next, together; none once half and twice the best one are both worse.

        >>> Choice({50: 0.21, 100: 0.23, 200: 0.22}).next()
        ()
        >>> Choice({50: 0.21, 100: 0.22, 200: 0.23}).next()
        (400, 800)
        """
        if not self.figures:
            return FIRST
        closest = (self.best / 2, 2 * self.best)
        if all(other in self.figures for other in closest if SMALLEST <= other <= LARGEST):
            return ()
        below = (self.best / 4,) if self.best == min(self.figures) else ()
        above = (4 * self.best,) if self.best == max(self.figures) else ()
        wanted = (*below, *closest, *above)
        return tuple(other for other in wanted if other not in self.figures and SMALLEST <= other <= LARGEST)

    @property
    def best(self) -> float:
        return max(self.figures, key=lambda regularisation: self.figures[regularisation])
