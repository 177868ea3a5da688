"""Commits: an index directory never changes; what changes an index makes another one and puts it in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..storage.staging import staged_directory
from .manifest import Manifest, is_index

PATIENCE = 60.0
"""Seconds for which another writer is waited for."""


@contextmanager
def next_commit(path: Path, patience: float = PATIENCE) -> Iterator[Path]:
    """A directory to write the next commit of an index into, which takes the index's place when the block ends well.
    Files that stay the same are linked into it (`linked`), so that they are on disk once.

    Whoever has the index open goes on answering from the commit that was opened: its files live until the last reader
    closes them. A crash, of the process or of the machine, leaves the last commit that took its place.

    Raises StorageError where there is no index, and where another process goes on writing it for longer than
    `patience`.
    """
    Manifest.read(path)
    with staged_directory(path, overwrite=True, is_ours=is_index, patience=patience) as staged:
        yield staged
