"""The demo's films on a real cluster: three OpenSearch nodes on this machine, one of which dies while it is asked.

Command: make demo-opensearch. Two minutes, one if `make demo` ran before. Nodes are processes of their own on loopback,
from Maven artifacts; all of them are stopped at the end, whatever happens.
"""

import json
import shutil
import threading
import time

from rich.table import Table

import elsa_index as ei
from benchmarks.cluster import Cluster, ClusterUnavailable
from benchmarks.demo import CONSOLE, CONTENDERS, OUTPUT, liked_items, prepare, run, train, write_log

LOCAL, THERE = CONTENDERS[0].path(), OUTPUT / "opensearch.index"
ASKED_BEFORE, ASKED_AFTER = 3.0, 10.0  # seconds before and after a node is killed


def same_recommendations(titles: dict[str, str]) -> list[str]:
    """Shows the answers of Lucene on disk and of the cluster, both proven, and returns the history."""
    liked = liked_items(titles)
    columns = []
    for path in (LOCAL, THERE):
        found = json.loads(run("search", str(path), "--items", ",".join(liked), "--exact", "--json"))["results"][0]
        columns.append([(item["item_id"], item["score"]) for item in found["items"]])
    table = Table(title="Recommendations")
    for name in ("rank", "Lucene on disk", "OpenSearch, three nodes"):
        table.add_column(name, justify="right" if name == "rank" else "left")
    for rank, pair in enumerate(zip(*columns, strict=True), start=1):
        table.add_row(str(rank), *(f"{titles[item]} {score:.4f}" for item, score in pair))
    CONSOLE.print(table)
    if columns[0] != columns[1]:
        raise SystemExit("The cluster's answer is not the one of Lucene on disk.")
    CONSOLE.print("The same items with the same scores.")
    return liked


def survive(cluster: Cluster, liked: list[str]) -> None:
    """Kills a node in mid-query and counts queries that failed or were answered otherwise."""
    with ei.Index.open(THERE) as index:
        expected = index.search([liked], 20, exact=True).ids.tolist()
        killed = threading.Event()
        asked, wrong, slowest = 0, 0, 0.0
        killer = threading.Timer(ASKED_BEFORE, lambda: (cluster.kill(0), killed.set()))
        killer.start()
        ends = time.monotonic() + ASKED_BEFORE + ASKED_AFTER
        while time.monotonic() < ends:
            begun = time.monotonic()
            wrong += index.search([liked], 20, exact=True).ids.tolist() != expected
            slowest = max(slowest, time.monotonic() - begun)
            asked += 1
        killer.join()
    CONSOLE.print(
        f"A node was killed (SIGKILL) in mid-query: {asked:,} queries, none failed, {wrong} wrong answers, the slowest "
        f"took {1000 * slowest:.0f} ms. The cluster is {cluster.health(cluster.urls[1])['status']}."
    )
    if wrong or not killed.is_set():
        raise SystemExit("Answers were wrong, or no node was killed.")
    cluster.start(0)
    CONSOLE.print(f"The node is started again: green after {cluster.wait_for('green'):.0f} s.")


def main() -> None:
    started = time.perf_counter()
    sparse = OUTPUT / "sparse"
    if sparse.exists():
        titles = write_log(OUTPUT)
    else:
        titles = prepare()
        train(CONTENDERS[0])
    if not LOCAL.exists():
        print(run("build", str(sparse), "-o", str(LOCAL)), end="")
    nodes = OUTPUT / "nodes"
    shutil.rmtree(nodes, ignore_errors=True)  # data of an earlier cluster
    try:
        with Cluster(nodes) as cluster:
            CONSOLE.print(f"\nThree OpenSearch nodes are up: {cluster.url}")
            target = ["--engine", "opensearch", "--url", cluster.url, "--name", "films", "--shards", "2"]
            print(run("build", str(sparse), "-o", str(THERE), *target, "--overwrite"), end="")
            survive(cluster, same_recommendations(titles))
    except ClusterUnavailable as error:
        raise SystemExit(f"error: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit("interrupted; all nodes are stopped.") from None
    CONSOLE.print(f"\nAll nodes are stopped. Done in {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
