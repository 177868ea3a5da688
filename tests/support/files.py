"""Looking at what is on disk."""

import hashlib
from pathlib import Path


def digest(directory: Path) -> str:
    """One value for all names and bytes below a directory."""
    parts = [
        path.relative_to(directory).as_posix().encode() + path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
