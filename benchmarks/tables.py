"""Writes the tables of figures in README.md, SECURITY.md and docs/ from benchmarks/results/.

Command: python -m benchmarks.tables (writes between the markers of each table)
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.accuracy_tables import (
    accuracy_table,
    all_accuracy_table,
    by_metadata_table,
    fold_in_table,
    ideas_table,
    metric,
    movielens_table,
    published_table,
    span,
    which_table,
)
from benchmarks.batch_tables import batch_table
from benchmarks.change_tables import changes_table, cluster_changes_table, increments_table
from benchmarks.cluster_tables import cluster_gowalla_table, cluster_projection_table, cluster_speed_table
from benchmarks.exact_tables import exact_table
from benchmarks.filter_tables import filters_table
from benchmarks.markdown import ranged
from benchmarks.records import RESULTS
from benchmarks.segment_tables import (
    examples_table,
    faults_table,
    genres_table,
    homepage_table,
    rules_table,
    segment_ranking_table,
)
from benchmarks.service_tables import overload_table, service_abuse_table, service_table
from benchmarks.weight_tables import weights_table
from elsa_index.engines.two_stage import Growth

ROOT = Path(__file__).parent.parent
Rows = list[dict[str, Any]]


def gowalla_table(results: dict) -> str:
    """Groups of indexes, each at its fastest setting within 1 % of the nDCG@100 of the group's first."""
    threads = results["machine"]["threads"]
    lines = [
        "| index | setting | nDCG@100 | bytes per item | resident, MB | p50, ms | p95 | p99 | "
        + " | ".join(f"queries/s, {count} thread{'s' * (count > 1)}" for count in threads)
        + " | build, s |",
        "| --- | --- |" + " ---: |" * (7 + len(threads)),
    ]
    abouts = {about["name"]: about for about in results["indexes"]}
    for group in GOWALLA_GROUPS:
        anchor = max(row["quality"]["ndcg@100"] for row in results["measured"] if row["index"] == group[0])
        for name in (name for name in group if name in abouts):
            rows = [row for row in results["measured"] if row["index"] == name]
            good = [row for row in rows if row["quality"]["ndcg@100"] >= 0.99 * anchor]
            row = min(good, key=lambda row: row["ms"]["p50"]) if good else max(rows, key=_ndcg)
            about = abouts[name]
            cells = [f"**{name}**" if name == group[0] else name, row["setting"]]
            cells += [f"{_ndcg(row):.4f}" + ("" if good else " (no setting within 1 %)")]
            cells += [f"{sum(about['bytes'].values()) / about['items']:,.0f}", f"{about['resident_bytes'] / 1e6:,.0f}"]
            cells += [f"{row['ms'][at]:.2f}" for at in ("p50", "p95", "p99")]
            cells += [f"{row['rates'][str(count)]:,.0f}" for count in threads]
            lines.append("| " + " | ".join([*cells, f"{about['build_seconds']:.1f}"]) + " |")
    return "\n".join(lines)


def _ndcg(row: dict[str, Any]) -> float:
    return float(row["quality"]["ndcg@100"])


GOWALLA_GROUPS = (
    ("sparse16-lucene", "sparse16-exact", "sparse16-seismic", "sparse16-flat", "dense320-flat", "dense320-sq8",
     "dense320-hnsw", "dense320-ivfpq"),
    ("sparse128-lucene", "dense768-flat", "dense768-hnsw"),
    ("dense2048-flat",),
)  # fmt: skip


def projection_table(rows: Rows) -> str:
    """A straight line through the two largest measured sizes, for time and for bytes."""
    small, large = sorted(rows, key=lambda row: row["items"])[-2:]
    sizes = (10_000_000, 100_000_000)

    def projected(of: Callable[[dict[str, Any]], float], items: int) -> float:
        slope = (of(large) - of(small)) / (large["items"] - small["items"])
        return of(large) + slope * (items - large["items"])

    lines = [
        "| projected | " + " | ".join(f"{size:,} items" for size in sizes) + " |",
        "| --- |" + " ---: |" * len(sizes),
    ]
    for name, title in SPEED_NAMES.items():
        cells = [f"{projected(lambda row, name=name: row['ms'][name]['p50'], size):,.0f}" for size in sizes]
        lines.append(f"| {title}, ms | " + " | ".join(cells) + " |")
    cells = [f"{projected(lambda row: sum(row['build'][0]['bytes'].values()), size) / 1e9:,.1f}" for size in sizes]
    lines.append("| elsa-index, GB on disk | " + " | ".join(cells) + " |")
    lines.append("| FAISS Flat, GB | " + " | ".join(f"{4096 * size / 1e9:,.0f}" for size in sizes) + " |")
    return "\n".join(lines)


def training_speed_table(results: dict) -> str:
    lines = [
        "| nonzeros per item | straightforward, s per epoch | elsa-index, s per epoch | times faster |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for row in reversed(results["rows"]):
        plain, ours = row["epoch"]["straightforward"], row["epoch"]["ours"]
        lines.append(f"| {row['nonzeros']:,} | {plain:,.0f} | {ours:,.1f} | {plain / ours:.1f} |")
    plain, ours = results["schedule_seconds"]["straightforward"], results["schedule_seconds"]["ours"]
    lines.append(f"| the paper's 90 epochs, projected | {plain:,.0f} | {ours:,.0f} | {plain / ours:.1f} |")
    return "\n".join(lines)


def engine_speed_table(rows: Rows) -> str:
    """A column a size; medians of all queries, with the smallest and largest median of a round."""
    rows = sorted(rows, key=lambda row: row["items"])
    lines = ["| | " + " | ".join(f"{row['items']:,} items" for row in rows) + " |", "| --- |" + " ---: |" * len(rows)]

    def line(name: str, cell: Callable[[dict[str, Any]], str]) -> None:
        lines.append(f"| {name} | " + " | ".join(cell(row) for row in rows) + " |")

    line("terms of the full query, median", lambda row: f"{row['terms']:.0f}")
    for name, title in SPEED_NAMES.items():
        line(f"{title}, ms", lambda row, name=name: ranged(row["ms"][name]))
    chosen = "query_terms", "candidates"
    line(
        "default: terms, candidates; overlap@100 with exact",
        lambda row: " × ".join(f"{row['calibration'][part]:,}" for part in chosen) + f"; {row['default_overlap']:.3f}",
    )
    first = str(Growth.first_terms)
    line(
        f"exact: proven by its first {first} terms",
        lambda row: (
            "asks all"
            if row["items"] <= Growth.full_query_up_to
            else f"{row['exact_terms'][str(Growth.first_terms)]:.0%}"
        ),
    )
    line("exact: answers equal to the oracle's", lambda row: f"{row['exact_equal_to_oracle']} of {row['histories']}")
    line("64 terms × 500 candidates: outside Lucene, ms", lambda row: ranged(row["outside_ms"]["cut"], 2))
    for mode in ("default", "exact"):
        line(f"two threads / one, {mode}", lambda row, mode=mode: ranged(row["throughput"][mode]["ratio"], 2))
    for part in ("ids", "codes", "postings", "other"):
        line(f"bytes per item, {part}", lambda row, part=part: f"{row['build'][0]['bytes'][part] / row['items']:.1f}")
    line("bytes per item, in all", lambda row: f"{sum(row['build'][0]['bytes'].values()) / row['items']:.1f}")
    line("build, all of it, s", lambda row: f"{median(one['seconds'] for one in row['build']):.1f}")
    line(
        "Anserini's JSON path: writing JSON + indexing, s",
        lambda row: " + ".join(
            f"{median(one[part] for one in row['anserini_json']):.1f}" for part in ("json_seconds", "seconds")
        ),
    )
    line(
        "peak memory of build beside the JVM heap, MB",
        lambda row: f"{max(one['peak_bytes'] - one['heap_bytes'] for one in row['build']) / 1e6:,.0f}",
    )
    return "\n".join(lines)


SPEED_NAMES = {
    "default": "**elsa-index, default**",
    "exact": "**elsa-index, exact**",
    "lucene": "Lucene's `IndexSearcher`, full query",
    "pyserini": "Pyserini's `LuceneImpactSearcher`",
    "faiss-flat": "FAISS Flat, 1,024 dense dimensions",
    "scipy": "SciPy, exhaustive, sparse (`--engine exact`)",
}


def growth_table(rows: Rows) -> str:
    """Codes over items at every size: training, bytes, milliseconds a query."""
    lines = [
        "| items | training, s | peak, GB | bytes per item: ids, postings | Lucene, ms | SciPy, ms | FAISS Flat, ms |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in sorted(rows, key=lambda row: row["items"]):
        cells = [f"{row['items']:,}", f"{row['train_seconds']:,.0f}", f"{row['train_peak_bytes'] / 1e9:.1f}"]
        cells.append(f"{row['bytes']['ids']:.0f}, {row['bytes']['postings']:.0f}")
        cells += [ranged(row["ms"][name], 2) for name in ("lucene", "exact", "faiss")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def peers_table(rows: Rows) -> str:
    lines = ["| program | seconds | peak memory, GB | nDCG@100 |", "| --- | ---: | ---: | ---: |"]
    for program in dict.fromkeys(row["program"] for row in rows):
        group = [row for row in rows if row["program"] == program]
        peak = max(row["peak_bytes"] for row in group) / 1e9
        if "metrics" in group[0]:
            seconds = span([row["seconds"] for row in group], 0)
            lines.append(f"| {program} | {seconds} | {peak:.1f} | {metric(group, 'ndcg@100')} |")
        else:
            a_step = sum(group[0]["seconds_a_step"][1:]) / len(group[0]["seconds_a_step"][1:])
            lines.append(f"| {program}, dense float32 | {a_step:.1f} per step | {peak:.1f} | – |")
    return "\n".join(lines)


@dataclass(frozen=True)
class TableOf:
    """document: where it stands. results: the file it is made from. make: of the file's rows, or all of it."""

    document: str
    results: str
    make: Callable[[Any], str]
    whole: bool = False


TABLES = {
    "which": TableOf("README.md", "accuracy", which_table),
    "gowalla": TableOf("docs/benchmarks/lucene-or-faiss.md", "gowalla", gowalla_table, whole=True),
    "engine_speed": TableOf("docs/benchmarks/growth.md", "engine_speed", engine_speed_table),
    "projection": TableOf("docs/benchmarks/growth.md", "engine_speed", projection_table),
    "cluster_speed": TableOf("docs/benchmarks/cluster.md", "cluster_speed", cluster_speed_table),
    "cluster_projection": TableOf("docs/benchmarks/cluster.md", "cluster_speed", cluster_projection_table),
    "cluster_gowalla": TableOf("docs/guides/opensearch.md", "cluster_gowalla", cluster_gowalla_table),
    "training_speed": TableOf("docs/benchmarks/training.md", "training_speed", training_speed_table, whole=True),
    "accuracy": TableOf("docs/benchmarks/accuracy.md", "accuracy", accuracy_table),
    "accuracy_movielens": TableOf("docs/benchmarks/accuracy.md", "accuracy", movielens_table),
    "published": TableOf("docs/benchmarks/accuracy.md", "accuracy", published_table),
    "peers": TableOf("docs/benchmarks/training.md", "peers", peers_table),
    "all_accuracy": TableOf("docs/benchmarks/all-rows.md", "accuracy", all_accuracy_table),
    "ideas": TableOf("docs/benchmarks/ideas.md", "ideas", ideas_table),
    "genres": TableOf("docs/benchmarks/segments.md", "segments", genres_table),
    "examples": TableOf("docs/guides/homepage.md", "segments", examples_table),
    "item_codes_growth": TableOf("docs/concepts/models.md", "item_codes_growth", growth_table),
    "segment_ranking": TableOf("docs/benchmarks/segments.md", "segments", segment_ranking_table),
    "homepage": TableOf("docs/benchmarks/segments.md", "segments", homepage_table),
    "service": TableOf("docs/benchmarks/service.md", "service", service_table),
    "overload": TableOf("docs/benchmarks/service.md", "service", overload_table),
    "service_abuse": TableOf("docs/benchmarks/service.md", "service_abuse", service_abuse_table),
    "faults": TableOf("SECURITY.md", "faults", faults_table),
    "fold_in": TableOf("docs/guides/nightly.md", "fold_in", fold_in_table),
    "by_metadata": TableOf("docs/guides/nightly.md", "by_metadata", by_metadata_table),
    "increments": TableOf("docs/guides/nightly.md", "increments", increments_table),
    "changes": TableOf("docs/guides/live.md", "changes", changes_table),
    "cluster_changes": TableOf("docs/guides/live.md", "cluster_changes", cluster_changes_table),
    "weights": TableOf("docs/guides/your-log.md", "weights", weights_table),
    "batch": TableOf("docs/guides/nightly.md", "batch", batch_table),
    "exact_speed": TableOf("docs/guides/serving.md", "exact_speed", exact_table),
    "filters": TableOf("docs/guides/filters.md", "filters", filters_table),
    "rules": TableOf("docs/benchmarks/segments.md", "segment_rules", rules_table),
}


def with_table(text: str, name: str) -> str:
    """A document with the table `name` made anew from its results."""
    table = TABLES[name]
    results = json.loads((RESULTS / f"{table.results}.json").read_text())
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text:
        raise SystemExit(f"{table.document} has no {begin} … {end}")
    made = table.make(results if table.whole else results["rows"])
    pattern = f"{re.escape(begin)}.*{re.escape(end)}"
    return re.sub(pattern, lambda _: f"{begin}\n{made}\n{end}", text, flags=re.DOTALL)


def main() -> None:
    for name, table in TABLES.items():
        document = ROOT / table.document
        document.write_text(with_table(document.read_text(), name))


if __name__ == "__main__":
    main()
