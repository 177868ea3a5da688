"""Readers beside a writer, and writers that are killed."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import elsa_index as ei

from . import writer

ROOT = Path(__file__).parents[2]
SECONDS = float(os.environ.get("ELSA_INDEX_TESTS_READING_SECONDS", "10"))


def started(path: Path, commits: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.changes.writer", str(path), str(commits)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_a_writer_that_is_killed_leaves_a_commit(engine, tmp_path):
    path = tmp_path / "i"
    writer.build(path, engine)
    rng = np.random.default_rng(0)
    last = 0
    for _ in range(12):
        process = started(path, 1000)
        assert process.stdout is not None
        assert process.stdout.readline()  # it writes
        time.sleep(float(rng.uniform(0, 0.4)))
        process.send_signal(signal.SIGKILL)
        said = [int(line) for line in process.communicate()[0].split()]
        with ei.Index.open(path) as index:
            commit = index.manifest.commits
            assert commit >= max([last, *said]), "an acknowledged commit is lost"
            assert writer.is_state(index)
        last = commit
    ei.Index.verify(path)
    writer.change(path, last + 1)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["i"], "the next change clears away what was left"


def level() -> tuple[int, int, int, int]:
    """Megabytes, maps, threads and file handles of this process."""
    me, maps = psutil.Process(), Path("/proc/self/maps")
    mapped = len(maps.read_text().splitlines()) if maps.exists() else 0
    return me.memory_info().rss >> 20, mapped, me.num_threads(), me.num_fds()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_every_answer_is_that_of_some_commit(engine, tmp_path):
    path = tmp_path / "i"
    writer.build(path, engine)
    wrong: list[str] = []
    seen: set[int] = set()

    def read() -> None:
        try:
            while time.monotonic() < until:
                with ei.Index.open(path) as index:
                    for _ in range(5):
                        if not writer.is_state(index):
                            wrong.append(f"commit {index.manifest.commits}")
                    seen.add(index.manifest.commits)
        except Exception as error:
            wrong.append(repr(error))

    with ei.Index.open(path) as index:
        assert writer.is_state(index)
    before = level()
    process = started(path, 1_000_000)
    assert process.stdout is not None
    assert process.stdout.readline()  # it writes, which on Lucene begins with starting Java
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    process.kill()
    _, said = process.communicate()
    assert not wrong, (wrong[:5], said[-2000:])
    assert len(seen) > 2, said[-2000:]
    gc.collect()
    after = level()
    print(f"{engine}: {len(seen)} commits read, (MB, maps, threads, handles): {before} to {after}")
    assert after[3] <= before[3] + 10
    assert after[2] <= before[2] + 20  # Java starts some of its own when it is first busy
    assert after[1] <= before[1] + 600
