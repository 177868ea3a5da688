"""How a log is split: names, defaults and limits, for Python and the command line alike."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from ..errors import UsageError
from ..limits import AT_LEAST_ONE, Limits, check_limits

Protocol = Literal["held-out", "temporal", "given"]
_USUAL_USERS = 3000


@dataclass(frozen=True)
class SplitOptions:
    """protocol: which interactions are hidden, see `split`. users: to hold out; None: a tenth of those
    that can be, at most 3,000. hide: share of a user's items
    (temporal: of all interactions). folds: how often the hidden part rotates. seed: of what is drawn.

    Raises UsageError for values out of range.
    """

    protocol: Protocol = "held-out"
    users: int | None = None
    hide: float = 0.2
    folds: int = 5
    seed: int = 42

    LIMITS: ClassVar[dict[str, Limits]] = {"folds": AT_LEAST_ONE, "users": AT_LEAST_ONE}

    def __post_init__(self) -> None:
        if self.protocol not in get_args(Protocol):
            raise UsageError(f"protocol must be one of {', '.join(get_args(Protocol))}, got {self.protocol!r}.")
        if not 0 < self.hide < 1:
            raise UsageError(f"hide must be above 0 and below 1, got {self.hide}.")
        check_limits(self, self.LIMITS)

    def users_of(self, eligible: int) -> int:
        """How many users to hold out of so many that can be.

        >>> [SplitOptions().users_of(eligible) for eligible in (5, 943, 30_000, 100_000)]
        [1, 94, 3000, 3000]
        """
        return self.users if self.users is not None else max(1, min(_USUAL_USERS, eligible // 10))

    @property
    def drawn_by(self) -> dict[str, Any]:
        """What is written of them into a split where users are drawn."""
        return {"protocol": self.protocol, "hide": self.hide, "seed": self.seed}
