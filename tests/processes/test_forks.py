"""An index, and processes that others make of the one that opened it: it answers, or one sentence says what to do."""

import functools
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest

import elsa_index as ei

from ..support.catalogues import make_codes

pytestmark = pytest.mark.slow  # processes of their own, with their own Java

SEARCHES = 300
ENGINES = ("exact", "lucene", "faiss-flat", "faiss-ivfpq", "faiss-hnsw")
ADVICE = "in each child, and none before the fork"


@pytest.fixture(scope="module")
def indexes(tmp_path_factory):
    """An index directory for each engine."""
    made = tmp_path_factory.mktemp("forks")
    for engine in ENGINES:
        ei.Index.build(make_codes(600), made / engine, engine=engine, segments=None).close()
    return made


def asked(seed):
    return [[f"item{20 + (seed + at) % 500}" for at in range(20)] for _ in range(3)]


@functools.cache
def run(*lines):
    """A program of its own: what it prints. As fork and FAISS or Java of pytest's own process should not meet."""
    program = textwrap.dedent("\n".join(lines))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


FORKED = """
import os, sys
import elsa_index as ei
from elsa_index.engines.loops import LEAST
from tests.processes.test_forks import SEARCHES, asked
path, before = {path!r}, {before!r}
index = ei.Index.open(path)
expected = index.search(asked(1), 20).ids.tolist() if before != "opened" else None
# After so many, compiled loops answer in the place of any engine that keeps codes.
for at in range(LEAST if before == "searched much" else 0):
    index.search(asked(at), 20)
child = os.fork()
if not child:
    try:
        for at in range(SEARCHES):
            with_threads = index.search(asked(at), 20, threads=2)
        print("searched", end=" ")
        with ei.Index.open(path) as again:
            found = again.search(asked(1), 20).ids.tolist()
        print("answered", expected in (None, found), flush=True)
    except ei.ElsaIndexError as error:
        print(type(error).__name__, error, flush=True)
    index.close()
    sys.exit(0)
status = os.waitpid(child, 0)[1]
found = index.search(asked(1), 20).ids.tolist()
print("child", status, "parent", expected in (None, found))
"""


@pytest.mark.parametrize("before", ["opened", "searched", "searched much"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_forked_child_answers_or_is_told_to_open_the_index_itself(indexes, engine, before):
    said = run(FORKED.format(path=str(indexes / engine), before=before))
    assert "child 0 parent True" in said
    told = engine == "lucene" or (engine != "exact" and before != "opened")
    if told:
        assert said.startswith("ForkedError ")
        assert ADVICE in said
    else:
        assert said.startswith("searched answered True")


def test_a_fork_does_not_detach_the_threads_of_its_parent(indexes):
    """Objects of the parent's threads end in the child before Python runs what is to run after a fork: they must leave
    Java, which is not there, alone."""
    said = run(f"""
        import os, threading, time
        import elsa_index as ei

        index = ei.Index.open({str(indexes / "lucene")!r})
        ends = threading.Event()
        def work():
            index.search([["item20"]])
            ends.wait()
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(1)
        for _ in range(20):
            child = os.fork()
            if not child:
                os._exit(0)
            until = time.monotonic() + 5
            while not (found := os.waitpid(child, os.WNOHANG))[0]:
                if time.monotonic() > until:
                    os.kill(child, 9)
                time.sleep(0.001)
            print(found[1])
        ends.set()
    """)
    assert said.split() == ["0"] * 20


def test_a_child_that_opens_the_first_index_answers(indexes):
    said = run(f"""
        import multiprocessing as mp
        import elsa_index as ei
        from tests.processes.test_forks import asked

        def work(engine):
            with ei.Index.open({str(indexes)!r} + "/" + engine) as index:
                return len(index.search(asked(1), 20, threads=2).ids)

        if __name__ == "__main__":
            with mp.get_context("fork").Pool(2) as pool:
                print(pool.map(work, {list(ENGINES)!r}))
    """)
    assert said.strip() == str([3] * len(ENGINES))


def _search_in_worker(path):
    with ei.Index.open(path) as index:
        return index.search(asked(1), 20).ids.tolist()


def test_processes_of_multiprocessing_and_joblib_open_it_by_its_path(indexes):
    from joblib import Parallel, delayed

    path = str(indexes / "lucene")
    expected = _search_in_worker(path)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_search_in_worker, [path] * 3) == [expected] * 3
    assert Parallel(n_jobs=2)(delayed(_search_in_worker)(path) for _ in range(3)) == [expected] * 3
    with ei.Index.open(path) as index, pytest.raises(ei.UsageError, match="send its path"):
        pickle.dumps(index)


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="one Python is enough for so heavy a package")
def test_workers_of_ray_open_it_by_its_path(indexes):
    said = run(f"""
        import ray
        import elsa_index as ei
        from tests.processes.test_forks import _search_in_worker

        path = {str(indexes / "lucene")!r}
        ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
        expected = _search_in_worker(path)
        print(ray.get([ray.remote(_search_in_worker).remote(path) for _ in range(3)]) == [expected] * 3)
        with ei.Index.open(path) as index:
            try:
                ray.remote(lambda: index.search([["item20"]])).remote()
            except Exception as error:
                print("send its path" in str(error) + str(error.__cause__))
        ray.shutdown()
    """)
    assert said.split() == ["True", "True"]


WSGI = """
import json, os
import elsa_index as ei
path = os.environ["INDEX"]
index = ei.Index.open(path)
index.search([["item20"]])

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    try:
        body = index.search([["item20", "item21"]], 5).ids.tolist()
    except ei.ElsaIndexError as error:
        body = str(error)
    return [json.dumps(body).encode()]
"""


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["workers", "preload"])
@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_gunicorn_serves_an_index_that_its_workers_open(indexes, tmp_path, engine, options):
    (tmp_path / "app.py").write_text(WSGI)
    socket_path = tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "app:application", "-w", "2", "-b", "127.0.0.1:0", *options]
    with socket_path.open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stderr=log, env=os.environ | {"INDEX": str(indexes / engine)})
    try:
        until = time.monotonic() + 60
        while "Listening at: " not in (said := socket_path.read_text()):
            assert time.monotonic() < until, said
            time.sleep(0.1)
        url = said.split("Listening at: ")[1].split()[0]
        answers = [urllib.request.urlopen(url, timeout=50).read().decode() for _ in range(40)]
    finally:
        server.terminate()
        server.wait(30)
    told = engine == "lucene" and bool(options)
    assert all((ADVICE in answer) == told for answer in answers), answers[:2]


@pytest.mark.parametrize(
    "asked",
    [
        "ei.read_interactions(log)", "ei.Recommender(slim).fit(table)", "made.recommend(['u1'], k=2)", "made.save('r')",
        "made.similar(['i1'], k=2)", "ei.read_interactions(log).pairs()", "ei.train(read, elsa)",
    ],
)  # fmt: skip
def test_threads_of_polars_and_torch_are_told_to_be_gone(asked, tmp_path):
    """A child that used them would wait for them for ever."""
    rows = "".join(f"u{at % 50},i{at % 7}\n" for at in range(300))
    (tmp_path / "log.csv").write_text("user_id,item_id\n" + rows)
    said = run(f"""
        import os
        import polars as pl
        import elsa_index as ei
        os.chdir({str(tmp_path)!r})
        log, slim = "log.csv", ei.SlimConfig(regularisation=1.0, nnz=2, neighbours=2)
        elsa = ei.TrainingConfig(dims=16, epochs=1, nnz=4)
        table = pl.read_csv(log)
        made = ei.Recommender(slim).fit(table)
        read = ei.read_interactions(log)
        ei.train(read, elsa)
        if not os.fork():
            try:
                {asked}
            except ei.ForkedError as error:
                print(error, flush=True)
            os._exit(0)
        os.wait()
    """)
    assert ("PyTorch" if "elsa" in asked else "Polars") + " was used before this process was forked" in said
    assert "multiprocessing.get_context('spawn')" in said


def test_a_child_that_is_forked_in_a_build_does_not_hold_the_index(indexes, tmp_path):
    said = run(f"""
        import os, time
        import elsa_index as ei
        from tests.support.catalogues import make_codes

        children = []
        def forks(done, of):
            if not children:
                children.append(os.fork())
                if not children[0]:
                    time.sleep(60)
                    os._exit(0)
        path = {str(tmp_path / "i")!r}
        ei.Index.build(make_codes(600), path, engine="lucene", segments=None, on_progress=forks).close()
        began = time.monotonic()
        ei.tag(path, add=[("item20", "new")])
        os.kill(children[0], 9)
        print(bool(children), time.monotonic() - began < 10)
    """)
    assert said.split() == ["True", "True"]


def test_a_child_answers_though_a_thread_of_its_parent_was_compiling(indexes):
    said = run(f"""
        import os, threading
        import elsa_index as ei
        from elsa_index import compiling as lock
        from tests.processes.test_forks import asked

        index = ei.Index.open({str(indexes / "exact")!r})
        for at in range(40):
            index.search(asked(at), 20)
        has, ends = threading.Event(), threading.Event()
        def compiling():
            with lock._compiling:
                has.set()
                ends.wait()
        threading.Thread(target=compiling).start()
        has.wait()
        if not os.fork():
            print(len(index.search(asked(1), 20).ids), flush=True)
            os._exit(0)
        os.wait()
        ends.set()
    """)
    assert said.strip() == "3"
