"""Codes, logs and a cluster that tests share."""

import itertools
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import elsa_index as ei
from benchmarks.cluster import Cluster
from elsa_index.engines import loops

from .support.catalogues import make_codes, make_histories, make_tastes
from .support.clusters import running

# torch's optimisers, which peers train with, look for Triton; its bindings would report leaks after the last line.
sys.modules["triton"] = None  # type: ignore[assignment]
if "PYTEST_XDIST_WORKER" in os.environ:  # processes that each use every core are in each other's way
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _no_compiled_loops() -> None:
    """Engines answer tests themselves, however many queries these ask: test_loops.py has the loops that would."""
    loops.LEAST = sys.maxsize


@pytest.fixture(scope="session")
def tastes() -> tuple[ei.ItemCodes, dict[str, list[str | None]]]:
    return make_tastes()


@pytest.fixture(scope="session")
def codes() -> ei.ItemCodes:
    return make_codes()


@pytest.fixture(scope="session")
def histories(codes: ei.ItemCodes) -> list[list[str]]:
    return make_histories(codes)


@pytest.fixture(scope="session")
def log() -> ei.Interactions:
    """60 users of 4 tastes over 40 items: whoever has some of a taste's ten items has others of it."""
    import polars as pl

    rng = np.random.default_rng(7)
    pairs = [
        (f"u{user}", f"i{item}", float(when))
        for user in range(60)
        for when, item in enumerate(10 * (user % 4) + rng.choice(10, 7, replace=False))
    ]
    users, items, times = zip(*pairs, strict=True)
    return ei.Interactions.from_pairs(pl.Series(users), pl.Series(items), pl.Series(times))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """Three OpenSearch nodes on loopback, started when the first test asks for them."""
    yield from running(tmp_path_factory.mktemp("cluster"), 3)


@pytest.fixture(scope="session")
def place(request):
    """What an engine needs to be built beside codes and a path: for the one on a cluster a name that is still free."""
    numbers = itertools.count()

    def arguments(engine: str, **options) -> dict:
        if engine != "opensearch":
            return {"engine": engine}
        url = request.getfixturevalue("cluster").url
        named = ei.ClusterTarget(url, f"catalogue-{next(numbers)}", **{"replicas": 0, **options})
        return {"engine": engine, "cluster": named}

    return arguments


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the cluster are slow ones, also where one engine of many is the one on it."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "cluster" in fixtures or ("place" in fixtures and "opensearch" in item.nodeid):
            item.add_marker(pytest.mark.slow)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Where tests run in several processes (make test), a file's run in one of them, for they share what it builds; and
    all that need the cluster in one, so that it is started once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFileAndCluster(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            needs_cluster = "opensearch" in nodeid or "cluster" in nodeid
            return "cluster" if needs_cluster else nodeid.split("::", 1)[0]

    return ByFileAndCluster(config, log)
