"""Processes that write, replace and open one index at the same time."""

import os
import stat
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.catalogue import calibration
from elsa_index.storage.locks import locked

from ..support.catalogues import make_codes, make_histories

_BUILD = """
import sys, time
import elsa_index as ei
from elsa_index.storage.staging import staged_directory
from pathlib import Path
target, begins = Path(sys.argv[1]), float(sys.argv[2])
time.sleep(max(0, begins - time.time()))
try:
    with staged_directory(target, overwrite=False, is_ours=lambda path: True) as staged:
        time.sleep(1)
        (staged / "who").write_text(sys.argv[3])
except ei.StorageError as error:
    sys.exit(str(error))
"""
_OVERWRITE = """
import itertools, sys
import elsa_index as ei
codes = [ei.ItemCodes.load(path) for path in sys.argv[2:4]]
for turn in itertools.count():
    ei.Index.build(codes[turn % 2], sys.argv[1], engine=sys.argv[4], overwrite=True, segments=None).close()
"""


def test_of_four_writers_one_writes_and_three_are_told(tmp_path):
    begins = str(time.time() + 2)
    command = [sys.executable, "-c", _BUILD, str(tmp_path / "i"), begins]
    writers = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(4)]
    ended = [(writer.communicate()[1], writer.returncode) for writer in writers]
    refused = [message for message, status in ended if status]
    assert len(refused) == 3
    assert all("is being written by another process" in message or "exists" in message for message in refused)
    assert os.listdir(tmp_path) == ["i"]
    assert (tmp_path / "i" / "who").read_text() in "0123"


def two_catalogues() -> list[ei.ItemCodes]:
    """As many items of other names, whose codes are the same in another order."""
    codes = make_codes(60, dims=16, nnz=4)
    turned = csr_array(codes.weights[::-1])
    names = [[f"{letter}{row}" for row in range(60)] for letter in "ab"]
    return [ei.ItemCodes(ei.IdMap(own), weights) for own, weights in zip(names, (codes.weights, turned), strict=True)]


def open_while_overwritten(tmp_path, engine: str, seconds: float, least: int) -> int:
    """Opens and asks until `seconds` are over and `least` indexes were opened. How many were opened."""
    catalogues = two_catalogues()
    for letter, codes in zip("ab", catalogues, strict=True):
        codes.save(tmp_path / letter)
    expected = {}
    for codes in catalogues:
        with ei.Index.build(codes, tmp_path / "i", engine=engine, overwrite=True, segments=None) as index:
            expected[codes.fingerprint] = index.search([[codes.ids[0]]], 5).ids.tolist()
    command = [sys.executable, "-c", _OVERWRITE, tmp_path / "i", tmp_path / "a", tmp_path / "b", engine]
    writer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    opened, seen = 0, set()
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until or opened < least or len(seen) < 2:
            with ei.Index.open(tmp_path / "i") as index:
                own = index.manifest.codes.fingerprint
                assert index.search([[index.ids[0]]], 5).ids.tolist() == expected[own]
            opened += 1
            seen.add(own)
            assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
    return opened


@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_what_is_opened_is_one_whole_index_however_often_it_is_replaced(tmp_path, engine):
    assert open_while_overwritten(tmp_path, engine, seconds=4, least=20) >= 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_hundreds_of_opens_beside_overwrites(tmp_path, engine):
    assert open_while_overwritten(tmp_path, engine, seconds=1, least=300) >= 300


def test_what_ends_after_a_build_does_not_write_over_it(tmp_path, monkeypatch):
    old, new = make_codes(300, seed=1), make_codes(300, seed=2)
    histories = make_histories(old, 10)
    index = ei.Index.build(old, tmp_path / "i", segments=None)
    calibrate = calibration.calibrate

    def after_a_build(*arguments, **named):
        ei.Index.build(new, tmp_path / "i", overwrite=True, segments=None).close()
        return calibrate(*arguments, **named)

    monkeypatch.setattr("elsa_index.catalogue.tune.calibrate", after_a_build)
    with index, pytest.raises(ei.StorageError, match="was replaced while it was tuned; open it and tune it again"):
        index.tune(histories, target_overlap=0.5)
    with ei.Index.open(tmp_path / "i") as opened:
        assert opened.manifest.codes.fingerprint == new.fingerprint


def test_who_writes_keeps_others_from_writing(tmp_path, monkeypatch):
    monkeypatch.setattr("elsa_index.storage.locks._PATIENCE", 0.2)
    codes = make_codes(60)
    with ei.Index.build(codes, tmp_path / "i", segments=None) as index, locked(tmp_path / "i"):
        with pytest.raises(ei.StorageError, match="is being written by another process; try again"):
            index.tune(make_histories(codes, 5), target_overlap=0.5)
        with pytest.raises(ei.StorageError, match="is being written by another process; try again"):
            ei.Index.build(codes, tmp_path / "i", overwrite=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["i"]


def test_who_writes_for_a_moment_is_waited_for(tmp_path):
    """A build of hours does not end in vain because somebody tunes the index that it replaces."""
    ei.Index.build(make_codes(60), tmp_path / "i", segments=None).close()
    free = threading.Event()

    def write():
        with locked(tmp_path / "i"):
            free.wait(20)

    writer = threading.Thread(target=write)
    writer.start()
    threading.Timer(1.0, free.set).start()
    codes = make_codes(60, seed=9)
    with ei.Index.build(codes, tmp_path / "i", overwrite=True, segments=None) as index:
        assert index.manifest.codes.fingerprint == codes.fingerprint
    writer.join()


def test_a_link_that_stands_for_an_index_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    codes = make_codes(60)
    ei.Index.build(codes, tmp_path / "disk" / "one", segments=None).close()
    (tmp_path / "i").symlink_to(tmp_path / "disk" / "one")
    ei.Index.build(make_codes(60, seed=9), tmp_path / "i", overwrite=True, segments=None).close()
    assert (tmp_path / "i").is_symlink()
    with ei.Index.open(tmp_path / "disk" / "one") as index:
        assert index.manifest.codes.fingerprint != codes.fingerprint
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["one"]


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o022])
def test_permissions_are_those_that_the_umask_gives(tmp_path, mask):
    before = os.umask(mask)
    try:
        with ei.Index.build(make_codes(60), tmp_path / "i", engine="lucene") as index:
            index.tune([["item20"]], target_overlap=0.5)
    finally:
        os.umask(before)
    paths = [tmp_path / "i", *(tmp_path / "i").rglob("*")]
    given = {path.name: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {name for name, mode in given.items() if mode & mask} == set()
    assert all(mode & 0o600 == 0o600 for mode in given.values())
    if mask == 0o022:
        assert given["manifest.json"] == 0o644
    assert np.all([mode in (0o777 & ~mask, 0o666 & ~mask) for mode in given.values()])
