"""Upgrading an index of an older format."""

import os
from pathlib import Path

from ..catalogue.commit import PATIENCE, next_commit
from ..catalogue.manifest import FORMAT, Manifest
from ..storage.staging import linked


def upgrade(path: str | os.PathLike[str], *, patience: float = PATIENCE) -> bool:
    """Makes an index of an older format one of the newest, in one commit, without building it again.

    Args:
        path: The index directory.
        patience: See `upsert`.

    Returns:
        Whether it was older.

    Raises:
        StorageError: Where there is no index, or one of a format that is newer or too old.
    """
    path = Path(path)
    if Manifest.read(path).format == FORMAT:
        return False
    with next_commit(path, patience) as staged:
        before = Manifest.read(path)
        before.check_files(path, contents=True)
        codes = before.codes.model_copy(update={"space": before.codes.space or before.codes.fingerprint})
        linked(path, staged, before.files)
        before.model_copy(update={"format": FORMAT, "codes": codes}).write(staged)
    return True
