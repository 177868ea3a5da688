"""Tables of indexes that change."""

from statistics import fmean
from typing import Any

from benchmarks.markdown import ranged

_WHICH = {"changed": "after the commits", "fresh": "built of the same items", "compacted": "after `compact`"}


def cluster_changes_table(rows: list[dict[str, Any]]) -> str:
    """What a commit on a cluster takes, beside loading all again."""
    lines = [
        "| items | items of a commit | a commit, s | a deletion, s | loading all again, s |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        took = (row[f"{name}_seconds"] for name in ("commit", "deletion", "load"))
        cells = " | ".join(f"{found['median']:.1f} ({found['low']:.1f} – {found['high']:.1f})" for found in took)
        lines.append(f"| {row['items']:,} | {row['each']:,} | {cells} |")
    return "\n".join(lines)


def increments_table(rows: list[dict[str, Any]]) -> str:
    """Seven days of training on beside training again."""
    lines = [
        "| model | every day | nDCG@100, mean (first – last day) | seconds a day | codes written a day |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        ndcg = f"{fmean(row['ndcg']):.4f} ({row['ndcg'][0]:.4f} – {row['ndcg'][-1]:.4f})"
        written = f"{fmean(row['written']):,.0f} of {fmean(row['items']):,.0f}"
        lines.append(f"| {row['model']} | {row['way']} | {ndcg} | {fmean(row['seconds']):.1f} | {written} |")
    return "\n".join(lines)


def changes_table(rows: list[dict[str, Any]]) -> str:
    """What building, a commit and a search take."""
    lines = ["| what | items | median (lowest – highest) |", "| --- | ---: | ---: |"]
    for row in rows:
        items = f"{row['items']:,}"
        for name, what in (("commit", "a commit, s"), ("deletion", "a deletion, s"), ("visible", "until visible, s")):
            found = row[f"{name}_seconds"]
            lines.append(f"| {what} | {items} | {found['median']:.2f} ({found['low']:.2f} – {found['high']:.2f}) |")
        lines.append(f"| building the index, s | {items} | {row['build_seconds']:.0f} |")
        lines.append(f"| `compact`, s | {items} | {row['compact_seconds']:.0f} |")
        for mode, asked in (("exact", "exact search, ms"), ("cut", "search of 16 terms and 1,000 candidates, ms")):
            for name, which in _WHICH.items():
                lines.append(f"| {asked}, {which} | {items} | {ranged(row[mode][name])} |")
    return "\n".join(lines)
