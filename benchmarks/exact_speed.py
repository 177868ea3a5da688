"""Exact answers as the catalogue grows: Lucene's proof, SciPy's product, and the compiled loops that answer by default.

Command: python -m benchmarks.exact_speed MODEL WORK [--items 10000,100000,1000000] (five minutes)

The catalogues are those of `benchmarks.catalogue`: MODEL's items, and mixtures of them. 100 histories that the model
keeps are asked by all three in turn, in one thread, k = 100; the median of all but the first round, and the 95th
percentile. Every answer is compared with SciPy's.
"""

import argparse
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import elsa_index as ei
from benchmarks.catalogue import expanded
from benchmarks.records import update
from elsa_index.engines import loops as compiled
from elsa_index.engines.contract import Answer, Query
from elsa_index.engines.exhaustive import exhaustive

K, QUERIES, ROUNDS = 100, 100, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("work", type=Path, metavar="WORK")
    parser.add_argument("--items", default="10000,100000,1000000")
    given = parser.parse_args()
    model = ei.load_codes(given.model)
    for items in map(int, given.items.split(",")):
        codes = expanded(model, items)
        sample = codes.sample_histories
        assert sample is not None
        starts = sample.indptr[: QUERIES + 1].tolist()
        histories = [
            codes.ids.names_of(sample.indices[first:last].astype(np.int64)) for first, last in pairwise(starts)
        ]
        with ei.Index.build(codes, given.work / "i", segments=None, overwrite=True) as index:
            row = {"codes": "items" if codes.history_kind == "items" else "ELSA", "items": items}
            row |= measured(index, histories)
        print(row, flush=True)
        update("exact_speed", row, ["codes", "items"])


def measured(index: ei.Index, histories: list[list[str]]) -> dict[str, Any]:
    store = index.catalogue.engine.store  # type: ignore[attr-defined]
    resolved = [index.catalogue.resolve(history) for history in histories]
    queries = [Query(one.vector, one.seen, None) for one in resolved]

    def by_index(at: int, least: int) -> Answer:
        before, compiled.LEAST = compiled.LEAST, least
        try:
            (answer,) = index.search([histories[at]], K, exact=True).answers
        finally:
            compiled.LEAST = before
        assert answer is not None
        return answer

    ways: dict[str, Callable[[int], Answer]] = {
        "loops": lambda at: by_index(at, 1),
        "lucene": lambda at: by_index(at, sys.maxsize),
        "scipy": lambda at: exhaustive(store, [queries[at]], K)[0],
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    slower = 0
    for turn in range(ROUNDS + 1):
        for at in range(len(queries)):
            answers = {}
            for name, way in ways.items():
                started = time.perf_counter()
                answers[name] = way(at)
                if turn:
                    took[name].append(1000 * (time.perf_counter() - started))
            if turn:
                slower += took["loops"][-1] > 1.1 * took["scipy"][-1]
            for name in ("loops", "lucene"):
                np.testing.assert_array_equal(answers[name].rows, answers["scipy"].rows)
                np.testing.assert_array_equal(answers[name].scores, answers["scipy"].scores)
    found: dict[str, Any] = {
        name: {"p50": median(each), "p95": float(np.percentile(each, 95))} for name, each in took.items()
    }
    return found | {"slower": slower / len(took["loops"])}


if __name__ == "__main__":
    main()
