"""What runs in the process of a measured index."""

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ..errors import DataError
from ..evaluation import refuse_other_log
from ..index import Index
from ..metrics import hits_of, ndcg, recall
from ..storage.ids import Rows
from .questions import Questions

QUALITY_RANKS = (20, 50, 100)
Setting = dict[str, Any]
"""Options of `Index.search`."""


def subject(path: str, questions: Questions, k: int) -> Callable[[Any], Any]:
    """Opens an index and answers requests, each a tuple of a method of `Subject` and its arguments."""
    opened = Subject(Path(path), questions, k)
    return lambda request: getattr(opened, request[0])(*request[1:])


class Subject:
    """An opened index that is asked the same questions at every setting."""

    def __init__(self, path: Path, questions: Questions, k: int) -> None:
        self._process = psutil.Process()
        self._bytes_before = self._process.memory_info().rss
        started = time.perf_counter()
        self.index = Index.open(path)
        self._open_ms = 1000 * (time.perf_counter() - started)
        if questions.trained_on is not None:
            refuse_other_log(self.index, questions.trained_on)
        if not any((self.index.ids.find(history) >= 0).any() for history in questions.histories):
            raise DataError(
                f"{path} knows no item of the {len(questions):,} histories; ask it histories of its own items."
            )
        self._questions, self._k = questions, k
        self._hidden = None if questions.hidden is None else list(map(self.index.ids.find, questions.hidden))
        # What a server does when it has started: Python's collector no longer walks through what will stay, for 30 ms.
        gc.collect()
        gc.freeze()

    def about(self) -> dict[str, Any]:
        """What the index is, and the settings at which it is measured."""
        manifest = self.index.manifest
        return {
            "name": self.index.path.name,
            "engine": self.index.engine,
            "model": manifest.codes.origin.get("model", "imported"),
            "items": manifest.codes.items,
            "dims": manifest.codes.dims,
            "nnz": manifest.codes.nnz,
            "fingerprint": manifest.codes.fingerprint,
            "bytes": self.index.bytes_by_part,
            "build_seconds": manifest.build_seconds,
            "open_ms": self._open_ms,
            "settings": settings_of(self.index),
        }

    def memory(self) -> int:
        """Bytes by which the process has grown since before the index was opened."""
        return int(self._process.memory_info().rss - self._bytes_before)

    def one(self, setting: Setting, at: int) -> float:
        """Milliseconds of one query."""
        history = self._questions.histories[at]
        started = time.perf_counter()
        self.index.search([history], self._k, **setting)
        return 1000 * (time.perf_counter() - started)

    def rate(self, setting: Setting, threads: int, queries: int) -> float:
        """Queries per second, of the first `queries` at once."""
        asked = self._questions.histories[:queries]
        started = time.perf_counter()
        self.index.search(asked, self._k, threads=threads, **setting)
        return len(asked) / (time.perf_counter() - started)

    def all(self, setting: Setting, threads: int) -> dict[str, Any]:
        """The answers to all questions, and what they are worth."""
        result = self.index.search(self._questions.histories, self._k, threads=threads, **setting)
        rows = [ranking.rows for ranking in result.rankings]
        return {"rows": rows, "promise": result.promise, "quality": quality_of(rows, self._hidden, self._k)}


def settings_of(index: Index) -> dict[str, Setting]:
    """The settings at which an index is measured, by name: its default, then what trades speed for quality."""
    able = index.catalogue.engine.capabilities
    settings: dict[str, Setting] = {}
    if able.cuts_queries:
        chosen = index.manifest.calibration
        if chosen is not None:
            settings[f"default ({chosen.query_terms} × {chosen.candidates})"] = {}
        settings["exact"] = {"exact": True}
        for rank in able.ranks[1:]:
            settings[rank] = {"rank": rank, "many_terms": "cut"}
        for terms, candidates in ((8, 200), (16, 200), (32, 500), (64, 500), (128, 1000)):
            settings[f"{terms} × {candidates}"] = {"query_terms": terms, "candidates": candidates}
    elif able.efforts:
        for effort in sorted(able.efforts):
            settings[f"effort {effort}"] = {"effort": effort}
    else:
        settings["exhaustive"] = {}
    return settings


def quality_of(tops: Sequence[Rows], hidden: Sequence[Rows] | None, k: int) -> dict[str, float] | None:
    """Mean Recall@20, 50 and nDCG@k of rankings; None where nothing was hidden."""
    if hidden is None:
        return None
    counts, hits = np.array([len(items) for items in hidden]), hits_of(tops, hidden, k)
    ranks = [rank for rank in QUALITY_RANKS if rank <= k]
    quality = {f"recall@{rank}": float(recall(hits, counts, rank).mean()) for rank in ranks}
    deepest = max(ranks, default=k)
    return quality | {f"ndcg@{deepest}": float(ndcg(hits, counts, deepest).mean())}
