"""manifest.json: what an index directory holds, and the proof that it is whole."""

import json
from pathlib import Path
from typing import Any, Literal

import xxhash
from pydantic import BaseModel, ConfigDict, ValidationError

from ..codes.item_codes import HistoryKind, ItemCodes
from ..engines.names import EngineName
from ..errors import StorageError
from ..segments.stored import SegmentsEntry
from ..storage.files import checksum, staged_file
from .calibration import Calibration

FORMAT: Literal[3] = 3
_READABLE = (2, 3)
"""Format 3 says what items bring to a history; in 2 that is always their code."""
NAME = "manifest.json"
CHECKED_AT_OPEN = 1 << 30
"""Files of up to this many bytes in all are read and checked whenever an index is opened."""


class FileEntry(BaseModel):
    """bytes: the file's size. xxh3: of its content, 128 bits in hexadecimal."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    xxh3: str


class CodesEntry(BaseModel):
    """The codes that an index was built from. history: `ItemCodes.history_kind`."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    items: int
    dims: int
    nnz: int
    history: HistoryKind = "same"
    origin: dict[str, Any]

    @classmethod
    def of(cls, codes: ItemCodes) -> "CodesEntry":
        return cls(
            fingerprint=codes.fingerprint,
            items=len(codes.ids),
            dims=codes.dims,
            nnz=codes.nnz,
            history=codes.history_kind,
            origin=codes.origin,
        )


class Manifest(BaseModel):
    """Engine and its parameters, files, codes, what rounding the codes cost (`store_loss`), and what a search does
    that asks for nothing else (`calibration`; None: it answers exactly where the engine can), and its segments."""

    model_config = ConfigDict(frozen=True)

    format: Literal[2, 3] = FORMAT
    created_by: str
    engine: EngineName
    parameters: dict[str, Any]
    codes: CodesEntry
    store_loss: dict[str, float]
    calibration: Calibration | None = None
    segments: SegmentsEntry | None = None
    build_seconds: float | None = None
    files: dict[str, FileEntry]

    def write(self, directory: Path) -> None:
        """Writes the manifest, or replaces it in one step."""
        with staged_file(directory / NAME, overwrite=True) as staged:
            staged.write_text(_sealed(self.model_dump()), encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Raises StorageError where there is none, where it is of another format, or where a byte was changed."""
        path = directory / NAME
        try:
            text = path.read_bytes().decode("utf-8")
            content = json.loads(text)
        except FileNotFoundError:
            state = "is not an index: it has no manifest.json" if directory.is_dir() else "does not exist"
            raise StorageError(f"{directory} {state}; make one with elsa-index build.") from None
        except (ValueError, OSError, RecursionError) as error:
            raise StorageError(f"{path} is damaged: {error}. Build the index again.") from None
        if not isinstance(content, dict) or not isinstance(content.get("format"), int):
            raise StorageError(f"{path} is damaged: it names no format. Build the index again.")
        if content["format"] not in _READABLE:
            raise StorageError(
                f"{directory} has the index format {content['format']}; this version reads {_READABLE[0]} "
                f"and {FORMAT}. Open it with the elsa-index that made it, or build it again."
            )
        content.pop("xxh3", None)
        if _sealed(content) != text:
            raise StorageError(f"{path} is damaged: its content does not have its checksum. Build the index again.")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise StorageError(f"{path} is damaged: {error.errors()[0]['msg']}. Build the index again.") from None

    def check_files(self, directory: Path, *, contents: bool | None = None) -> None:
        """Compares sizes, and checksums too: of every file (`contents`), of none, or where None of small indexes.

        Raises StorageError that names the first file that is missing or changed.
        """
        if contents is None:
            contents = sum(entry.bytes for entry in self.files.values()) <= CHECKED_AT_OPEN
        for name, entry in self.files.items():
            path = directory / name
            if not path.is_file():
                raise StorageError(f"{path} is missing. Build the index again.")
            if path.stat().st_size != entry.bytes:
                raise StorageError(
                    f"{path} has {path.stat().st_size:,} bytes instead of {entry.bytes:,}. Build the index again."
                )
            if contents and checksum(path) != entry.xxh3:
                raise StorageError(f"{path} is damaged: its checksum is not the manifest's. Build the index again.")


def list_files(directory: Path) -> dict[str, FileEntry]:
    """Every file below `directory` with size and checksum."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {
        path.relative_to(directory).as_posix(): FileEntry(bytes=path.stat().st_size, xxh3=checksum(path))
        for path in paths
    }


def _sealed(content: dict[str, Any]) -> str:
    """The file's exact text: the content and, as its last entry, the checksum of its canonical form."""
    canonical = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    seal = xxhash.xxh3_128_hexdigest(canonical.encode("utf-8", "surrogatepass"))
    return json.dumps(json.loads(canonical) | {"xxh3": seal}, indent=1, ensure_ascii=False) + "\n"
