"""A directory as bytes, for what goes to other processes."""

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def packed(save: Callable[[Path], None]) -> bytes:
    """What `save` writes into a directory, as a zip archive.

    >>> with unpacked(packed(lambda path: (path.mkdir(), (path / "a").write_text("1"))[0])) as path:
    ...     (path / "a").read_text()
    '1'
    """
    content = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="elsa-index-") as folder:
        saved = Path(folder) / "saved"
        save(saved)
        with zipfile.ZipFile(content, "w") as archive:
            for path in sorted(saved.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(saved))
    return content.getvalue()


@contextmanager
def unpacked(content: bytes) -> Iterator[Path]:
    """A directory of what was packed, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="elsa-index-") as folder, zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)  # nothing outside of it, whatever its names are
        yield Path(folder)
