"""What runs in the process of a measured index."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ..errors import DataError
from ..evaluation import refuse_other_log
from ..index import Index
from ..metrics import ndcg, recall
from .questions import Questions

QUALITY_RANKS = (20, 50, 100)


def subject(path: str, questions: Questions, k: int) -> Callable[[Any], Any]:
    """Opens an index and answers requests: ("about",), ("memory",), ("one", setting, at), ("all", setting, threads) and
    ("rate", setting, threads, queries).

    A setting is a set of options of `Index.search`.
    """
    process = psutil.Process()
    before = process.memory_info().rss
    started = time.perf_counter()
    index = Index.open(path)
    opened = time.perf_counter() - started
    if questions.trained_on is not None:
        refuse_other_log(index, questions.trained_on)
    if not any((index.ids.find(history) >= 0).any() for history in questions.histories):
        raise DataError(f"{path} knows no item of the {len(questions):,} histories; ask it histories of its own items.")
    hidden = None
    if questions.hidden is not None:
        hidden = [index.ids.find(items) for items in questions.hidden]
    # What a server does when it has started: Python's collector no longer walks through what will stay, 30 ms a time.
    gc.collect()
    gc.freeze()

    def answer(request: Any) -> Any:
        if request[0] == "about":
            origin, about = index.manifest.codes.origin, index.manifest.codes
            return {
                "name": Path(path).name,
                "engine": index.engine,
                "model": origin.get("model", "imported"),
                "items": about.items,
                "dims": about.dims,
                "nnz": about.nnz,
                "fingerprint": about.fingerprint,
                "bytes": index.bytes_by_part,
                "build_seconds": index.manifest.build_seconds,
                "open_ms": 1000 * opened,
                "settings": settings_of(index),
            }
        if request[0] == "memory":
            return process.memory_info().rss - before
        if request[0] == "one":
            history = questions.histories[request[2]]
            started = time.perf_counter()
            index.search([history], k, **request[1])
            return 1000 * (time.perf_counter() - started)
        if request[0] == "rate":
            asked = questions.histories[: request[3]]
            started = time.perf_counter()
            index.search(asked, k, threads=request[2], **request[1])
            return len(asked) / (time.perf_counter() - started)
        result = index.search(questions.histories, k, threads=request[2], **request[1])
        return {"rows": result.rows, "promise": result.promise, "quality": quality_of(result.rows, hidden, k)}

    return answer


def settings_of(index: Index) -> dict[str, dict[str, Any]]:
    """The settings at which an index is measured, by name: its default, then what trades speed for quality."""
    able = index._engine.capabilities
    settings: dict[str, dict[str, Any]] = {}
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


def quality_of(rows: Any, hidden: list[Any] | None, k: int) -> dict[str, float] | None:
    """Mean Recall@20, 50 and nDCG@k of (queries, k) rows; None where nothing was hidden."""
    if hidden is None:
        return None
    counts = np.array([len(items) for items in hidden])
    hits = np.array([np.isin(top, items[items >= 0]) for top, items in zip(rows, hidden, strict=True)])
    ranks = [rank for rank in QUALITY_RANKS if rank <= k]
    quality = {f"recall@{rank}": float(recall(hits, counts, rank).mean()) for rank in ranks}
    return quality | {f"ndcg@{max(ranks, default=k)}": float(ndcg(hits, counts, max(ranks, default=k)).mean())}
