"""A catalogue on the cluster, a client of the cluster that is not ours, and names that are free."""

import itertools

import pytest

import elsa_index as ei
from elsa_index.engines.cluster_target import PATIENCE_VARIABLE

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def api(cluster):
    """opensearch-py's own client."""
    from opensearchpy import OpenSearch

    return OpenSearch(cluster.urls)


@pytest.fixture
def little_patience(monkeypatch):
    """A cluster that is away is waited for two seconds."""
    monkeypatch.setenv(PATIENCE_VARIABLE, "2")


@pytest.fixture
def name() -> str:
    return f"test-{next(_NUMBERS)}"


@pytest.fixture(scope="package")
def served(codes, cluster, tmp_path_factory):
    """An index of the shared codes, in two shards with a replica each."""
    path = tmp_path_factory.mktemp("served") / "i"
    target = ei.ClusterTarget(cluster.url, "served", shards=2)
    with ei.Index.build(codes, path, engine="opensearch", cluster=target) as index:
        yield index


@pytest.fixture
def own(codes, cluster, name, tmp_path):
    """An index that a test may break."""
    with ei.Index.build(
        codes, tmp_path / "own", engine="opensearch", cluster=ei.ClusterTarget(cluster.url, name)
    ) as index:
        yield index
