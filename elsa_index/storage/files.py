"""Reading and writing single files: JSON, arrays, checksums."""

import errno
import json
import os
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from ..errors import DataError, StorageError, shorten

TOO_MANY = (errno.EMFILE, errno.ENFILE)
OF_FILES = "too many files are open; raise the limit, ulimit -n"


def checksum(path: Path) -> str:
    """XXH3 (128 bits) of a file's bytes, as 32 hexadecimal digits."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises StorageError where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        _refuse_too_many(path, error)
        raise StorageError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path} must hold a JSON object, got {type(value).__name__}.")
    return value


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def existing_file(path: str | os.PathLike[str], what: str) -> Path:
    """`path` as a Path. Raises DataError, naming `what` was expected, where there is no such file."""
    result = Path(path)
    if not result.is_file():
        state = "is a directory" if result.is_dir() else "does not exist"
        raise DataError(f"{what[0].upper()}{what[1:]} {shorten(path, 300)} {state}; a file is needed.")
    return result


def load_array(path: Path) -> npt.NDArray:
    """A saved array, memory-mapped. Raises StorageError where it is missing or damaged; never unpickles."""
    try:
        if path.stat().st_size == 0:
            raise ValueError("the file is empty")
        # A plain array over the mapped bytes: indexing a np.memmap costs several times as much.
        return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (ValueError, OSError, EOFError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        _refuse_too_many(path, error)
        # NumPy reads a header as Python's literals: a damaged one can fail in any way that these can.
        raise StorageError(f"{path} is missing or damaged: {error}") from None


def _refuse_too_many(path: Path, error: Exception) -> None:
    """Raises StorageError where nothing is wrong with a file but that it is one too many."""
    if isinstance(error, OSError) and error.errno in TOO_MANY:
        raise StorageError(f"{path} cannot be opened: {OF_FILES}.") from None
