"""The engine opensearch on three nodes against the embedded Lucene engine, as the catalogue grows.

Command: python -m benchmarks.cluster_speed MODEL SPLIT_DIR [--items 10000,100000,1000000] [--shards 1,3]
    MODEL: trained codes, expanded to each size by benchmarks/catalogue.py (seed 42).
    Half an hour in all. Nodes have 1 GB of heap each and share the machine with the client and with the Lucene engine.

One client thread; all ways to rank and both engines are asked one query in turns, each query three times. Histories: as
in benchmarks/engine_speed.py. Every answer that is called exact is compared with the exhaustive one. Results:
benchmarks/results/cluster_speed.json, a row per size and number of shards.
"""

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import elsa_index as ei
from benchmarks.catalogue import expanded
from benchmarks.cluster import Cluster
from benchmarks.engine_speed import QUERIES, ROUNDS, WARM_UP, K, chosen_histories, summary
from benchmarks.records import update

PARTS = {
    "postings": ("doc",),
    "dictionary": ("tim", "tip", "tmd"),
    "stored": ("fdt", "fdx", "fdm"),
    "doc_values": ("dvd", "dvm"),
    "points": ("kdd", "kdi", "kdm"),
}
"""Lucene's files by what they hold. The dictionary holds ids, too; stored fields are ids and codes."""
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "client": ("opensearch", {}),
    "client_exact": ("opensearch", {"exact": True}),
    "server": ("opensearch", {"rank": "server"}),
    "first_stage": ("opensearch", {"rank": "first-stage"}),
    "lucene": ("lucene", {}),
    "lucene_exact": ("lucene", {"exact": True}),
}


def bytes_by_part(index: ei.Index) -> dict[str, int]:
    """Bytes of the primary shards' files by what they hold."""
    postings = index.catalogue.engine.postings  # type: ignore[attr-defined]
    found = postings.client.api.indices.stats(
        index=postings.index, metric="segments", params={"include_segment_file_sizes": "true"}
    )
    files = found["_all"]["primaries"]["segments"]["file_sizes"]
    sizes = {name: about["size_in_bytes"] for name, about in files.items()}
    parts = {part: sum(sizes.pop(name, 0) for name in names) for part, names in PARTS.items()}
    return parts | {"other": sum(sizes.values())}


def measure(codes: ei.ItemCodes, split: ei.Split, shards: int, directory: Path) -> dict[str, Any]:
    histories = chosen_histories(split, codes.ids)[:QUERIES]
    with (
        Cluster(directory / "nodes") as cluster,
        ei.Index.build(codes, directory / "lucene", engine="lucene", segments=None) as lucene,
        ei.Index.build(codes, directory / "exact", engine="exact", segments=None) as oracle,
    ):
        target = ei.ClusterTarget(cluster.url, "catalogue", shards, 1)
        started = time.perf_counter()
        with ei.Index.build(
            codes, directory / "opensearch", engine="opensearch", cluster=target, segments=None
        ) as there:
            seconds = time.perf_counter() - started
            resident = [psutil.Process(node.process.pid).memory_info().rss for node in cluster.nodes if node.process]
            indexes = {"opensearch": there, "lucene": lucene}
            truth = oracle.search(histories, K)
            gc.collect()
            gc.freeze()
            ms: dict[str, list[float]] = {name: [] for name in ASKED}
            overlaps: dict[str, list[float]] = {name: [] for name in ASKED}
            equal = dict.fromkeys(ASKED, 0)
            for at in range(-WARM_UP, len(histories)):
                for turn in range(ROUNDS):
                    for name, (engine, options) in ASKED.items():
                        begun = time.perf_counter()
                        found = indexes[engine].search([histories[at]], K, **options)
                        took = 1000 * (time.perf_counter() - begun)
                        if at < 0:
                            continue
                        ms[name].append(took)
                        if turn == 0:
                            overlaps[name].append(len(np.intersect1d(found.rows[0], truth.rows[at])) / K)
                            equal[name] += bool(np.array_equal(found.rows[0], truth.rows[at]))
            parameters = there.manifest.parameters
            return {
                "items": len(codes.ids),
                "shards": shards,
                "histories": len(histories),
                "calibration": {name: index.manifest.calibration.model_dump() for name, index in indexes.items()},
                "ms": {name: summary(values) for name, values in ms.items()},
                "overlap": {name: float(np.mean(values)) for name, values in overlaps.items()},
                "equal_to_oracle": equal,
                "documents_per_second": parameters["documents_per_second"],
                "build_seconds": seconds,
                "cluster_bytes": bytes_by_part(there),
                "local_bytes": {part: size for part, size in there.bytes_by_part.items() if part != "cluster"},
                "lucene_bytes": lucene.bytes_by_part,
                "node_bytes": resident,
                "opensearch": parameters["opensearch"],
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--items", default="10000,100000,1000000")
    parser.add_argument("--shards", default="1,3")
    given = parser.parse_args()
    model, split = ei.ItemCodes.load(given.model), ei.Split.load(given.split)
    for items in map(int, given.items.split(",")):
        codes = expanded(model, items)
        for shards in map(int, given.shards.split(",")):
            with tempfile.TemporaryDirectory() as directory:
                row = measure(codes, split, shards, Path(directory))
            update("cluster_speed", row, ["items", "shards"])
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
