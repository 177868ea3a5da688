"""What a homepage is asked for: names, defaults and limits, for Python, the command line and HTTP alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import UsageError
from ..limits import AT_LEAST_ONE, Limits, check_limits
from .options import refuse_one_text


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
        tags: Only items that carry every one of them, in every row.
        exclude: Ids of items that are in no row.

    Raises:
        UsageError: For values out of range.
    """

    rows: int = 8
    k: int = 10
    fewest: int | None = None
    diversity: float = 0.5
    exact: bool = False
    tags: Sequence[str] = ()
    exclude: Iterable[object] = ()

    LIMITS: ClassVar[dict[str, Limits]] = {
        "rows": AT_LEAST_ONE,
        "k": AT_LEAST_ONE,
        "fewest": AT_LEAST_ONE,
        "diversity": Limits(0, 1, whole=False),
    }

    def __post_init__(self) -> None:
        check_limits(self, self.LIMITS)
        refuse_one_text(self.tags, self.exclude)
        if self.least > self.k:
            raise UsageError(f"fewest must be at most k, {self.k}, got {self.least}.")

    @property
    def least(self) -> int:
        """How many unseen items a segment must have."""
        return (self.k + 1) // 2 if self.fewest is None else self.fewest
