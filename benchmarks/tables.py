"""Writes the README's table of figures from benchmarks/results/gowalla.json.

Command: python -m benchmarks.tables (writes README.md between its two markers)
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "gowalla.json"
MARKERS = ("<!-- gowalla -->", "<!-- /gowalla -->")


def gowalla_table(results: dict) -> str:
    lines = [
        "| | " + " | ".join(f"{row['engine']}, {row['model']}" for row in results["rows"]) + " |",
        "| --- |" + " ---: |" * len(results["rows"]),
    ]

    def line(name: str, cells: list[str]) -> None:
        lines.append(f"| {name} | " + " | ".join(cells) + " |")

    rows = results["rows"]
    line("dimensions, nonzeros an item", [f"{row['dims']:,}, {row['nnz']:,}" for row in rows])
    line("training, seconds", [f"{row['training_seconds']:,.0f}" for row in rows])
    line("bytes on disk", [f"{sum(row['bytes'].values()):,}" for row in rows])
    items = {"codes": "of these, stored codes", "postings": "of these, postings", "vectors": "of these, vectors"}
    for part, name in items.items():
        line(name, [f"{row['bytes'][part]:,}" if part in row["bytes"] else "–" for row in rows])
    for name in ("p50", "p95", "p99"):
        line(f"latency {name}, ms (k = 100, one thread)", [f"{row['ms'][name]:.1f}" for row in rows])
    for metric, name in (("recall@20", "Recall@20"), ("recall@50", "Recall@50"), ("ndcg@100", "nDCG@100")):
        cells = []
        for row in rows:
            value = row["evaluation"]["metrics"][metric]
            cells.append(f"{value['mean']:.4f} ({value['low']:.4f} – {value['high']:.4f})")
        line(name, cells)
    line("catalogue coverage@100", [f"{row['evaluation']['coverage']['coverage@100']:.3f}" for row in rows])
    line(
        "queries whose top 100 equals the oracle's",
        [f"{row['equal_to_oracle']:.1%} of {row['queries']:,}" for row in rows],
    )
    return "\n".join(lines)


def with_table(readme: str, table: str) -> str:
    begin, end = map(re.escape, MARKERS)
    found = re.sub(f"{begin}.*{end}", lambda _: f"{MARKERS[0]}\n{table}\n{MARKERS[1]}", readme, flags=re.DOTALL)
    if MARKERS[0] not in found:
        raise SystemExit(f"README.md has no {MARKERS[0]} … {MARKERS[1]}")
    return found


def main() -> None:
    readme = ROOT / "README.md"
    table = gowalla_table(json.loads(RESULTS.read_text()))
    readme.write_text(with_table(readme.read_text(), table))


if __name__ == "__main__":
    main()
