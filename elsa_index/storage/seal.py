"""Sealed directories: a JSON file that names every other file with size and checksum, and bears a checksum itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from ..errors import StorageError, name_some, shorten
from .files import checksum


@dataclass(frozen=True)
class Entry:
    """bytes: a file's size. xxh3: of its content, 128 bits in hexadecimal."""

    bytes: int
    xxh3: str


def sealed(content: Mapping[str, Any]) -> str:
    """The JSON file's exact text: the content and, as its last entry, the checksum of its canonical form."""
    canonical = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    seal = xxhash.xxh3_128_hexdigest(canonical.encode("utf-8", "surrogatepass"))
    return json.dumps(json.loads(canonical) | {"xxh3": seal}, indent=1, ensure_ascii=False) + "\n"


def check_seal(content: Mapping[str, Any], text: str, path: Path, advice: str) -> None:
    """Raises StorageError where a byte of a sealed file was changed. content: what `text`, all of it, holds."""
    if sealed({name: value for name, value in content.items() if name != "xxh3"}) != text:
        raise StorageError(f"{path} is damaged: its content does not have its checksum. {advice}")


def list_files(directory: Path, known: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
    """Every file below `directory` with size and checksum. known: of files that need not be read for it."""
    known = known or {}
    return {
        name: known.get(name) or Entry((directory / name).stat().st_size, checksum(directory / name))
        for name in _names(directory)
    }


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Writes `content` and, as its entry `files`, every other file of the directory."""
    files = {name: vars(entry) for name, entry in list_files(path.parent).items()}
    path.write_text(sealed({**content, "files": files}), encoding="utf-8")


def check_sealed(path: Path, content: Mapping[str, Any], advice: str) -> list[str]:
    """The names of the files that `write_sealed` wrote down; content: what the JSON file holds.

    Raises StorageError where a byte of it, or of any of them, was changed.
    """
    check_seal(content, path.read_text(encoding="utf-8"), path, advice)
    files = {name: Entry(**entry) for name, entry in content["files"].items()}
    check_files(path.parent, files, contents=True, advice=advice)
    return list(files)


def check_files(directory: Path, files: Mapping[str, Entry], *, contents: bool, advice: str) -> None:
    """Compares sizes and, with `contents`, checksums.

    Raises StorageError that names the first file that is missing or changed, or that lies elsewhere.
    """
    home = directory.resolve()
    for name, entry in files.items():
        path = directory / name
        if "\0" in name or not path.resolve().is_relative_to(home):
            raise StorageError(f"{directory} is damaged: it names the file {shorten(name)}, outside of it. {advice}")
        if not path.is_file():
            raise StorageError(f"{path} is missing. {advice}")
        if path.stat().st_size != entry.bytes:
            raise StorageError(f"{path} has {path.stat().st_size:,} bytes instead of {entry.bytes:,}. {advice}")
        if contents and checksum(path) != entry.xxh3:
            raise StorageError(f"{path} is damaged: its checksum is not the one that was written down. {advice}")


def strangers(directory: Path, files: Iterable[str]) -> list[str]:
    """Files below `directory` that are not among `files`."""
    return sorted(set(_names(directory)) - set(files))


def refuse_strangers(directory: Path, names: list[str]) -> None:
    """Raises StorageError where there are files that nobody wrote down, and that might be read for others."""
    if names:
        raise StorageError(f"{directory} holds files that were not written with it: {name_some(names)}. Remove them.")


def _names(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
