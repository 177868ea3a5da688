"""A service on the tastes of `tests/conftest.py`."""

import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings

LOCAL = "http://localhost"


@pytest.fixture(scope="session")
def served(tastes, tmp_path_factory):
    """An index directory to serve."""
    codes, metadata = tastes
    path = tmp_path_factory.mktemp("served") / "i"
    ei.Index.build(codes, path, metadata=metadata, numbers=["year"]).close()
    return path


@pytest.fixture(scope="session")
def client(served) -> Iterator[TestClient]:
    """Requests to the application in this process. Errors of the service are answers, as they are for users."""
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings())
    with TestClient(app, LOCAL, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(autouse=True, scope="session")
def _quiet():
    """Nothing in the tests' log."""
    logging.getLogger("elsa_index.server").setLevel(logging.ERROR)
