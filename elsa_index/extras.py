"""Packages that a part of elsa-index needs and its base does without: the extras of pyproject.toml."""

import sys
from importlib.util import find_spec

from .errors import MissingExtraError

EXTRA_OF = {
    "torch": "train",
    "numba": "train",
    "faiss": "faiss",
    "opensearchpy": "opensearch",
    "fastapi": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "httptools": "serve",
    "prometheus_client": "serve",
    "pythonjsonlogger": "serve",
    "opentelemetry.sdk": "tracing",
    "opentelemetry.exporter.otlp.proto.http": "tracing",
    "opentelemetry.instrumentation.asgi": "tracing",
    "matplotlib": "report",
    "seismic": "peers",
    "rectools": "rectools",
    "lenskit": "lenskit",
}
"""Package, as it is imported -> the extra that brings it."""


def require(what: str, *packages: str) -> None:
    """Raises MissingExtraError, which says what to install, where one of `packages` is not there. Imports none.

    >>> require("Asking a cluster", "opensearchpy")
    """
    missing = [package for package in packages if not _is_there(package)]
    if missing:
        extras = ",".join(sorted({EXTRA_OF[package] for package in missing}))
        raise MissingExtraError(
            f"{what} needs what is not installed ({', '.join(missing)}): pip install 'elsa-index[{extras}]'."
        )


def packages_of(extra: str) -> tuple[str, ...]:
    """
    >>> packages_of("train")
    ('torch', 'numba')
    """
    return tuple(package for package, named in EXTRA_OF.items() if named == extra)


def _is_there(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None  # None: put out of the way
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # nor what it is a part of
        return False
