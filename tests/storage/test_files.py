"""Writing that loses nothing."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

import elsa_index as ei
from elsa_index.storage.as_opened import FilesAsOpened
from elsa_index.storage.files import read_json
from elsa_index.storage.staging import staged_directory, staged_file

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


def test_nothing_is_cleared_away_where_a_link_leads(tmp_path):
    """Somebody who may write beside an index has put a link where it will be written."""
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("years")
    (tmp_path / ".i.building").symlink_to(tmp_path / "papers")
    with (
        pytest.raises(ei.StorageError, match=r"\.i\.building is in the way, and is no directory of yours"),
        staged_directory(tmp_path / "i", overwrite=False, is_ours=lambda _: True),
    ):
        pass
    assert (tmp_path / "papers" / "thesis.txt").read_text() == "years"
    (tmp_path / ".i.building").unlink()
    (tmp_path / ".i.building").write_text("a file")
    with (
        pytest.raises(ei.StorageError, match="is in the way"),
        staged_directory(tmp_path / "i", overwrite=False, is_ours=lambda _: True),
    ):
        pass


def test_what_a_killed_process_left_is_cleared_away_and_links_in_it_are_not_followed(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("years")
    left = tmp_path / ".i.building"
    (left / "postings").mkdir(parents=True)
    (left / "postings" / "segment").write_text("half")
    (left / "link").symlink_to(tmp_path / "papers")
    (left / "dangling").symlink_to(tmp_path / "elsewhere")
    with staged_directory(tmp_path / "i", overwrite=False, is_ours=lambda _: True) as staged:
        assert list(staged.iterdir()) == []
        (staged / "file").write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i", "papers"]
    assert (tmp_path / "papers" / "thesis.txt").read_text() == "years"
