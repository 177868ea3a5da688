"""What a file holds before it is read as a table: unpacked, and no more than its size accounts for."""

import gzip
import io
import zlib
from pathlib import Path

from ..errors import DataError

_RATIO = 200
"""Times that packing makes a log smaller, at most: usual is ten; a thousand takes a file that is made for it."""
_ALWAYS = 64 << 20  # bytes that are unpacked whatever the ratio is


def unpacked(path: Path) -> bytes:
    """The bytes of a file, gzipped ones unpacked. Raises DataError for a damaged gzip, and where it unpacks to more
    than a log can; OSError where it cannot be read."""
    return unpacked_bytes(path.read_bytes(), str(path), is_packed=path.suffix.lower() == ".gz")


def unpacked_bytes(data: bytes, name: str, *, is_packed: bool = False) -> bytes:
    """The same of bytes that were read already. is_packed: also where they do not begin as gzip does."""
    if not is_packed and data[:2] != b"\x1f\x8b":
        return data
    most = most_unpacked(len(data))
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            plain = packed.read(most + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name} is no whole gzip file: {error}") from None
    if len(plain) > most:
        raise DataError(f"{name} unpacks to more than {_RATIO} times its {len(data):,} bytes, as no log does.")
    return plain


def most_unpacked(packed: int) -> int:
    """Bytes that so many packed ones may stand for."""
    return max(_RATIO * packed, _ALWAYS)
