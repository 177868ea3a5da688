"""Writes the README's tables of figures from benchmarks/results/.

Command: python -m benchmarks.tables (writes README.md between the markers of each table)
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


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


def training_speed_table(results: dict) -> str:
    lines = [
        "| nonzeros an item | straightforward, s an epoch | elsa-index, s an epoch | times faster |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for row in reversed(results["rows"]):
        plain, ours = row["epoch"]["straightforward"], row["epoch"]["ours"]
        lines.append(f"| {row['nonzeros']:,} | {plain:,.0f} | {ours:,.1f} | {plain / ours:.1f} |")
    plain, ours = results["schedule_seconds"]["straightforward"], results["schedule_seconds"]["ours"]
    lines.append(f"| the paper's 90 epochs, projected | {plain:,.0f} | {ours:,.0f} | {plain / ours:.1f} |")
    return "\n".join(lines)


TABLES = {"gowalla": gowalla_table, "training_speed": training_speed_table}


def with_table(readme: str, name: str) -> str:
    """The README with the table `name` made anew from its results."""
    table = TABLES[name](json.loads((RESULTS / f"{name}.json").read_text()))
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in readme:
        raise SystemExit(f"README.md has no {begin} … {end}")
    pattern = f"{re.escape(begin)}.*{re.escape(end)}"
    return re.sub(pattern, lambda _: f"{begin}\n{table}\n{end}", readme, flags=re.DOTALL)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    for name in TABLES:
        text = with_table(text, name)
    readme.write_text(text)


if __name__ == "__main__":
    main()
