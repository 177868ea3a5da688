"""The three ways to rank on three OpenSearch nodes, and an export that curl alone loads and asks, on held-out users.

Command: python -m benchmarks.cluster_gowalla MODEL [MODEL] SPLIT_DIR [--shards 2]     (five minutes a model)

1,000 histories of the split's first fold, k = 100. The oracle ranks all items by the codes as they are stored, and once
more as the cluster's field keeps them, to nine bits: answers with the scores of its best 100 are equal up to ties.
Milliseconds are the median of a request, one after the other; with curl each is a process of its own. Results:
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
from scipy.sparse import csr_array

import elsa_index as ei
from benchmarks.cluster import Cluster
from benchmarks.records import update
from elsa_index.bench.questions import Questions
from elsa_index.bench.subject import quality_of
from elsa_index.engines.opensearch.documents import nine_bits
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
        found = index.ids.rows([hit["_id"] for hit in json.loads(answer.stdout)["hits"]["hits"]])
        rows.append(np.pad(found, (0, K - len(found)), constant_values=-1))
    return np.array(rows)


def half_precision(matrix: csr_array) -> csr_array:
    kept = matrix.astype(np.float64)
    kept.data = kept.data.astype(np.float16).astype(np.float64)
    return kept


def equal_up_to_ties(codes: ei.ItemCodes, histories: list[list[str]], rows: np.ndarray) -> int:
    """Of how many histories the answer's scores, to nine bits, are those of the best K."""
    kept, brought = half_precision(codes.weights), half_precision(codes.history_matrix)
    kept.data = np.sign(kept.data) * nine_bits(np.abs(kept.data))
    equal = 0
    for history, answer in zip(histories, rows, strict=True):
        own = codes.ids.find(history)
        own = own[own >= 0]
        scores = kept @ (brought[own].T @ codes.history_weights_of(own))
        scores[own] = -np.inf
        found = np.sort(scores[answer[answer >= 0]])[::-1]
        best = np.sort(scores)[::-1][:K]
        # A request finds what something speaks for; below that, all are 0.
        best = best[: len(found)] if len(found) < K and (best[len(found) :] <= 0).all() else best
        equal += len(found) == len(best) and np.allclose(found, best, rtol=1e-5, atol=1e-6)
    return equal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("split", type=Path)
    parser.add_argument("--shards", type=int, default=2)
    given = parser.parse_args()
    for model in given.models:
        measure(model, given.split, given.shards)


def measure(model: Path, split: Path, shards: int) -> None:
    codes = ei.ItemCodes.load(model)
    kind = "codes over items" if codes.history_kind == "items" else "Compressed ELSA"
    questions = Questions.of_split(ei.Split.load(split), QUERIES)
    hidden = [codes.ids.find(items) for items in questions.hidden]
    with tempfile.TemporaryDirectory() as name, Cluster(Path(name) / "nodes") as cluster:
        directory = Path(name)
        oracle = ei.Index.build(codes, directory / "exact", engine="exact", segments=None).search(
            questions.histories, K
        )
        target = ei.ClusterTarget(cluster.url, "catalogue", shards, 1)
        found: dict[str, tuple[np.ndarray, float, np.ndarray]] = {}
        with ei.Index.build(codes, directory / "there", engine="opensearch", cluster=target, segments=None) as index:
            for way, options in WAYS.items():
                for history in questions.histories[:100]:  # the cluster's virtual machines warm up
                    index.search([history], K, **options)
                took, ranked, sure = [], [], []
                for history in questions.histories:
                    started = time.perf_counter()
                    result = index.search([history], K, **options)
                    took.append(time.perf_counter() - started)
                    ranked.append(result.rows[0])
                    sure.append(result.proven[0])
                found[way] = np.array(ranked), float(np.median(took)), np.array(sure)
            started = time.perf_counter()
            sent = curl_alone(index, questions.histories, cluster.urls[0], directory / "export")
            each = (time.perf_counter() - started) / len(sent)
            found["exported request, curl"] = sent, each, np.zeros(len(sent), bool)
        for way, (rows, seconds, proven) in {"oracle": (oracle.rows, 0.0, oracle.proven), **found}.items():
            row = {
                "codes": kind,
                "way": way,
                "histories": len(rows),
                "shards": shards,
                "equal_to_oracle": int((rows == oracle.rows).all(axis=1).sum()),
                "equal_to_server": int((rows == found["server"][0]).all(axis=1).sum()),
                "equal_up_to_ties": equal_up_to_ties(codes, questions.histories, rows),
                "proven": int(proven.sum()),
                "overlap": mean_overlap(list(rows), list(oracle.rows)),
                "quality": quality_of(list(rows), hidden, K),
                "ms": 1000 * seconds,
            }
            update("cluster_gowalla", row, ["codes", "way"])
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
