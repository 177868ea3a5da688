"""Standing exclusions: items that the service never returns, until they are taken back: out of stock, recalled."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..codes.item_codes import read_ids
from ..errors import UsageError, shorten
from ..index import Index
from ..storage.staging import staged_file


@dataclass(frozen=True)
class Excluded:
    """names: ids, in the order in which they came. is_kept: whether a file holds them for the next start."""

    names: tuple[str, ...]
    is_kept: bool


class Exclusions:
    """Ids that are not returned, in memory or in a file, one per line, whose changes are followed.

    is_kept: whether the file is there for the next start. lock: held while they are changed, if other processes change
    them too.

    Raises UsageError for a file that is none of lines, DataError where it cannot be read.
    """

    def __init__(
        self,
        path: Path | None = None,
        is_kept: bool = True,
        lock: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        if path is not None and path.suffix.lower() != ".txt":
            raise UsageError(f"The file of exclusions must be a .txt, one id per line; got {shorten(path)}.")
        self._path, self._lock, self._lock_of_all = path, threading.RLock(), lock
        self._is_kept = path is not None and is_kept
        self._seen: tuple[int, int] | None = None
        self.now = Excluded((), self._is_kept)
        self.follow()

    @property
    def is_missing(self) -> bool:
        """Whether there should be a file, and is none."""
        return self._is_kept and self._seen is None

    def apply(self, index: Index) -> None:
        """Lets an index leave them out: those of now, whoever else changes them meanwhile."""
        with self._lock:
            index.exclude_always(self.now.names)

    def change(self, add: Sequence[str], remove: Sequence[str]) -> Excluded:
        """Raises UsageError where an id is added and removed, or cannot stand on a line, StorageError where the file
        cannot be written; then nothing changes."""
        if any(not name.strip() or name != name.strip() for name in add):
            raise UsageError("An id of blanks, or with blanks around it, cannot be excluded.")
        if both := set(add) & set(remove):
            raise UsageError(f"An item is both excluded and taken back: {shorten(min(both))}.")
        if self._path is not None and (broken := [name for name in add if "\n" in name or "\r" in name]):
            raise UsageError(f"An id with a line break cannot stand in {self._path}: {shorten(broken[0])}.")
        with self._lock, self._lock_of_all():
            self.follow()  # what somebody wrote into the file a moment ago stays
            names = dict.fromkeys([*self.now.names, *add])
            for name in remove:
                names.pop(name, None)
            if self._path is not None:
                self._seen = _written(self._path, names)
            self.now = Excluded(tuple(names), self._is_kept)
            return self.now

    def follow(self) -> bool:
        """Reads the file again where somebody changed it. Whether anything is different."""
        if self._path is None:
            return False
        with self._lock:
            try:
                about = self._path.stat()
                seen = about.st_mtime_ns, about.st_size
            except FileNotFoundError:
                seen = None
            if seen == self._seen:
                return False
            read = [] if seen is None else read_ids(self._path)
            names = tuple(dict.fromkeys(name.strip() for name in read if name.strip()))
            is_new = names != self.now.names
            self._seen, self.now = seen, Excluded(names, self._is_kept)
            return is_new


def _written(path: Path, names: dict[str, None]) -> tuple[int, int]:
    """Writes the file beside it and puts it into place. Returns what says that it is this one."""
    with staged_file(path, overwrite=True) as staged:
        with staged.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{name}\n" for name in names)
        about = staged.stat()
    return about.st_mtime_ns, about.st_size
