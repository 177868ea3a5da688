"""The table of recommendations for all users at a time."""

from typing import Any

from benchmarks.markdown import spread


def batch_table(rows: list[dict[str, Any]]) -> str:
    """Histories a second."""
    lines = [
        "| codes, program | nDCG@100 | histories a second, one thread | two threads |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in sorted(rows, key=lambda row: -row["rate_2"]["median"]):
        rates = (row[f"rate_{threads}"] for threads in (1, 2))
        cells = " | ".join(spread(rate["median"], rate["low"], rate["high"], ",.0f") for rate in rates)
        lines.append(f"| {row['subject']} | {row['ndcg@100']:.4f} | {cells} |")
    return "\n".join(lines)
