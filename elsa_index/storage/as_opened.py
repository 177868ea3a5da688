"""Files as they were when they were opened: whether somebody has written into them since."""

import os
from collections.abc import Iterable
from pathlib import Path
from weakref import finalize

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
        self._states = {name: self._state(name) for name in names}

    def changed(self) -> Path | None:
        """The first file into which something was written, or None."""
        for name, before in self._states.items():
            try:
                now = self._state(name)
            except OSError:  # removed: whoever has it open goes on
                continue
            if now[0] == before[0] and now != before:
                return self.directory / name
        return None

    def _state(self, name: str) -> State:
        found = os.stat(name, dir_fd=self._opened)
        return found.st_ino, found.st_size, found.st_mtime_ns
