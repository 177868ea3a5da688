"""A power cut loses what was not yet synced: the last acknowledged commit is there, or the one after it, whole.

The disk is simulated: of every file it keeps what it held when it was last synced, and of an unsynced one a part; names
in a directory that was not synced after them may be there or not.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.storage import staging

from ..support.catalogues import make_codes

CUTS = 100


class Disk:
    """Remembers what was synced, and makes what a cut would leave."""

    def __init__(self, monkeypatch, target: Path) -> None:
        self.target, self.synced = target, dict[tuple[int, str], tuple[int, int]]()
        self.before: list[str] = []  # calls so far
        self.cut_at, self.left = -1, target.parent / "left"
        for name in ("_sync", "_exchange"):
            monkeypatch.setattr(staging, name, self._watched(name, getattr(staging, name)))

    def _watched(self, name, call):
        def watched(*paths):
            if len(self.before) == self.cut_at:
                self._cut(names_lost=True)
            call(*paths)
            self.before.append(name)
            if name == "_sync":
                (path,) = paths
                self.synced[self._key(path)] = self._state(path)
            elif len(self.before) == self.cut_at:  # just exchanged, the parent not synced
                self._cut(names_lost=False)

        return watched

    def _key(self, path: Path) -> tuple[int, str]:
        return path.stat().st_ino, "directory" if path.is_dir() else "file"

    def _state(self, path: Path) -> tuple[int, int]:
        found = path.stat()
        return found.st_size, found.st_mtime_ns

    def _cut(self, names_lost: bool) -> None:
        """Copies the target as it would be found: unsynced files are cut off, entries of unsynced directories gone."""
        shutil.rmtree(self.left, ignore_errors=True)
        shutil.copytree(self.target, self.left)
        for path in self.target.rglob("*"):
            copy = self.left / path.relative_to(self.target)
            whole = self.synced.get(self._key(path)) == self._state(path)
            if path.is_file() and not whole:
                os.truncate(copy, copy.stat().st_size // 2)
            if path.is_dir() and not whole and names_lost:
                shutil.rmtree(copy)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_the_last_acknowledged_commit_survives(engine, tmp_path, monkeypatch):
    codes = make_codes(200)
    target = tmp_path / "i"
    disk = Disk(monkeypatch, target)
    ei.Index.build(codes, target, engine=engine, segments=None).close()
    rng = np.random.default_rng(0)
    for cut in range(CUTS):
        acknowledged = ei.Index.open(target)
        commit, size = acknowledged.manifest.commits, len(acknowledged)
        disk.before, disk.cut_at = [], int(rng.integers(0, 20 if engine == "lucene" else 12))
        shutil.rmtree(disk.left, ignore_errors=True)
        code = codes.weights[rng.integers(200, size=3)]
        ei.upsert(target, ei.ItemCodes(ei.IdMap([f"n{cut}-{at}" for at in range(3)]), code, {"space": codes.space}))
        acknowledged.close()
        if not disk.left.exists():  # a cut after all was done
            continue
        ei.Index.verify(disk.left)
        with ei.Index.open(disk.left) as index:
            assert (index.manifest.commits, len(index)) in ((commit, size), (commit + 1, size + 3))
            if "_exchange" not in disk.before[: disk.cut_at]:
                assert index.manifest.commits == commit
    assert disk.before.count("_exchange") == 1


def test_everything_is_synced_before_it_takes_its_place(tmp_path, monkeypatch):
    codes = make_codes(60)
    ei.Index.build(codes, tmp_path / "i", segments=None).close()
    calls: list[tuple[str, Path]] = []
    sync, exchange = staging._sync, staging._exchange  # noqa: SLF001
    monkeypatch.setattr(staging, "_sync", lambda path: (calls.append(("sync", path)), sync(path)))

    def exchanging(one: Path, other: Path) -> None:
        synced = {path for what, path in calls if what == "sync"}
        own = {path for path in one.rglob("*") if path.is_dir() or path.stat().st_nlink == 1}
        assert synced >= {one, *own}
        assert {path.name for path in own} >= {"manifest.json", "ids.utf8.npy", "postings.numbers.npy", "postings"}
        calls.append(("exchange", one))
        exchange(one, other)

    monkeypatch.setattr(staging, "_exchange", exchanging)
    ei.delete(tmp_path / "i", [codes.ids[0]])
    assert calls[-1] == ("sync", tmp_path)
    assert ("exchange", tmp_path / ".i.building") in calls
