"""The index that is served now, and its replacement while requests go on."""

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..errors import StorageError
from ..index import Index
from .exclusions import Excluded, Exclusions

WARMING = 1.0
"""Seconds: Java compiles what it runs often. Once it has, a fifth is enough."""


@dataclass
class _Held:
    index: Index
    users: int = 0
    retired: bool = False
    changed: StorageError | None = None


class Current:
    """Opens an index, lends it to requests, and swaps it: a request keeps the index that it began with, and the old
    one is closed when the last of its requests has ended.

    open_index: opens the index directory, called again for every swap. warming: seconds for which the first index
    answers questions of its own before it is lent; later ones take a fifth of them. exclusions: what none returns.
    turn: held while an index is swapped, so that of several processes one does so at a time and the others answer.
    """

    def __init__(
        self,
        open_index: Callable[[], Index],
        warming: float = WARMING,
        exclusions: Exclusions | None = None,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._open, self._warming, self._turn = open_index, warming, turn
        self.exclusions = exclusions or Exclusions()
        self._lock = threading.Lock()
        self._swapping, self._excluding = threading.Lock(), threading.Lock()
        self._held = _Held(self._opened(self._warming))
        self._held.index.titles.find("a", 1)
        # What was loaded stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        self._seen_at: tuple[int, int] | None = None

    @contextmanager
    def use(self) -> Iterator[Index]:
        """The index. Raises StorageError where its files were found changed in place."""
        with self._lock:
            held = self._held
            if held.changed is not None:
                raise held.changed
            held.users += 1
        try:
            yield held.index
        finally:
            with self._lock:
                held.users -= 1
                unused = held.retired and not held.users
            if unused:
                held.index.close()

    def swap(self) -> None:
        """Opens the directory again and serves what is there now. Where that fails the old index stays."""
        with self._swapping, self._turn():
            held = _Held(self._opened(self._warming / 5))
            with self._excluding:  # they may have changed while it was opened
                self.exclusions.apply(held.index)
                with self._lock:
                    old, self._held = self._held, held
                    old.retired = True
                    unused = not old.users
            if unused:
                old.index.close()
            # Made anew, which takes seconds for hundreds of thousands of titles: whoever looks one up first waits for
            # it, and nobody else.
            held.index.titles.find("a", 1)

    def is_replaced(self) -> bool:
        """Whether another commit of the index has taken its place, which was not there when this was last asked."""
        with self._lock:
            catalogue = self._held.index.catalogue
        try:
            found = catalogue.path.stat()
        except OSError:  # for a moment nothing is there, or for longer
            return False
        seen_at, self._seen_at = self._seen_at, (found.st_dev, found.st_ino)
        return seen_at != self._seen_at and not catalogue.is_current

    @property
    def is_current(self) -> bool:
        """Whether what is served is what is in the directory."""
        with self._lock:
            catalogue = self._held.index.catalogue
        return catalogue.is_current

    def exclude(self, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Excluded:
        """Changes what is not returned, at once. Raises as `Exclusions.change`."""
        with self._excluding, self.use() as index:
            now = self.exclusions.change(add, remove)
            self.exclusions.apply(index)
        return now

    def follow_exclusions(self) -> bool:
        """Whether somebody changed the file of exclusions, which then are left out."""
        with self._excluding, self.use() as index:
            if not self.exclusions.follow():
                return False
            self.exclusions.apply(index)
        return True

    def check(self) -> str | None:
        """Looks whether somebody wrote into the index's files; then nothing is answered from them any more, until
        there is another index. What is wrong, where that is new."""
        with self._lock:
            held = self._held
        if held.changed is None:
            try:
                held.index.catalogue.check_unchanged()
            except StorageError as error:
                held.changed = error
                return str(error)
        return None

    @property
    def wrong(self) -> str | None:
        """Why nothing is answered, if it is so."""
        with self._lock:
            return None if self._held.changed is None else str(self._held.changed)

    @property
    def path(self) -> Path:
        """The index directory."""
        with self._lock:
            return self._held.index.path

    def close(self) -> None:
        """Closes the index, once nobody uses it."""
        with self._lock:
            self._held.retired = True
            unused = not self._held.users
        if unused:
            self._held.index.close()

    def _opened(self, seconds: float) -> Index:
        """An index that has answered, so that no request waits for what is read, made or compiled at first use."""
        index = self._open()
        try:
            self.exclusions.apply(index)
            _warm(index, seconds)
        except BaseException:
            index.close()
            raise
        return index


def _warm(index: Index, seconds: float) -> None:
    """Asks about one item after the other for so many seconds, at least once."""
    until = time.monotonic() + seconds
    for row in range(len(index)):
        history = [index.ids[row]]
        index.search([history], 10, exact=index.can_be_exact)
        if index.segments is not None:
            index.homepage(history)
        if time.monotonic() > until:
            break
