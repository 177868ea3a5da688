"""What does not live on in a process that is forked off: threads of libraries, Java."""

import os

from .errors import ForkedError


class Unforkable:
    """Something of which a process has one, and a child none where its parent used it before."""

    def __init__(self, name: str, advice: str) -> None:
        """advice: what to do instead, where a child would use it."""
        self._name, self._advice = name, advice
        self._used_in: int | None = None

    def use(self) -> None:
        """Raises ForkedError in a child of a process that used it."""
        if self._used_in is None:
            self._used_in = os.getpid()
        elif not self.lives:
            raise ForkedError(
                f"{self._name} was used before this process was forked, and does not live on in it: {self._advice}"
            )

    @property
    def lives(self) -> bool:
        """Whether it was used in this very process. Asked of the system: what Python runs after a fork comes too late
        for objects of the parent's threads, which end before."""
        return self._used_in == os.getpid()


OPEN_IN_EACH = (
    "open the index in each child, and none before the fork (gunicorn without --preload; multiprocessing with the "
    "start method spawn)."
)
_SPAWN = "{} in processes that are spawned, multiprocessing.get_context('spawn'), or only there."
POLARS = Unforkable("Polars", _SPAWN.format("read and write tables, and use a Recommender,"))
"""Its threads. Used by whoever begins to read or write a table."""
TORCH = Unforkable("PyTorch", _SPAWN.format("train Compressed ELSA"))
"""Its threads, and those of its BLAS."""
