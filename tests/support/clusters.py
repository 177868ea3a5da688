"""Clusters that tests start, and what is on them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import elsa_index as ei
from benchmarks.cluster import Cluster, ClusterUnavailable, Kind

REQUIRE_CLUSTER = "ELSA_INDEX_TESTS_REQUIRE_CLUSTER"
"""Where this variable is set, a cluster that does not start fails the tests that need one, instead of skipping them."""


def running(directory: Path, nodes: int, kind: Kind = "opensearch", *, short_lived: bool = True) -> Iterator[Cluster]:
    """A cluster that is there for a while, or the skip, with the reason, of the tests that need it."""
    try:
        with Cluster(directory, nodes, kind=kind, short_lived=short_lived) as started:
            yield started
    except ClusterUnavailable as error:
        if os.environ.get(REQUIRE_CLUSTER):
            raise
        pytest.skip(f"no cluster: {error}")


def build(codes: ei.ItemCodes, path: Path, url: str, name: str, **options: Any) -> None:
    """An index directory whose catalogue a cluster serves."""
    ei.Index.build(codes, path, engine="opensearch", cluster=ei.ClusterTarget(url, name), **options).close()


def concrete(index: ei.Index) -> str:
    """The cluster's index behind an index directory."""
    return index.manifest.parameters["index"]


def indices_of(api: Any, name: str) -> set[str]:
    """All indices on the cluster that were made for a name."""
    return set(api.indices.get(index=f"{name}-*", ignore=404)) - {"error", "status"}


def served_index(api: Any, name: str) -> str | None:
    """The one index behind an alias. Fails where there are several."""
    found = api.indices.get_alias(name=name, ignore=404)
    if "error" in found:
        return None
    (index,) = found
    return str(index)
