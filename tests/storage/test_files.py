"""Writing that loses nothing."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

import elsa_index as ei
from elsa_index.storage.as_opened import FilesAsOpened
from elsa_index.storage.files import read_json, staged_directory, staged_file

from ..support.files import digest


def ours(path: Path) -> bool:
    return (path / "ours").is_file()


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.EINVAL, "cannot swap directories: choose a new name"), (errno.EPERM, "")]
)
def test_a_file_system_that_cannot_swap_keeps_the_old_directory(tmp_path, monkeypatch, number, hint):
    class Libc:
        """A C library whose kernel, or file system, refuses to swap two names."""

        def renameat2(self, *_):
            ctypes.set_errno(number)
            return -1

        renamex_np = renameat2

    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "ours").write_text("old")
    before = digest(tmp_path)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Libc())
    with (
        pytest.raises(ei.StorageError, match=f"could not be written.*{hint}.*What was there before is unchanged"),
        staged_directory(tmp_path / "d", overwrite=True, is_ours=ours) as staged,
    ):
        (staged / "ours").write_text("new")
    assert digest(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_block_that_fails_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), staged_file(tmp_path / "f.csv", overwrite=False) as staged:
        staged.write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "message"), [("{", "cannot be read as JSON"), ("[1]", "must hold a JSON object")])
def test_json_that_is_no_object_is_named(tmp_path, content, message):
    (tmp_path / "f.json").write_text(content)
    with pytest.raises(ei.StorageError, match=message):
        read_json(tmp_path / "f.json")


def test_files_that_are_replaced_are_not_changed_in_place(tmp_path):
    """Numbers of files that nobody holds are given again: another file of the same name may have the same one."""
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / "a").write_text("one")
    opened = FilesAsOpened(tmp_path / "i", ["a"])
    number = (tmp_path / "i" / "a").stat().st_ino
    (tmp_path / "i").rename(tmp_path / "old")
    (tmp_path / "i").mkdir()
    os.link(tmp_path / "old" / "a", tmp_path / "same")
    (tmp_path / "same").rename(tmp_path / "i" / "a")
    assert (tmp_path / "i" / "a").stat().st_ino == number
    (tmp_path / "old" / "a").unlink()
    (tmp_path / "i" / "a").write_text("another")
    assert opened.changed() is None
    (tmp_path / "old" / "a").write_text("put in its place")
    assert opened.changed() is None
    fresh = FilesAsOpened(tmp_path / "i", ["a"])
    with (tmp_path / "i" / "a").open("r+") as file:
        file.write("A")
    assert fresh.changed() == tmp_path / "i" / "a"
