"""What does not live on in a process that is forked off: threads of libraries, Java, connections."""

import os

from .errors import ForkedError

_forks = 0


def _count() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count)


def forks() -> int:
    """How many forks lie between this process and the first one that imported this module: a number that was noted
    before a fork is another one after it."""
    return _forks


class Unforkable:
    """Something of which a process has one, and a child none where its parent used it before."""

    def __init__(self, name: str) -> None:
        self._name, self._used_after = name, -1

    def use(self) -> None:
        """Raises ForkedError in a child of a process that used it."""
        if self._used_after < 0:
            self._used_after = _forks
        elif self._used_after != _forks:
            raise ForkedError(
                f"{self._name} was used before this process was forked, and does not live on in it: open the index in "
                "each child, and none before the fork (gunicorn without --preload; multiprocessing with the start "
                "method spawn)."
            )

    @property
    def lives(self) -> bool:
        """Whether it was used in this very process."""
        return self._used_after == _forks
