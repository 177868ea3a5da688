"""Loads that are killed, nodes that are lost: answers stay right. On a cluster of its own."""

import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import elsa_index as ei

from ...support.catalogues import make_codes, make_histories
from ...support.clusters import running

KILLED, LOST, CLIENTS = 12, 3, 8
LOAD_SECONDS = 60
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def nodes(tmp_path):
    yield from running(tmp_path / "nodes", 3, short_lived=False)


def served(cluster) -> tuple[list[str], int]:
    """What serves under the alias, and its documents, as any client sees it."""
    from opensearchpy import OpenSearch

    api = OpenSearch(cluster.urls, max_retries=5, retry_on_timeout=True)
    return sorted(api.indices.get_alias(name="films")), api.count(index="films")["count"]


def test_a_catalogue_survives_loads_that_are_killed_and_nodes_that_are_lost(nodes, tmp_path, capsys):
    old, new = make_codes(500, seed=1), make_codes(40_000, dims=512, nnz=16, seed=2)
    histories = make_histories(old, 5)
    target, place = tmp_path / "i", ei.ClusterTarget(nodes.url, "films", shards=2)
    new.save(tmp_path / "model")
    command = [sys.executable, "-m", "elsa_index_cli", "build", tmp_path / "model", "-o", target, "--overwrite"]
    command += ["--engine", "opensearch", "--url", nodes.url, "--name", "films", "--shards", "2"]

    def rebuild_old() -> list:
        with ei.Index.build(old, target, engine="opensearch", cluster=place, overwrite=True) as index:
            return index.search(histories, 10).ids.tolist()

    before = rebuild_old()
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    duration = time.perf_counter() - started
    with ei.Index.open(target) as index:
        after = index.search(histories, 10).ids.tolist()
    rebuild_old()
    outcomes: list[str] = []

    def check(what: str) -> None:
        with ei.Index.open(target) as index:
            answers = index.search(histories, 10, exact=True).ids.tolist()
        assert answers in (before, after)
        names, count = served(nodes)
        assert len(names) == 1
        assert count in (500, 40_000)
        # The alias may have moved an instant before the directory did: both are complete, whichever they are.
        outcomes.append(f"{what}: {'new' if answers == after else 'old'}")
        if answers == after or count == 40_000:
            rebuild_old()

    for moment in range(KILLED):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        # The measured duration may have been that of a busy machine: most moments are to lie before the end.
        time.sleep(0.8 * duration * (moment + 0.5) / KILLED)
        process.send_signal(signal.SIGKILL)
        process.wait()
        check("load killed")
    for moment in range(LOST):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(duration * (moment + 0.5) / LOST)
        nodes.kill(moment % 3)
        if moment % 2:  # it comes back while it is waited for
            time.sleep(2)
            nodes.start(moment % 3)
        errors = process.communicate()[1]
        if not moment % 2:
            nodes.start(moment % 3)
        nodes.wait_for("green")
        assert process.returncode == 0 or "error: The cluster at" in errors, errors
        check("node lost")
    rebuild_old()
    assert sum(outcome.endswith("old") for outcome in outcomes) >= KILLED // 2, outcomes
    with capsys.disabled():
        print(f"\nloads of {duration:.1f} s: " + json.dumps(outcomes))


def test_a_node_dies_under_load_and_no_query_fails(nodes, tmp_path, capsys):
    codes = make_codes(5000, dims=256, nnz=12, seed=3)
    histories = make_histories(codes, 50)
    target = ei.ClusterTarget(nodes.url, "films", shards=2, replicas=1)
    with ei.Index.build(codes, tmp_path / "i", engine="opensearch", cluster=target) as index:
        truth = index.search(histories, 20, exact=True).rows
    failed: list[str] = []
    counts = {"asked": 0, "wrong": 0}
    lock, ends = threading.Lock(), time.monotonic() + LOAD_SECONDS

    def ask(seed: int) -> None:
        rng = np.random.default_rng(seed)
        with ei.Index.open(tmp_path / "i") as index:
            while time.monotonic() < ends:
                at = int(rng.integers(len(histories)))
                try:
                    found = index.search([histories[at]], 20, exact=True).rows[0]
                except ei.ElsaIndexError as error:
                    failed.append(str(error))
                    continue
                with lock:
                    counts["asked"] += 1
                    counts["wrong"] += not np.array_equal(found, truth[at])

    clients = [threading.Thread(target=ask, args=(seed,)) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(LOAD_SECONDS / 6)
    nodes.kill(0)
    time.sleep(3)
    health = [nodes.health(nodes.urls[1])["status"]]
    time.sleep(LOAD_SECONDS / 6)
    nodes.start(0)
    seconds = nodes.wait_for("green", 120)
    health.append("green")
    for client in clients:
        client.join()
    with capsys.disabled():
        print(f"\n{counts}, failed {len(failed)}, {health}, green {seconds:.0f} s after the node was started again")
    assert failed == []
    assert counts["wrong"] == 0
    assert counts["asked"] > 1000
    assert health == ["yellow", "green"]
