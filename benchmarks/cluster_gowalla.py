"""The three ways to rank on three OpenSearch nodes, and an export that curl alone loads and asks, on held-out users.

Command: python -m benchmarks.cluster_gowalla MODEL SPLIT_DIR [--shards 2]     (five minutes)

1,000 histories of the split's first fold, k = 100; the oracle ranks all items by the codes as they are stored. Results:
benchmarks/results/cluster_gowalla.json.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import elsa_index as ei
from benchmarks.cluster import Cluster
from benchmarks.records import update
from elsa_index.bench.questions import Questions
from elsa_index.bench.subject import quality_of
from elsa_index.metrics import mean_overlap

K, QUERIES = 100, 1000
WAYS: dict[str, dict[str, Any]] = {
    "client, --exact": {"exact": True},
    "client, calibrated": {},
    "server": {"rank": "server"},
    "first-stage": {"rank": "first-stage"},
}


def curl_alone(index: ei.Index, histories: list[list[str]], url: str, directory: Path) -> np.ndarray:
    """Loads the export as its README says and sends each ready request: (queries, K) rows."""
    ei.export(index, "opensearch", directory, histories=histories)
    load = re.findall(r"```sh\n(.*?)```", (directory / "README.md").read_text(), re.DOTALL)[0]
    subprocess.run(["bash", "-c", f"URL={url} NAME=exported\n{load}"], cwd=directory, check=True, capture_output=True)
    head = ["curl", "-fsS", f"{url}/exported/_search?filter_path=hits.hits._id", "-H", "Content-Type: application/json"]
    rows = []
    for line in (directory / "requests.jsonl").read_text().splitlines():
        request = directory / json.loads(line)["request"]
        answer = subprocess.run([*head, "--data-binary", f"@{request}"], check=True, capture_output=True)
        rows.append(index.ids.rows([hit["_id"] for hit in json.loads(answer.stdout)["hits"]["hits"]]))
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--shards", type=int, default=2)
    given = parser.parse_args()
    codes = ei.ItemCodes.load(given.model)
    questions = Questions.of_split(ei.Split.load(given.split), QUERIES)
    hidden = [codes.ids.find(items) for items in questions.hidden]
    with tempfile.TemporaryDirectory() as name, Cluster(Path(name) / "nodes") as cluster:
        directory = Path(name)
        oracle = ei.Index.build(codes, directory / "exact", engine="exact", segments=None).search(
            questions.histories, K
        )
        target = ei.ClusterTarget(cluster.url, "catalogue", given.shards, 1)
        found: dict[str, tuple[np.ndarray, float, np.ndarray]] = {}
        with ei.Index.build(codes, directory / "there", engine="opensearch", cluster=target, segments=None) as index:
            for way, options in WAYS.items():
                started = time.perf_counter()
                result = index.search(questions.histories, K, **options)
                found[way] = result.rows, time.perf_counter() - started, result.proven
            started = time.perf_counter()
            sent = curl_alone(index, questions.histories, cluster.urls[0], directory / "export")
            found["exported request, curl"] = sent, time.perf_counter() - started, np.zeros(len(sent), bool)
        for way, (rows, seconds, proven) in {"oracle": (oracle.rows, 0.0, oracle.proven), **found}.items():
            row = {
                "way": way,
                "histories": len(rows),
                "shards": given.shards,
                "equal_to_oracle": int((rows == oracle.rows).all(axis=1).sum()),
                "equal_to_server": int((rows == found["server"][0]).all(axis=1).sum()),
                "proven": int(proven.sum()),
                "overlap": mean_overlap(list(rows), list(oracle.rows)),
                "quality": quality_of(list(rows), hidden, K),
                "ms": 1000 * seconds / len(rows),
            }
            update("cluster_gowalla", row, ["way"])
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
