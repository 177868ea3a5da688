"""Recommendations from a search engine: sparse item codes, impact postings, exact top-k.

Names are imported when they are first used, so that searching loads neither torch nor FAISS.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .codes import ItemCodes
    from .diagnosis import diagnose
    from .engines.opensearch.target import ClusterTarget
    from .errors import (
        ClusterError,
        DataError,
        ElsaIndexError,
        JavaError,
        StorageError,
        TrainingInterrupted,
        UnknownIdError,
        UsageError,
    )
    from .evaluation import Evaluation, evaluate
    from .explanation import Explanation
    from .exporting import export
    from .histories import Histories, read_histories
    from .ids import IdMap
    from .index import Index
    from .interactions import Interactions, read_interactions
    from .metadata import read_metadata
    from .results import SearchResult
    from .segments.discovery import SegmentRules
    from .segments.homepage import Homepage, HomepageRow
    from .segments.segments import Segment, Segments
    from .sources import load_codes
    from .splitting import Split, split
    from .tags import read_tags
    from .training.config import TrainingConfig
    from .training.loop import train

_HOME = {
    "ClusterTarget": "engines.opensearch.target",
    "ClusterError": "errors",
    "ItemCodes": "codes",
    "diagnose": "diagnosis",
    "DataError": "errors",
    "ElsaIndexError": "errors",
    "JavaError": "errors",
    "StorageError": "errors",
    "TrainingInterrupted": "errors",
    "UnknownIdError": "errors",
    "UsageError": "errors",
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "Explanation": "explanation",
    "export": "exporting",
    "Histories": "histories",
    "read_histories": "histories",
    "IdMap": "ids",
    "Index": "index",
    "SearchResult": "results",
    "load_codes": "sources",
    "Interactions": "interactions",
    "read_interactions": "interactions",
    "Split": "splitting",
    "split": "splitting",
    "read_tags": "tags",
    "read_metadata": "metadata",
    "SegmentRules": "segments.discovery",
    "Homepage": "segments.homepage",
    "HomepageRow": "segments.homepage",
    "Segment": "segments.segments",
    "Segments": "segments.segments",
    "TrainingConfig": "training.config",
    "train": "training.loop",
}

__all__ = [
    "ClusterError",
    "ClusterTarget",
    "DataError",
    "ElsaIndexError",
    "Evaluation",
    "Explanation",
    "Histories",
    "Homepage",
    "HomepageRow",
    "IdMap",
    "Index",
    "Interactions",
    "ItemCodes",
    "JavaError",
    "SearchResult",
    "Segment",
    "SegmentRules",
    "Segments",
    "Split",
    "StorageError",
    "TrainingConfig",
    "TrainingInterrupted",
    "UnknownIdError",
    "UsageError",
    "diagnose",
    "evaluate",
    "export",
    "load_codes",
    "read_histories",
    "read_interactions",
    "read_metadata",
    "read_tags",
    "split",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
