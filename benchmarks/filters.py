"""What filters by number cost: a range that lets a hundredth, a tenth and half of the items pass, beside no filter.

Command: python -m benchmarks.filters MODEL WORK [--items 1000000] (ten minutes)

The catalogue is that of `benchmarks.catalogue`: MODEL's items, and mixtures of them. Each item has a price, drawn
evenly and by a fixed seed, so that prices say nothing of tastes. Searches ask histories that the model keeps, one
thread, each history with every range in turn: exactly, and with 16 terms and 1,000 candidates.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import elsa_index as ei
from benchmarks.catalogue import expanded
from benchmarks.records import update

K, QUERIES, ROUNDS, WARM = 100, 100, 5, 2
SHARES = (None, 0.01, 0.1, 0.5)
MODES: dict[str, dict[str, Any]] = {"exact": {"exact": True}, "cut": {"query_terms": 16, "candidates": 1000}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("work", type=Path, metavar="WORK")
    parser.add_argument("--items", type=int, default=1_000_000)
    given = parser.parse_args()
    codes = expanded(ei.load_codes(given.model), given.items)
    sample = codes.sample_histories
    assert sample is not None
    starts = sample.indptr[: QUERIES + 1].tolist()
    histories = [codes.ids.names_of(sample.indices[first:last].astype(np.int64)) for first, last in pairwise(starts)]
    prices = np.random.default_rng(0).random(given.items)
    known = {"item_id": list(codes.ids), "title": list(codes.ids), "price": prices.tolist()}
    started = time.perf_counter()
    path = given.work / "priced"
    built = ei.Index.build(codes, path, segments=None, metadata=known, numbers=["price"], overwrite=True)
    row: dict[str, Any] = {"items": given.items, "build_seconds": time.perf_counter() - started}
    with built as index:
        for mode, options in MODES.items():
            row[mode] = measured(index, histories, options)
            print(mode, row[mode], flush=True)
    update("filters", row, ["items"])


def measured(index: ei.Index, histories: list[list[str]], options: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Milliseconds a query by what passes: the median of the rounds' medians, and their span; the first rounds are for
    Java, which compiles meanwhile."""
    medians: dict[str, list[float]] = {str(share): [] for share in SHARES}
    for at in range(ROUNDS + WARM):
        took: dict[str, list[float]] = {str(share): [] for share in SHARES}
        for history in histories:
            for share in SHARES:
                ranges = None if share is None else {"price": (None, share)}
                started = time.perf_counter()
                index.search([history], K, ranges=ranges, **options)
                took[str(share)].append(1000 * (time.perf_counter() - started))
        if at >= WARM:
            for name, values in took.items():
                medians[name].append(median(values))
    return {name: {"p50": median(each), "low": min(each), "high": max(each)} for name, each in medians.items()}


if __name__ == "__main__":
    main()
