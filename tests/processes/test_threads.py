"""Threads that come and go, and work that is interrupted."""

import gc
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

import elsa_index as ei
from elsa_index.engines.lucene.jvm import java_class

from ..support.catalogues import make_codes

pytestmark = pytest.mark.slow  # processes of their own, with their own Java


@pytest.fixture(scope="module")
def lucene(tmp_path_factory):
    path = tmp_path_factory.mktemp("threads") / "i"
    ei.Index.build(make_codes(300), path, segments=None).close()
    return path


def test_threads_that_end_leave_nothing_in_java(lucene):
    """A server may well make a thread for each request."""
    with ei.Index.open(lucene) as index:

        def search():
            assert len(index.search([["item20", "item21"]], 5).ids)

        before = java_class("java.lang.Thread").activeCount()
        for _ in range(100):
            thread = threading.Thread(target=search)
            thread.start()
            thread.join()
        assert java_class("java.lang.Thread").activeCount() <= before


@pytest.mark.parametrize("engine", ["lucene", "exact", "faiss-hnsw"])
def test_an_index_that_nobody_holds_lets_go_of_its_files(tmp_path, engine):
    ei.Index.build(make_codes(300), tmp_path / "i", engine=engine).close()

    def mapped():
        return [each.path for each in psutil.Process().memory_maps() if str(tmp_path) in each.path]

    index = ei.Index.open(tmp_path / "i")
    index.search([["item20"]], 5)
    assert mapped()
    del index
    gc.collect()
    assert mapped() == []


@pytest.mark.parametrize("by", ["--exact", "--candidates=200"], ids=["compiled loops", "Lucene"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_search_of_many_histories_ends_at_once(lucene, tmp_path, number, status, by):
    pairs = [f"u{user},item{20 + (user * 3 + at) % 200}" for user in range(20_000) for at in range(8)]
    (tmp_path / "histories.csv").write_text("\n".join(["user_id,item_id", *pairs]))
    command = [sys.executable, "-m", "elsa_index_cli", "search", str(lucene), "--histories", "histories.csv"]
    command += ["-k", "50", by, "--threads", "2", "-o", "out.csv"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("searching: 2,0"):
            break
    else:
        pytest.fail(f"{process.wait()}: {said}")
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(30) == status
    assert time.monotonic() - began < 3
    process.stderr.close()
    assert not (tmp_path / "out.csv").exists()


def test_many_threads_are_a_slip(lucene):
    with ei.Index.open(lucene) as index:
        for wrong in (0, 513, 10**9):
            with pytest.raises(ei.UsageError, match=f"threads must be from 1 to 512, got {wrong}"):
                index.search([["item20"]], threads=wrong)
            with pytest.raises(ei.UsageError, match="threads must be from 1 to 512"):
                index.tune([["item20"]], threads=wrong)


SEARCHES_ON = """
import sys, threading, time
import elsa_index as ei
index = ei.Index.open(sys.argv[1])
def search():
    while True:
        index.search([["item20"], ["item21"]], 10, exact=True)
for _ in range(3):
    threading.Thread(target=search, daemon=True).start()
time.sleep(0.4)
"""


@pytest.mark.parametrize("turn", range(4))
def test_python_ends_while_threads_search(lucene, turn):
    """Daemon threads, which nobody waits for, are in Java then."""
    done = subprocess.run([sys.executable, "-c", SEARCHES_ON, lucene], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr[-800:]


FIRST_SEARCHES = """
import sys, threading
import elsa_index as ei
index = ei.Index.open(sys.argv[1])
ready = threading.Barrier(6)
def search(number):
    ready.wait()
    for turn in range(20):
        index.search([["item20"], ["item21", "item22"]], 10, exact=number % 2 == 0, query_terms=None if number % 2 == 0
                     else 3, exclude=["item30"] if number % 3 else [])
    print("answered", flush=True)
threads = [threading.Thread(target=search, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("turn", range(4))
def test_the_first_searches_of_a_process_may_run_in_threads(lucene, turn):
    """JPype learns what parameters a method has when it is called first, and not safely in two threads."""
    done = subprocess.run([sys.executable, "-c", FIRST_SEARCHES, lucene], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-800:]
    assert done.stdout.count("answered") == 6


STOPPED = """
import os, signal, sys, time, weakref
from elsa_index_cli.main import heed_signals

class Thing:
    pass

def callback(_):
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(0.05)

heed_signals()
thing = Thing()
reference = weakref.ref(thing, callback)
try:
    del thing
    time.sleep(5)
    print("went on")
finally:
    print("cleared away")
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_a_signal_is_heard_at_any_moment(number, status):
    """Also where Python prints and forgets what is raised, as in callbacks of weak references."""
    done = subprocess.run([sys.executable, "-c", STOPPED, str(int(number))], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (status, "cleared away\n"), done.stderr
