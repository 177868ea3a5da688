"""Gowalla, held-out users: the table in the README, from indexes that the README's commands built.

Command: python -m benchmarks.gowalla SPLIT_DIR INDEX... (seed 42 in split and training; minutes)

Asks every held-out user's history of the first fold (k = 100), compares each index with exhaustive float64 scoring
of its own stored codes, query by query, and takes latencies in turns: one query of each index after the other, one
thread.
"""

import argparse
import json
import platform
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

import elsa_index as ei

LATENCY_QUERIES = 300
ORACLE_BATCH = 500
TIE = 1e-4
"""Scores this close, relative to the best, are a tie for engines that compute in float32."""


def agreement(index: ei.Index, histories: list[list[str]], k: int) -> tuple[float, int]:
    """Share of queries whose scores are the oracle's, rank by rank, and how many queries the engine proved."""
    equal, proven = 0, 0
    engine = index._engine
    stored = np.concatenate(
        [engine.stored_rows(np.arange(at, min(at + 4096, len(index)))) for at in range(0, len(index), 4096)]
    )
    shares = np.ones(len(index)) if index._history_weights is None else index._history_weights.astype(np.float64)
    for start in range(0, len(histories), ORACLE_BATCH):
        batch = histories[start : start + ORACLE_BATCH]
        result = index.search(batch, k)
        seen = [index.ids.rows(set(history)) for history in batch]
        scores = stored @ np.stack([shares[rows] @ stored[rows] for rows in seen], axis=1)
        for at, rows in enumerate(seen):
            scores[rows, at] = -np.inf
            truth = -np.sort(-np.partition(scores[:, at], len(index) - k)[-k:])
            equal += bool(np.allclose(result.scores[at], truth, rtol=0, atol=TIE * abs(truth[0])))
        proven += int(result.proven.sum())
    return equal / len(histories), proven


def latencies(indexes: list[ei.Index], histories: list[list[str]], k: int) -> list[np.ndarray]:
    times: list[list[float]] = [[] for _ in indexes]
    for history in histories[:20]:
        for index in indexes:
            index.search([history], k)
    for history in histories[:LATENCY_QUERIES]:
        for which, index in enumerate(indexes):
            started = time.perf_counter()
            index.search([history], k)
            times[which].append(1000 * (time.perf_counter() - started))
    return [np.array(part) for part in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("split", type=Path)
    parser.add_argument("indexes", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmarks/results/gowalla.json"))
    given = parser.parse_args()
    split = ei.Split.load(given.split)
    first = split.histories.filter(split.histories["fold"] == 0)
    histories = first.group_by("user_id", maintain_order=True).agg("item_id")["item_id"].to_list()
    indexes = [ei.Index.open(path) for path in given.indexes]
    measured = latencies(indexes, histories, 100)
    rows = []
    for index, times in zip(indexes, measured, strict=True):
        found = ei.evaluate(index, split, (20, 50, 100))
        equal, proven = agreement(index, histories, 100)
        origin = index.manifest.codes.origin
        rows.append(
            {
                "index": index.path.name,
                "engine": index.engine,
                "model": origin.get("model"),
                "dims": index.manifest.codes.dims,
                "nnz": index.manifest.codes.nnz,
                "bytes": index.bytes_by_part,
                "queries": len(histories),
                "equal_to_oracle": equal,
                "proven": proven,
                "ms": {name: float(np.percentile(times, at)) for name, at in (("p50", 50), ("p95", 95), ("p99", 99))},
                "evaluation": found.to_json(),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr)
    packages = {name: version(name) for name in ("elsa-index", "numpy", "scipy", "torch", "pyserini", "faiss-cpu")}
    machine = {"processor": platform.machine(), "python": platform.python_version(), "packages": packages}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"date": str(date.today()), "machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
