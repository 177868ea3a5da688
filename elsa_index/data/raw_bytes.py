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
    data = path.read_bytes()
    if path.suffix.lower() != ".gz" and data[:2] != b"\x1f\x8b":
        return data
    most = most_unpacked(len(data))
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            plain = packed.read(most + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is no whole gzip file: {error}") from None
    if len(plain) > most:
        raise DataError(f"{path} unpacks to more than {_RATIO} times its {len(data):,} bytes, as no log does.")
    return plain


def most_unpacked(packed: int) -> int:
    """Bytes that so many packed ones may stand for."""
    return max(_RATIO * packed, _ALWAYS)
