"""An index that changes: what adding, replacing and deleting items takes, and what many commits cost a search.

Command: python -m benchmarks.changes MODEL WORK [--items 1000000] [--commits 100] [--each 1000] (ten minutes)

The catalogue is that of `benchmarks.catalogue`: MODEL's items, and mixtures of them. Its last items are kept back, and
come in commits of so many; a tenth of each are other codes of items that are there. Every tenth commit as many items
are deleted. Seconds of a commit are from the call until it is on disk; visible is how long opening the index and a
first answer take after that. Searches ask histories that the model keeps, one thread, in turns of all: of the index
that was changed, of one built of the same items in the same order, and of the changed one once it is compacted.
"""

import argparse
import shutil
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

import elsa_index as ei
from benchmarks.catalogue import expanded
from benchmarks.records import update

K, QUERIES, ROUNDS, WARM = 100, 200, 7, 3


class Coming:
    """The items that come: codes of rows of the whole catalogue, as a model that goes with the index's."""

    def __init__(self, codes: ei.ItemCodes) -> None:
        self.codes, self.rng = codes, np.random.default_rng(0)

    def model(self, rows: np.ndarray, others: list[str]) -> ei.ItemCodes:
        """Items of these rows, and other items with codes of any rows."""
        codes = self.codes
        rows = np.concatenate([rows, self.rng.integers(len(codes.ids), size=len(others))])
        ids = ei.IdMap([*codes.ids.names_of(rows[: len(rows) - len(others)]), *others])
        shares = None if codes.history_weights is None else codes.history_weights[rows]
        return ei.ItemCodes(ids, codes.weights[rows], {"space": codes.space}, None, None, shares)


def timed(indexes: dict[str, ei.Index], histories: list[list[str]], mode: dict[str, Any]) -> dict[str, list[float]]:
    """Milliseconds per query, medians of one round each; the first rounds are for Java, which compiles meanwhile."""
    medians: dict[str, list[float]] = {name: [] for name in indexes}
    for at in range(ROUNDS + WARM):
        for name, index in indexes.items():
            took = []
            for history in histories:
                started = time.perf_counter()
                index.search([history], K, **mode)
                took.append(1000 * (time.perf_counter() - started))
            if at >= WARM:
                medians[name].append(median(took))
    return medians


def same_answers(one: ei.Index, other: ei.Index, histories: list[list[str]]) -> bool:
    first, second = (index.search(histories, K, exact=True).rankings for index in (one, other))
    return all(a.items == b.items and (a.scores == b.scores).all() for a, b in zip(first, second, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("work", type=Path, metavar="WORK")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--each", type=int, default=1000)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    trained = ei.load_codes(given.model)
    codes = expanded(trained, given.items)
    sample = codes.sample_histories
    assert sample is not None
    starts = sample.indptr[: QUERIES + 1].tolist()
    histories = [codes.ids.names_of(sample.indices[first:last].astype(np.int64)) for first, last in pairwise(starts)]
    coming, few = Coming(codes), given.each // 10
    first = given.items - (given.each - few) * given.commits
    path = given.work / "changed"
    started = time.perf_counter()
    ei.Index.build(coming.model(np.arange(first), []), path, segments=None, overwrite=True).close()
    row: dict[str, Any] = {"items": given.items, "commits": given.commits, "each": given.each}
    row["build_seconds"] = time.perf_counter() - started
    seconds, visible, deletions = [], [], []
    for commit in range(given.commits):
        new = np.arange(first, first + given.each - few) + commit * (given.each - few)
        with ei.Index.open(path) as index:
            some = coming.rng.choice(np.arange(len(trained.ids), first), few, replace=False)
            others = [name for name in codes.ids.names_of(some) if name in index.ids]
        done = ei.upsert(path, coming.model(new, others))
        seconds.append(done.seconds)
        started = time.perf_counter()
        with ei.Index.open(path) as index:
            index.search([codes.ids.names_of(new[:1])], 10)
        visible.append(time.perf_counter() - started)
        if commit % 10 == 9:
            deletions.append(ei.delete(path, others).seconds)
    for name, values in (("commit", seconds), ("visible", visible), ("deletion", deletions)):
        row[f"{name}_seconds"] = {"median": median(values), "low": min(values), "high": max(values)}
    print(row, flush=True)
    with ei.Index.open(path) as index:
        stored = csr_array(vstack([index.catalogue.engine.stored_rows(np.arange(len(index)))])).astype(np.float32)
        same = ei.ItemCodes(ei.IdMap(index.ids), stored, {}, None, None, index.catalogue.history_weights)
    ei.Index.build(same, given.work / "fresh", segments=None, overwrite=True).close()
    shutil.rmtree(given.work / "compacted", ignore_errors=True)
    shutil.copytree(path, given.work / "compacted")
    row["compact_seconds"] = ei.compact(given.work / "compacted").seconds
    indexes = {name: ei.Index.open(given.work / name) for name in ("changed", "fresh", "compacted")}
    row["same"] = all(same_answers(indexes["fresh"], indexes[name], histories) for name in ("changed", "compacted"))
    row["postings_files"] = len(list((path / "postings").iterdir()))
    for name, mode in (("exact", {"exact": True}), ("cut", {"query_terms": 16, "candidates": 1000})):
        found = timed(indexes, histories, mode)
        row[name] = {
            which: {"p50": median(values), "low": min(values), "high": max(values)} for which, values in found.items()
        }
        print(name, row[name], flush=True)
    update("changes", row, ["items"])
    print(row)


if __name__ == "__main__":
    main()
