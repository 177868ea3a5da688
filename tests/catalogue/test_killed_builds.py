"""A build that dies leaves the old index answering as before, or the new one complete."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import elsa_index as ei

from ..support.catalogues import make_codes, make_histories

MOMENTS = 20


def phase(folder) -> str:
    """Where the build is, by what it has written so far."""
    staged = list(folder.glob(".i.building"))
    if not staged:
        return "before or after writing"
    names = {path.name for path in staged[0].rglob("*")}
    if "manifest.json" in names:
        return "moving into place"
    if any(name.startswith("segments_") for name in names):
        return "measuring and summing up"
    return "writing postings" if "postings" in names else "writing codes"


@pytest.mark.slow
def test_an_index_survives_builds_that_are_killed(tmp_path, capsys):
    old, new = make_codes(500, seed=1), make_codes(20_000, dims=512, nnz=16, seed=2)
    histories = make_histories(old, 5)
    target = tmp_path / "i"
    new.save(tmp_path / "model")
    command = [sys.executable, "-m", "elsa_index_cli", "build", tmp_path / "model", "-o", target, "--overwrite"]

    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    duration = time.perf_counter() - started
    with ei.Index.open(target) as index:
        after = index.search(histories, 10).ids.tolist()
    with ei.Index.build(old, target, overwrite=True) as index:
        before = index.search(histories, 10).ids.tolist()

    outcomes = []
    for moment in range(MOMENTS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(duration * (moment + 0.5) / MOMENTS)
        where = phase(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with ei.Index.open(target) as index:
            answers = index.search(histories, 10).ids.tolist()
        assert answers in (before, after)
        outcomes.append((where, "new" if answers == after else "old"))
        if answers == after:
            ei.Index.build(old, target, overwrite=True).close()
    ei.Index.build(old, target, overwrite=True).close()
    assert sorted(os.listdir(tmp_path)) == ["i", "model"], "the next build must clear away what killed ones left"
    assert len({where for where, _ in outcomes}) >= 3, outcomes
    with capsys.disabled():
        print(f"\nkilled over {duration:.1f} s: " + json.dumps([f"{where}: {which}" for where, which in outcomes]))


def test_a_build_that_is_terminated_clears_its_files_away(tmp_path):
    make_codes(20_000, dims=512, nnz=16, seed=2).save(tmp_path / "model")
    command = [sys.executable, "-m", "elsa_index_cli", "build", tmp_path / "model", "-o", tmp_path / "i"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while phase(tmp_path) != "writing postings":
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == ["model"]
