"""What a homepage is asked for: names, defaults and limits, for Python, the command line and HTTP alike."""

from dataclasses import dataclass
from typing import ClassVar

from ..catalogue.filters import ALL_ITEMS, Filters
from ..errors import UsageError
from ..limits import AT_LEAST_ONE, Limits, check_limits


@dataclass(frozen=True)
class HomepageOptions:
    """What a homepage is asked for.

    Attributes:
        rows: At most so many, the first one included.
        k: Items per row.
        fewest: A segment with fewer unseen items is left out; half of k where None.
        diversity: From 0, the best segments whatever they have in common, to 1: a segment loses its score's share by
            its cosine to one that is already there.
        exact: Every row is the exhaustive one.
        filters: Which items may be in any row.
        keep_seen: Whether the history's own items may be.

    Raises:
        UsageError: For values out of range.
    """

    rows: int = 8
    k: int = 10
    fewest: int | None = None
    diversity: float = 0.5
    exact: bool = False
    filters: Filters = ALL_ITEMS
    keep_seen: bool = False

    LIMITS: ClassVar[dict[str, Limits]] = {
        "rows": AT_LEAST_ONE,
        "k": AT_LEAST_ONE,
        "fewest": AT_LEAST_ONE,
        "diversity": Limits(0, 1, whole=False),
    }

    def __post_init__(self) -> None:
        check_limits(self, self.LIMITS)
        if self.least > self.k:
            raise UsageError(f"fewest must be at most k, {self.k}, got {self.least}.")

    @property
    def least(self) -> int:
        """How many unseen items a segment must have."""
        return (self.k + 1) // 2 if self.fewest is None else self.fewest
