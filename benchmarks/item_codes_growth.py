"""Codes over items, of ten thousand items to a million: training, bytes, milliseconds a query.

Command: python -m benchmarks.item_codes_growth WORK [--items 10000 100000 300000 1000000]
    (seed 42; an hour and 10 GB of memory for a million, which begins with a log of 50 million interactions)

Logs are those of `benchmarks.synthetic_log`. Each training is a process of its own, from log to model; its seconds and
peak memory are kept in WORK beside the model: what is there is not trained again. Queries are histories that the model
keeps for calibration. Compared are, one thread each, in turns of all queries, from ids to ids: Lucene on impacts alone,
SciPy's product of the same codes, exhaustive, and FAISS Flat on 1,024 random dimensions, whose time does not depend on
what is in them, and which reads so much that it would empty the others' caches between two of their queries. FAISS
HNSW is not among them: on random vectors its accuracy says nothing, and a dense model of a million items is not trained
on such a machine.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import faiss
import numpy as np

import elsa_index as ei
from benchmarks.records import update

K, QUERIES, ROUNDS, DIMS = 100, 300, 5, 1024
SIZES = (10_000, 100_000, 300_000, 1_000_000)
LAMBDA = 100


def trained(work: Path, items: int) -> dict[str, Any]:
    """Seconds and peak bytes of the training; the model is WORK/ITEMS/model."""
    place = work / str(items)
    place.mkdir(parents=True, exist_ok=True)
    about = place / "training.json"
    if not about.exists():
        make_log = [sys.executable, "-m", "benchmarks.synthetic_log", "-o", f"{place}/log.npz", "--items", str(items)]
        subprocess.run(make_log, check=True)
        train = [sys.executable, "-m", "elsa_index_cli", "train", f"{place}/log.npz", "-o", f"{place}/model"]
        started = time.perf_counter()
        process = subprocess.Popen([*train, "--model", "slim", "--regularisation", str(LAMBDA), "--non-negative"])
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise SystemExit(f"the training of {items:,} items failed")
        about.write_text(json.dumps({"train_seconds": seconds, "train_peak_bytes": used.ru_maxrss * 1024}))
    return json.loads(about.read_text())


def measured(work: Path, items: int) -> dict[str, Any]:
    codes = ei.load_codes(work / str(items) / "model")
    assert codes.sample_histories is not None
    starts, rows = codes.sample_histories.indptr, codes.sample_histories.indices
    histories = [rows[first:last] for first, last in pairwise(starts[: QUERIES + 1].tolist())]
    asked = [list(codes.ids.take(history)) for history in histories]
    folder = work / str(items)
    ei.Index.build(codes, folder / "lucene", store="none", segments=None, overwrite=True).close()
    ei.Index.build(codes, folder / "exact", engine="exact", segments=None, overwrite=True).close()
    faiss.omp_set_num_threads(1)
    dense, rng = faiss.IndexFlatIP(DIMS), np.random.default_rng(42)
    for first in range(0, len(codes.ids), 50_000):
        dense.add(rng.standard_normal((min(50_000, len(codes.ids) - first), DIMS), dtype=np.float32))
    vectors = faiss.rev_swig_ptr(dense.get_xb(), dense.ntotal * DIMS).reshape(-1, DIMS)

    def by_faiss(number: int) -> None:
        found = dense.search(vectors[histories[number]].sum(axis=0, keepdims=True), K + len(histories[number]))[1][0]
        codes.ids.take(found[~np.isin(found, histories[number])][:K].astype(np.int64))

    few = max(10, QUERIES * 20_000 // len(codes.ids)) if len(codes.ids) > 20_000 else QUERIES
    with ei.Index.open(folder / "lucene") as lucene, ei.Index.open(folder / "exact") as exact:
        contenders = {
            "lucene": lambda number: lucene.search([asked[number]], K, exact=True),
            "exact": lambda number: exact.search([asked[number]], K, exact=True),
            "faiss": by_faiss,
        }
        answers = [index.search(asked[:50], K, exact=True) for index in (lucene, exact)]
        overlap = np.mean([len(set(a) & set(b)) / K for a, b in zip(answers[0].ids, answers[1].ids, strict=True)])
        for number in range(len(asked)):  # the virtual machine compiles what it does often
            for _ in range(4):
                contenders["lucene"](number)
            contenders["exact"](number)
        gc.collect()
        gc.freeze()
        medians: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, ask in contenders.items():
                took = []
                for number in range(few if name == "faiss" else len(asked)):
                    started = time.perf_counter()
                    ask(number)
                    took.append(1000 * (time.perf_counter() - started))
                medians[name].append(float(np.median(took)))
        sizes = lucene.bytes_by_part
    return {
        "bytes": {part: size / len(codes.ids) for part, size in sizes.items()},
        "terms": float(np.mean([len(history) for history in histories])),
        "overlap_of_impacts": float(overlap),
        "ms": {
            name: {"p50": float(np.median(values)), "low": min(values), "high": max(values)}
            for name, values in medians.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, metavar="WORK")
    parser.add_argument("--items", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    for items in sorted(given.items):
        row = {"items": items} | trained(given.work, items) | measured(given.work, items)
        print(row, flush=True)
        update("item_codes_growth", row, ["items"])


if __name__ == "__main__":
    main()
