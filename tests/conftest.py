"""Codes, logs and a cluster that tests share."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

import elsa_index as ei
from benchmarks.cluster import Cluster

from .support.catalogues import make_codes, make_histories, make_tastes
from .support.clusters import running


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
        return {"engine": engine, "cluster": ei.ClusterTarget(url, f"catalogue-{next(numbers)}", **options)}

    return arguments
