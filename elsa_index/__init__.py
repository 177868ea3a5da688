"""Recommendations from a search engine: sparse item codes, impact postings, exact top-k.

Names are imported when they are first used, so that searching loads neither torch nor FAISS.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from .batch.files import Searched, search_files
    from .catalogue.filters import Filters
    from .changes.change import Changed, compact, delete, tag, upsert
    from .changes.fold_in import FoldedIntoIndex, fold_into_index
    from .changes.upgrade import upgrade
    from .codes.item_codes import ItemCodes
    from .codes.load import load_codes
    from .codes.over_items import codes_over_items
    from .data.histories import Histories, HistoryForm, read_histories
    from .data.interactions import Interactions
    from .data.log_format import LogFormat
    from .data.logs import read_interactions
    from .data.metadata import read_metadata
    from .data.protocols import split
    from .data.splits import Split
    from .data.tags import read_tags
    from .doctor import diagnose
    from .engines.cluster_target import ClusterTarget
    from .errors import (
        ClusterError,
        DataError,
        DataWarning,
        ElsaIndexError,
        ForkedError,
        JavaError,
        MissingExtraError,
        StorageError,
        TrainingInterrupted,
        UnknownIdError,
        UnknownTagError,
        UsageError,
    )
    from .evaluation import Evaluation, evaluate
    from .exporting.export import export
    from .fold_in_evaluation import FoldInQuality, fold_in_quality
    from .index import Index
    from .index_doctor import diagnose_index
    from .recommender import Recommender
    from .search.boosts import Boost
    from .search.explanation import Explanation
    from .search.homepage import Homepage, HomepageRow
    from .search.options import SearchOptions
    from .search.result import Ranking, SearchResult
    from .segments.rules import SegmentRules
    from .segments.stored import Segment, Segments
    from .storage.ids import IdMap
    from .training.config import TrainingConfig
    from .training.fold_in import fold_in
    from .training.folded_in import FoldedIn
    from .training.slim.config import SlimConfig
    from .training.train import train

_HOME = {
    "Boost": "search.boosts",
    "Changed": "changes.change",
    "Searched": "batch.files",
    "Filters": "catalogue.filters",
    "SearchOptions": "search.options",
    "search_files": "batch.files",
    "compact": "changes.change",
    "delete": "changes.change",
    "tag": "changes.change",
    "upsert": "changes.change",
    "upgrade": "changes.upgrade",
    "ClusterTarget": "engines.cluster_target",
    "ClusterError": "errors",
    "ItemCodes": "codes.item_codes",
    "diagnose": "doctor",
    "diagnose_index": "index_doctor",
    "DataError": "errors",
    "DataWarning": "errors",
    "ElsaIndexError": "errors",
    "ForkedError": "errors",
    "JavaError": "errors",
    "MissingExtraError": "errors",
    "StorageError": "errors",
    "TrainingInterrupted": "errors",
    "UnknownIdError": "errors",
    "UnknownTagError": "errors",
    "UsageError": "errors",
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "Explanation": "search.explanation",
    "export": "exporting.export",
    "Histories": "data.histories",
    "HistoryForm": "data.histories",
    "LogFormat": "data.log_format",
    "read_histories": "data.histories",
    "IdMap": "storage.ids",
    "Index": "index",
    "Ranking": "search.result",
    "SearchResult": "search.result",
    "codes_over_items": "codes.over_items",
    "load_codes": "codes.load",
    "Interactions": "data.interactions",
    "read_interactions": "data.logs",
    "Split": "data.splits",
    "split": "data.protocols",
    "read_tags": "data.tags",
    "read_metadata": "data.metadata",
    "Recommender": "recommender",
    "SegmentRules": "segments.rules",
    "Homepage": "search.homepage",
    "HomepageRow": "search.homepage",
    "Segment": "segments.stored",
    "Segments": "segments.stored",
    "TrainingConfig": "training.config",
    "SlimConfig": "training.slim.config",
    "FoldedIn": "training.folded_in",
    "FoldedIntoIndex": "changes.fold_in",
    "FoldInQuality": "fold_in_evaluation",
    "fold_in_quality": "fold_in_evaluation",
    "fold_into_index": "changes.fold_in",
    "fold_in": "training.fold_in",
    "train": "training.train",
}

__all__ = [
    "Boost",
    "Changed",
    "ClusterError",
    "ClusterTarget",
    "DataError",
    "DataWarning",
    "ElsaIndexError",
    "Evaluation",
    "Explanation",
    "Filters",
    "FoldInQuality",
    "FoldedIn",
    "FoldedIntoIndex",
    "ForkedError",
    "Histories",
    "HistoryForm",
    "Homepage",
    "HomepageRow",
    "IdMap",
    "Index",
    "Interactions",
    "ItemCodes",
    "JavaError",
    "LogFormat",
    "MissingExtraError",
    "Ranking",
    "Recommender",
    "SearchOptions",
    "SearchResult",
    "Searched",
    "Segment",
    "SegmentRules",
    "Segments",
    "SlimConfig",
    "Split",
    "StorageError",
    "TrainingConfig",
    "TrainingInterrupted",
    "UnknownIdError",
    "UnknownTagError",
    "UsageError",
    "codes_over_items",
    "compact",
    "delete",
    "diagnose",
    "diagnose_index",
    "evaluate",
    "export",
    "fold_in",
    "fold_in_quality",
    "fold_into_index",
    "load_codes",
    "read_histories",
    "read_interactions",
    "read_metadata",
    "read_tags",
    "search_files",
    "split",
    "tag",
    "train",
    "upgrade",
    "upsert",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("elsa-index")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
