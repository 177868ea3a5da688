"""Files as they were when they were opened: whether somebody has written into them since."""

from collections.abc import Iterable
from pathlib import Path


class FilesAsOpened:
    """Remembers size and time of files that are mapped. What is written into such a file shows through in whatever
    maps it, and what is cut off ends the process that reads it; a file put in its place does neither."""

    def __init__(self, directory: Path, names: Iterable[str]) -> None:
        self._states = {path: _state(path) for path in (directory / name for name in names)}

    def changed(self) -> Path | None:
        """The first file into which something was written, or None. Files that were replaced or removed are as they
        were for whoever has opened them."""
        for path, (number, *before) in self._states.items():
            try:
                now, *state = _state(path)
            except OSError:
                continue
            if now == number and state != before:
                return path
        return None


def _state(path: Path) -> tuple[tuple[int, int], int, int]:
    found = path.stat()
    return (found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns
