"""Tables of the engine opensearch, for `benchmarks/tables.py`."""

from collections.abc import Callable
from typing import Any

from benchmarks.markdown import ranged

Rows = list[dict[str, Any]]
SHARD = 5_000_000


CLUSTER_NAMES = {
    "client": "**client, calibrated**",
    "client_exact": "**client, `--exact`**",
    "server": "**server**, full query",
    "first_stage": "first-stage, full query",
    "lucene": "embedded Lucene, calibrated",
    "lucene_exact": "embedded Lucene, `--exact`",
}
CLUSTER_PARTS = {
    "postings": "postings",
    "dictionary": "terms and ids",
    "stored": "stored ids and codes",
    "doc_values": "rows",
    "points": "sequence numbers",
}


def cluster_speed_table(rows: Rows) -> str:
    """A column a size and number of shards; medians of all queries, with the smallest and largest of a round."""
    rows = sorted(rows, key=lambda row: (row["items"], row["shards"]))
    heads = [f"{row['items']:,} items, {row['shards']} shard{'s' * (row['shards'] > 1)}" for row in rows]
    lines = ["| | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(rows)]

    def line(name: str, cell: Callable[[dict[str, Any]], str]) -> None:
        lines.append(f"| {name} | " + " | ".join(cell(row) for row in rows) + " |")

    for name, title in CLUSTER_NAMES.items():
        line(f"{title}, ms", lambda row, name=name: ranged(row["ms"][name]))
    line("server / client", lambda row: f"{row['ms']['server']['p50'] / row['ms']['client']['p50']:.1f}")
    line("client: terms × candidates", lambda row: _setting(row["calibration"]["opensearch"]))
    for name in ("client", "server", "first_stage"):
        line(f"overlap@100 with exact, {name.replace('_', '-')}", lambda row, name=name: f"{row['overlap'][name]:.4f}")
    line(
        "client, `--exact`: answers equal to the oracle's",
        lambda row: f"{row['equal_to_oracle']['client_exact']} of {row['histories']}",
    )
    line("documents per second", lambda row: f"{row['documents_per_second']:,.0f}")
    line("build, all of it, s", lambda row: f"{row['build_seconds']:.0f}")
    for part in ("postings", "dictionary", "stored", "doc_values", "points"):
        title = CLUSTER_PARTS[part]
        line(
            f"cluster, bytes per item: {title}",
            lambda row, part=part: f"{row['cluster_bytes'][part] / row['items']:.1f}",
        )
    line("cluster, bytes per item and copy", lambda row: f"{sum(row['cluster_bytes'].values()) / row['items']:.1f}")
    line("client, bytes per item: ids and codes", lambda row: f"{sum(row['local_bytes'].values()) / row['items']:.1f}")
    line("resident memory of a node, MB", lambda row: f"{max(row['node_bytes']) / 1e6:,.0f}")
    return "\n".join(lines)


def cluster_projection_table(rows: Rows) -> str:
    """A straight line through the two largest sizes of one shard, for times and for bytes."""
    small, large = sorted((row for row in rows if row["shards"] == 1), key=lambda row: row["items"])[-2:]

    def projected(of: Callable[[dict[str, Any]], float], items: int) -> float:
        return of(large) + (of(large) - of(small)) / (large["items"] - small["items"]) * (items - large["items"])

    lines = [
        "| projected | 10,000,000 items | 100,000,000 items |",
        "| --- | ---: | ---: |",
        f"| shards of {SHARD:,} items | " + " | ".join(str(size // SHARD) for size in (10_000_000, 100_000_000)) + " |",
    ]
    sizes = (10_000_000, 100_000_000)
    for name in ("client", "client_exact", "server"):

        def ms(row: dict[str, Any], name: str = name) -> float:
            return float(row["ms"][name]["p50"])

        cells = [f"{projected(ms, size):,.0f}" for size in sizes]
        lines.append(f"| {CLUSTER_NAMES[name]}: ms of one core per query, all shards | " + " | ".join(cells) + " |")
        lines.append(
            f"| {CLUSTER_NAMES[name]}: ms, a core per shard | "
            + " | ".join([f"{projected(ms, SHARD):,.0f}"] * 2)
            + " |"
        )
    cluster = [projected(lambda row: sum(row["cluster_bytes"].values()), size) / 1e9 for size in sizes]
    lines.append("| cluster: GB of a copy, to be cached | " + " | ".join(f"{size:,.1f}" for size in cluster) + " |")
    client = [projected(lambda row: sum(row["local_bytes"].values()), size) / 1e9 for size in sizes]
    lines.append("| client: GB of ids and codes, mapped | " + " | ".join(f"{size:,.1f}" for size in client) + " |")
    hours = [size / large["documents_per_second"] / 60 for size in sizes]
    lines.append("| loading at the measured rate, minutes | " + " | ".join(f"{value:,.0f}" for value in hours) + " |")
    return "\n".join(lines)


def cluster_gowalla_table(rows: Rows) -> str:
    lines = [
        "| codes | ranked by | overlap@100 | equal to the oracle's | up to nine-bit ties | nDCG@100 | Recall@20 |",
        "| --- | --- |" + " ---: |" * 5,
    ]
    for row in rows:
        ties = f"{row['equal_up_to_ties']:,}" if "equal_up_to_ties" in row else "–"
        cells = [row["codes"], row["way"], f"{row['overlap']:.4f}", f"{row['equal_to_oracle']:,}", ties]
        cells += [f"{row['quality'][name]:.4f}" for name in ("ndcg@100", "recall@20")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _setting(calibration: dict[str, Any]) -> str:
    return f"{calibration['query_terms']:,} × {calibration['candidates']:,}"
