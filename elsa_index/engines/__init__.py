"""Engines: each builds its files from codes and ranks items for query vectors. `contract` says what all must do."""

from importlib import import_module
from typing import TYPE_CHECKING, get_args

from ..errors import UsageError
from ..extras import require
from .names import EngineName

if TYPE_CHECKING:
    from .contract import Engine

ENGINES: dict[EngineName, str] = {
    "lucene": "lucene.engine:LuceneEngine",
    "exact": "exact:ExactEngine",
    "faiss-flat": "faiss.flat:FaissFlatEngine",
    "faiss-sq8": "faiss.sq8:FaissSq8Engine",
    "faiss-hnsw": "faiss.hnsw:FaissHnswEngine",
    "faiss-ivfpq": "faiss.ivfpq:FaissIvfPqEngine",
    "seismic": "seismic:SeismicEngine",
    "opensearch": "opensearch.engine:OpenSearchEngine",
}
"""Name -> module and class, imported when it is first used."""

_PACKAGE = {"seismic": "seismic", "opensearch": "opensearchpy"} | dict.fromkeys(
    (name for name in ENGINES if name.startswith("faiss-")), "faiss"
)


def engine_class(name: str) -> "type[Engine]":
    """The engine of that name. Raises UsageError that lists the names there are, MissingExtraError where its library
    is not installed."""
    if name not in get_args(EngineName):
        raise UsageError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}.")
    if name in _PACKAGE:
        require(f"The engine {name}", _PACKAGE[name])
    module, class_name = ENGINES[name].split(":")  # type: ignore[index]
    return getattr(import_module(f".{module}", __name__), class_name)
