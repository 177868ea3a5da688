import json
import os
import resource
import subprocess
import sys

import pytest

import elsa_index as ei

from ..support.catalogues import make_codes
from ..support.files import digest


@pytest.fixture(scope="module", params=["lucene", "faiss-flat"])
def built(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "i"
    ei.Index.build(make_codes(50), path, engine=request.param).close()
    return path


def test_one_flipped_byte_in_any_file_is_noticed(built):
    for path in sorted(path for path in built.rglob("*") if path.is_file()):
        original = path.read_bytes()
        for at in {0, len(original) // 2, len(original) - 1}:
            changed = bytearray(original)
            changed[at] ^= 0x01
            path.write_bytes(bytes(changed))
            with pytest.raises(ei.StorageError):
                ei.Index.open(built)
        path.write_bytes(original[:-1])
        with pytest.raises(ei.StorageError):
            ei.Index.open(built)
        path.unlink()
        with pytest.raises(ei.StorageError):
            ei.Index.open(built)
        path.write_bytes(original)
    ei.Index.verify(built)


def test_every_byte_of_the_manifest_counts(built):
    path = built / "manifest.json"
    original = path.read_bytes()
    for at in range(len(original)):
        changed = bytearray(original)
        changed[at] ^= 0x01
        path.write_bytes(bytes(changed))
        with pytest.raises(ei.StorageError):
            ei.Index.open(built)
    path.write_bytes(original)
    ei.Index.open(built).close()


def test_a_newer_format_is_named(built):
    path = built / "manifest.json"
    original = path.read_text()
    path.write_text(json.dumps(json.loads(original) | {"format": 99}))
    with pytest.raises(ei.StorageError, match="index format 99; this version reads 2"):
        ei.Index.open(built)
    path.write_text(original)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_no_index_says_so(name, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ei.StorageError, match=r"does not exist|has no manifest\.json"):
        ei.Index.open(tmp_path / name)


def test_existing_output_needs_overwrite_and_failures_leave_it(tmp_path, monkeypatch):
    ei.Index.build(make_codes(30), tmp_path / "i", engine="exact").close()
    before = digest(tmp_path)
    with pytest.raises(ei.StorageError, match="pass --overwrite"):
        ei.Index.build(make_codes(31), tmp_path / "i", engine="exact")
    monkeypatch.setattr("elsa_index.catalogue.build.rounding_loss", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ei.Index.build(make_codes(31), tmp_path / "i", engine="exact", overwrite=True)
    monkeypatch.undo()
    assert digest(tmp_path) == before
    with ei.Index.build(make_codes(31), tmp_path / "i", engine="exact", overwrite=True) as index:
        assert len(index) == 31
    assert [path.name for path in tmp_path.iterdir()] == ["i"]


def test_overwrite_replaces_nothing_but_an_index(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    with pytest.raises(ei.StorageError, match="not what this command writes"):
        ei.Index.build(make_codes(30), tmp_path / "photos", engine="exact", overwrite=True)
    assert (tmp_path / "photos" / "1.jpg").exists()


@pytest.mark.parametrize("engine", ["lucene", "faiss-flat", "exact"])
def test_a_disk_without_room_is_a_clear_error_and_leaves_the_old_index(engine, tmp_path):
    """A limit on file size stops writes in Python, Java and C++ as a full disk does: with an error from write()."""
    ei.Index.build(make_codes(30), tmp_path / "i", engine=engine).close()
    before = digest(tmp_path)
    make_codes(2000, dims=512).save(tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-m", "elsa_index_cli", "build", tmp_path / "model", "-o", tmp_path / "i", "--overwrite",
         "--engine", engine],
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    (tmp_path / "model").rename(tmp_path.parent / f"{tmp_path.name}-model")
    assert digest(tmp_path) == before


def test_parts_add_up_to_what_is_on_disk(built):
    with ei.Index.open(built) as index:
        on_disk = sum(path.stat().st_size for path in built.rglob("*") if path.is_file())
        assert sum(index.bytes_by_part.values()) == on_disk


def test_ten_thousand_items_take_at_most_eighty_bytes_each_in_lucene(tmp_path):
    codes = make_codes(10_000, dims=2048, nnz=16)
    plain = ei.ItemCodes(ei.IdMap(range(10_000)), codes.weights)
    with ei.Index.build(plain, tmp_path / "i") as index:
        assert index.bytes_by_part["postings"] <= 80 * 10_000


def test_the_index_is_readable_by_others(built):
    assert os.stat(built).st_mode & 0o055 == 0o055
