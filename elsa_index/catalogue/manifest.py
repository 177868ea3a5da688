"""manifest.json: what an index directory holds, and the proof that it is whole."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..codes.item_codes import HistoryKind, ItemCodes
from ..engines.names import EngineName
from ..errors import StorageError
from ..segments.stored import SegmentsEntry
from ..storage.seal import Entry, check_files, check_seal, refuse_strangers, sealed, strangers
from ..storage.staging import staged_file
from .calibration import Calibration
from .parts import OTHER, part_of

FORMAT: Literal[4] = 4
_READABLE = (2, 3, 4)
"""Format 3 says what items bring to a history; in 2 that is always their code. An index of format 4 may have been
changed: its documents and dimensions are numbered in files of their own then."""
NAME = "manifest.json"
_ADVICE = "Build the index again."
CHECKED_AT_OPEN = 1 << 30
"""Files of up to this many bytes in all are read and checked whenever an index is opened."""


class CodesEntry(BaseModel):
    """The codes that an index was built from, and changed by since. history: `ItemCodes.history_kind`. space: see
    `ItemCodes.space`; None in older formats, where it is the fingerprint."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    space: str | None = None
    items: int
    dims: int
    nnz: int
    history: HistoryKind = "same"
    origin: dict[str, Any]

    @classmethod
    def of(cls, codes: ItemCodes) -> "CodesEntry":
        return cls(
            fingerprint=codes.fingerprint,
            space=codes.space,
            items=len(codes.ids),
            dims=codes.dims,
            nnz=codes.nnz,
            history=codes.history_kind,
            origin=codes.origin,
        )


class Manifest(BaseModel):
    """Engine and its parameters, files, codes, what rounding the codes cost (`store_loss`), and what a search does
    that asks for nothing else (`calibration`; None: it answers exactly where the engine can), and its segments.
    built_at, changed_at: when it was built, and changed last, ISO 8601 in UTC.
    commits: changes since it was built. changed: items written or deleted since it was calibrated."""

    model_config = ConfigDict(frozen=True)

    format: Literal[2, 3, 4] = FORMAT
    created_by: str
    engine: EngineName
    parameters: dict[str, Any]
    codes: CodesEntry
    store_loss: dict[str, float]
    calibration: Calibration | None = None
    segments: SegmentsEntry | None = None
    build_seconds: float | None = None
    built_at: str | None = None
    changed_at: str | None = None
    commits: int = 0
    changed: int = 0
    files: dict[str, Entry]

    @property
    def log_ends(self) -> float | None:
        """Latest time of the log that the codes were trained on, seconds since 1970; None where it had no times, or
        numbers that are no seconds."""
        latest = self.codes.origin.get("log", {}).get("latest_time")
        try:
            datetime.fromtimestamp(latest, UTC)
        except (TypeError, OverflowError, OSError, ValueError):
            return None
        return float(latest)

    def write(self, directory: Path) -> None:
        """Writes the manifest, or replaces it in one step."""
        with staged_file(directory / NAME, overwrite=True) as staged:
            staged.write_text(sealed(self.model_dump()), encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Raises StorageError where there is none, where it is of another format, or where a byte was changed."""
        path = directory / NAME
        if path.is_symlink():
            raise StorageError(f"{path} is a link; an index has its own manifest. Build the index again.")
        try:
            text = path.read_bytes().decode("utf-8")
            content = json.loads(text)
        except (FileNotFoundError, NotADirectoryError):
            if directory.is_dir():
                state = "is not an index: it has no manifest.json"
            else:
                state = "is a file, not the directory of an index" if directory.is_file() else "does not exist"
            raise StorageError(f"{directory} {state}; make one with elsa-index build.") from None
        except (ValueError, OSError, RecursionError) as error:
            raise StorageError(f"{path} is damaged: {error}. Build the index again.") from None
        if not isinstance(content, dict) or not isinstance(content.get("format"), int):
            raise StorageError(f"{path} is damaged: it names no format. Build the index again.")
        if content["format"] not in _READABLE:
            raise StorageError(
                f"{directory} has the index format {content['format']}; this version reads {_READABLE[0]} "
                f"to {FORMAT}. Open it with the elsa-index that made it, or build it again."
            )
        check_seal(content, text, path, _ADVICE)
        content.pop("xxh3", None)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise StorageError(f"{path} is damaged: {error.errors()[0]['msg']}. Build the index again.") from None

    def check_files(self, directory: Path, *, contents: bool | None = None) -> None:
        """Compares sizes, and checksums too: of every file (`contents`), of none, or where None of small indexes; and
        that no file lies beside them that could be read for one of them.

        Raises StorageError that names the first file that is missing, changed or too many.
        """
        if contents is None:
            contents = sum(entry.bytes for entry in self.files.values()) <= CHECKED_AT_OPEN
        check_files(directory, self.files, contents=contents, advice=_ADVICE)
        refuse_strangers(directory, [name for name in self.strangers(directory) if part_of(name) != OTHER])

    def strangers(self, directory: Path) -> list[str]:
        """Files in the directory that the manifest does not list."""
        return strangers(directory, (*self.files, NAME))


def now() -> str:
    """ISO 8601 in UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_index(path: Path) -> bool:
    return (path / NAME).is_file()
