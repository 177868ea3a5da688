"""What does not live on in a process that is forked off: threads of libraries, Java."""

import os

from .errors import ForkedError


class Unforkable:
    """Something of which a process has one, and a child none where its parent used it before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._used_in: int | None = None

    def use(self) -> None:
        """Raises ForkedError in a child of a process that used it."""
        if self._used_in is None:
            self._used_in = os.getpid()
        elif not self.lives:
            raise ForkedError(
                f"{self._name} was used before this process was forked, and does not live on in it: open the index in "
                "each child, and none before the fork (gunicorn without --preload; multiprocessing with the start "
                "method spawn)."
            )

    @property
    def lives(self) -> bool:
        """Whether it was used in this very process. Asked of the system: what Python runs after a fork comes too late
        for objects of the parent's threads, which end before."""
        return self._used_in == os.getpid()
