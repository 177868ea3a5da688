"""Recommendations for all users of a log at a time: histories a second, ours beside implicit and FAISS.

Command: python -m benchmarks.batch LOG SPLIT_DIR --sparse MODEL --slim MODEL --dense MODEL (fifteen minutes)

LOG: all users, whose histories are asked, k = 100, without their own items. SPLIT_DIR: what the models were trained on,
and nDCG@100 is measured with. Every program is asked in turn, with one thread and with two; the median of two rounds,
and their span. `before`: our engines answering one history after the other, as they did before compiled loops took
blocks of them, and as they do for impacts alone: of these 5,000 histories are asked. FAISS itself takes all queries at
once, for 300 items each, of which seen ones are dropped; implicit's ALS (128 factors) as it comes, by its `recommend`.
Times are of whole calls, from ids to items.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

import elsa_index as ei
from benchmarks.records import update
from elsa_index.engines import loops as compiled
from elsa_index.metrics import hits_of, ndcg

K, ROUNDS, FACTORS, SAMPLE, SPARE = 100, 3, 128, 5000, 200
Asked = Callable[[list[list[str]], int], list[np.ndarray]]
"""Histories and threads -> rows of items, by the training log's numbers."""


def by_index(index: ei.Index, *, loops: bool = True) -> Asked:
    def ask(histories: list[list[str]], threads: int) -> list[np.ndarray]:
        before, compiled.LEAST = compiled.LEAST, compiled.LEAST if loops else sys.maxsize
        try:
            return [ranking.rows for ranking in index.search(histories, K, threads=threads).rankings]
        finally:
            compiled.LEAST = before

    return ask


def by_als(train: ei.Interactions) -> Asked:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=FACTORS, random_state=0, num_threads=2)
    model.fit(csr_matrix(train.matrix), show_progress=False)

    def ask(histories: list[list[str]], threads: int) -> list[np.ndarray]:
        model.num_threads = threads
        rows = [np.sort(found[found >= 0]) for found in map(train.items.find, histories)]
        starts = np.cumsum([0, *map(len, rows)])
        data = np.ones(starts[-1], np.float32)
        matrix = csr_matrix((data, np.concatenate(rows), starts), shape=(len(rows), len(train.items)))
        ids, _ = model.recommend(np.arange(len(rows)), matrix, N=K, recalculate_user=True)
        return list(ids)

    return ask


def by_faiss(codes: ei.ItemCodes, *, exact: bool) -> Asked:
    import faiss

    vectors = codes.weights.toarray()
    vectors *= codes.history_weights[:, None] if codes.history_weights is not None else 1
    index = faiss.IndexFlatIP(codes.dims) if exact else faiss.IndexHNSWFlat(codes.dims, 32, faiss.METRIC_INNER_PRODUCT)
    index.add(codes.weights.toarray())
    if not exact:
        index.hnsw.efSearch = 2 * (K + SPARE)

    def ask(histories: list[list[str]], threads: int) -> list[np.ndarray]:
        faiss.omp_set_num_threads(threads)
        rows = [found[found >= 0] for found in map(codes.ids.find, histories)]
        starts = np.cumsum([0, *map(len, rows)])
        matrix = csr_matrix(
            (np.ones(starts[-1], np.float32), np.concatenate(rows), starts), shape=(len(rows), len(vectors))
        )
        _, found = index.search(np.ascontiguousarray(matrix @ vectors, dtype=np.float32), K + SPARE)
        return [own[~np.isin(own, seen)][:K] for own, seen in zip(found, rows, strict=True)]

    return ask


def quality(ask: Asked, split: ei.Split) -> float:
    fold = split.fold(0)
    hidden = [split.train.items.find(own) for own in fold.hidden]
    hits = hits_of(ask(fold.histories, 1), hidden, K)
    return float(ndcg(hits, np.array([len(own) for own in fold.hidden]), K).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument("split", type=Path, metavar="SPLIT_DIR")
    for name in ("sparse", "slim", "dense"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    split, log = ei.Split.load(given.split), ei.read_interactions(given.log)
    ends = zip(log.matrix.indptr, log.matrix.indptr[1:], strict=False)
    histories = [log.items.names_of(log.matrix.indices[first:last].astype(np.int64)) for first, last in ends]
    with tempfile.TemporaryDirectory() as folder:

        def built(model: str, engine: str, store: str | None = None) -> ei.Index:
            codes = ei.load_codes(getattr(given, model))
            assert list(codes.ids) == list(split.train.items)  # so that rows are the same
            path = Path(folder) / f"{model}-{engine}-{store}"
            return ei.Index.build(codes, path, engine=engine, store=store, segments=None)

        sparse, slim, impacts = (
            built("sparse", "lucene"),
            built("slim", "lucene", "int8"),
            built("slim", "lucene", "none"),
        )
        subjects: dict[str, Asked] = {
            "Compressed ELSA, lucene, before": by_index(sparse, loops=False),
            "Compressed ELSA, lucene": by_index(sparse),
            "codes over items, lucene (impacts only)": by_index(impacts),
            "codes over items, lucene (int8), before": by_index(slim, loops=False),
            "codes over items, lucene (int8)": by_index(slim),
            "dense ELSA, FAISS Flat": by_faiss(ei.load_codes(given.dense), exact=True),
            "dense ELSA, FAISS HNSW": by_faiss(ei.load_codes(given.dense), exact=False),
            f"ALS, {FACTORS} factors, implicit": by_als(split.train),
        }
        found = {name: quality(ask, split) for name, ask in subjects.items()}
        print(found, flush=True)
        slow = [name for name in subjects if name.endswith(("before", "only)"))]
        rates: dict[tuple[str, int], list[float]] = {}
        for _ in range(ROUNDS):
            for threads in (1, 2):
                for name, ask in subjects.items():
                    some = histories[:SAMPLE] if name in slow else histories
                    started = time.perf_counter()
                    ask(some, threads)
                    rates.setdefault((name, threads), []).append(len(some) / (time.perf_counter() - started))
                    print(name, threads, round(rates[name, threads][-1]), flush=True)
        for name, ndcg_100 in found.items():
            row: dict[str, Any] = {"subject": name, "histories": len(histories), "k": K, "ndcg@100": round(ndcg_100, 4)}
            for threads in (1, 2):
                own = rates[name, threads]
                row[f"rate_{threads}"] = {"median": median(own), "low": min(own), "high": max(own)}
            update("batch", row, ["subject"])


if __name__ == "__main__":
    main()
