"""What is measured, and how often: names, defaults and limits, for Python and the command line alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..limits import AT_LEAST_ONE, THREADS, Limits, check_limits


@dataclass(frozen=True)
class BenchOptions:
    """k: items per history. threads: numbers of them for throughput. rounds: the spread is over them. users: histories
    of a split to ask: the first ones.

    Raises UsageError for values out of range.
    """

    k: int = 100
    threads: Sequence[int] = (1, 2)
    rounds: int = 3
    users: int = 1000

    LIMITS: ClassVar[dict[str, Limits]] = dict.fromkeys(("k", "rounds", "users"), AT_LEAST_ONE)

    def __post_init__(self) -> None:
        check_limits(self, self.LIMITS)
        for count in self.threads:
            THREADS.check("threads", count)
