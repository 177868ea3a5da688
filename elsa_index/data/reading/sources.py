"""The files that a table is in: one, several, a pattern, a folder, or standard input."""

import glob
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError, DataWarning, UsageError, name_some, shorten
from ...storage.files import existing_file
from ..raw_bytes import unpacked, unpacked_bytes

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_OF_FOLDERS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt", ".inter", ".dat", ".data")
_ABOUT = re.compile(r"(?i)(readme|licen[cs]e)[^.]*(\.(txt|rst|html|pdf))?$")


@dataclass(frozen=True)
class Source:
    """name: of a file, as messages say it. suffix: of the name, without .gz. read: its bytes, unpacked. path: None if
    it is no file."""

    name: str
    suffix: str
    read: Callable[[], bytes]
    path: Path | None = None


def sources_of(paths: Paths, what: str) -> list[Source]:
    """The files of a path or of several, each once, whatever paths lead to it: files themselves, patterns
    (`logs/*.csv`), folders (all files of a known kind in them, hidden ones left out), pipes, `-` for standard input.
    Raises DataError where there is none."""
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found: dict[str, Source] = {}
    if not isinstance(paths, Sequence) or not all(isinstance(path, (str, os.PathLike)) for path in paths):
        raise UsageError(
            f"{what} must be a file, several, or a table of pandas, Polars or Arrow (columns of users and items); got "
            f"{shorten(paths)}."
        )
    for path in paths:
        for source in _sources_of_one(path, what):
            found.setdefault(os.path.realpath(source.path) if source.path else source.name, source)
    if not found:
        raise UsageError(f"{what} has no file: name at least one.")
    return list(found.values())


def _sources_of_one(path: str | os.PathLike[str], what: str) -> list[Source]:
    if str(path) == "-":
        return [Source("standard input", "", lambda: unpacked_bytes(sys.stdin.buffer.read(), "standard input"))]
    if Path(path).is_dir():
        if (Path(path) / "split.json").is_file():
            raise DataError(f"{path} is a split, of which a part is hidden: train on {path}/train.parquet.")
        parts = _parts_of(Path(path))
        if not parts:
            raise DataError(
                f"{path} is a folder without files that are read; their names end in {', '.join(_OF_FOLDERS)}."
            )
        return parts
    if not Path(path).exists() and glob.has_magic(str(path)):
        matching = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
        found = [part for match in matching for part in (_parts_of(match) if match.is_dir() else [_file(match)])]
        if not found:
            folders = ", only folders without files that are read" if matching else ""
            raise DataError(f"No file matches {path}{folders}.")
        return found
    if Path(path).is_fifo() or Path(path).is_char_device():  # which the shell makes of <(…)
        name = str(path)
        return [Source(name, "", lambda: unpacked_bytes(Path(name).read_bytes(), name))]
    return [_file(existing_file(path, what))]


def _parts_of(folder: Path) -> list[Source]:
    return [_file(path) for path in _files_in(folder) if _is_part(path, folder)]


def _files_in(folder: Path) -> list[Path]:
    """All in a folder and those below it, links to folders included; each folder once, as links may lead in a ring."""
    found, known = [], {os.path.realpath(folder)}
    for at, folders, files in os.walk(folder, followlinks=True):
        found += [Path(at, name) for name in files]
        real = {name: os.path.realpath(Path(at, name)) for name in folders}
        folders[:] = [name for name in folders if real[name] not in known]
        known.update(real.values())
    return sorted(found)


def _is_part(path: Path, folder: Path) -> bool:
    return path.is_file() and not _is_aside(path, folder) and _suffix(path) in _OF_FOLDERS


def _is_aside(path: Path, folder: Path) -> bool:
    """Whether nobody takes it for data: hidden, a marker, a text about the others."""
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    return hidden or bool(_ABOUT.match(path.name)) or path.suffix in (".md", ".crc", ".sha256")


def warn_of_others(paths: Paths) -> None:
    """Warns of files in folders that `sources_of` does not take, and that somebody may take for data."""
    for folder in map(Path, [paths] if isinstance(paths, (str, os.PathLike)) else paths):
        if not folder.is_dir():
            continue
        others = [
            str(path.relative_to(folder))
            for path in _files_in(folder)
            if not _is_aside(path, folder) and not _is_part(path, folder)
        ]
        if others:
            warnings.warn(
                f"{folder}: {name_some(others)} not read, as names of files that are end in {', '.join(_OF_FOLDERS)}; "
                "name each file to read it.",
                DataWarning,
                stacklevel=4,
            )


def _file(path: Path) -> Source:
    return Source(str(path), _suffix(path), lambda: unpacked(path), path)


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1] if suffixes else ""
