"""Files as they were when they were opened: whether somebody has written into them since."""

import os
from collections.abc import Iterable
from pathlib import Path
from weakref import finalize

from .locks import is_still

State = tuple[int, int, int]


class FilesAsOpened:
    """Remembers size and time of files that are mapped. What is written into such a file shows through in whatever
    maps it, and what is cut off ends the process that reads it; a file, or a directory, put in its place does neither.

    Holds the directory open, so that looks are at its own files, whatever has its name by then.
    """

    def __init__(self, directory: Path, names: Iterable[str]) -> None:
        self.directory = directory
        self._opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        finalize(self, os.close, self._opened)
        states = {name: self._state(name) for name in names}
        # What is missing is for those to tell who read it.
        self._states = {name: state for name, state in states.items() if state is not None}

    def changed(self) -> Path | None:
        """The first file into which something was written, or None."""
        for name, before in self._states.items():
            now = self._state(name)
            # Removed or replaced: whoever has it open goes on.
            if now is not None and now[0] == before[0] and now != before:
                return self.directory / name
        return None

    def are_at(self, path: Path) -> bool:
        """Whether a path leads to the directory that was opened."""
        return is_still(path, self._opened)

    def _state(self, name: str) -> State | None:
        try:
            found = os.stat(name, dir_fd=self._opened)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
