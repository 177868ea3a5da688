"""A catalogue on a cluster that changes: what a commit takes, beside loading all documents again.

Command: python -m benchmarks.cluster_changes MODEL [--items 10000,100000] [--commits 7] [--each 100] (five minutes)

Three nodes on this machine, two shards, a replica. The catalogue is that of `benchmarks.catalogue`. Each commit gives
other codes to items that are there, and is followed by loading the whole catalogue again under another name: in turns.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import elsa_index as ei
from benchmarks.catalogue import expanded
from benchmarks.changes import Coming
from benchmarks.cluster import Cluster
from benchmarks.records import update


def measure(codes: ei.ItemCodes, url: str, work: Path, commits: int, each: int) -> dict[str, Any]:
    items = len(codes.ids)
    changed, again = (ei.ClusterTarget(url, f"{name}-{items}", shards=2) for name in ("changed", "again"))
    path, coming = work / "changed", Coming(codes)
    ei.Index.build(codes, path, engine="opensearch", cluster=changed, segments=None, overwrite=True).close()
    took: dict[str, list[float]] = {"commit": [], "deletion": [], "load": []}
    for _ in range(commits):
        some = codes.ids.names_of(coming.rng.choice(items, each, replace=False))
        took["commit"].append(ei.upsert(path, coming.model(np.zeros(0, dtype=np.int64), some)).seconds)
        took["deletion"].append(ei.delete(path, some[: each // 10]).seconds)
        ei.upsert(path, codes, items=some[: each // 10])
        started = time.perf_counter()
        ei.Index.build(
            codes, work / "again", engine="opensearch", cluster=again, segments=None, overwrite=True, target_overlap=1
        ).close()
        took["load"].append(time.perf_counter() - started)
    row: dict[str, Any] = {"items": items, "each": each, "commits": commits}
    for name, values in took.items():
        row[f"{name}_seconds"] = {"median": median(values), "low": min(values), "high": max(values)}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--items", default="10000,100000")
    parser.add_argument("--commits", type=int, default=7)
    parser.add_argument("--each", type=int, default=100)
    given = parser.parse_args()
    trained = ei.load_codes(given.model)
    with tempfile.TemporaryDirectory() as place, Cluster(Path(place) / "cluster", 3) as cluster:
        for items in map(int, given.items.split(",")):
            row = measure(expanded(trained, items), cluster.url, Path(place), given.commits, given.each)
            update("cluster_changes", row, ["items"])
            print(row, flush=True)


if __name__ == "__main__":
    main()
