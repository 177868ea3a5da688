"""Tables of the service, for `benchmarks/tables.py`."""

from statistics import median
from typing import Any

from benchmarks.markdown import spread, table_of

Rows = list[dict[str, Any]]


def service_abuse_table(rows: Rows) -> str:
    heads = ["beside", "p50, ms", "p99", "max", "not 200", "others' 5xx", "open files: before, after"]
    made = [
        [row["beside"]]
        + [f"{row[at]:.1f}" for at in ("p50_ms", "p99_ms", "max_ms")]
        + [str(row["not_200"]), f"{row['attack_5xx']} of {row['attack_answered']:,}" if row["attack_answered"] else "–"]
        + [f"{row['files_before']}, {row['files_after']}"]
        for row in rows
    ]
    return table_of(heads, made)


def service_table(rows: Rows) -> str:
    heads = ["codes", "run", "workers", "requests per second", "errors", "503", "p50, ms", "p99", "p99 / p50"]
    heads += ["resident, MB: after 10 s, at the end"]
    made = []
    for row in rows:
        rounds = row["rounds"]
        swaps = rounds[0]["swaps"].get("done", 0) if row["run"] == "swapping" else 0
        begin, end = (median([one[at] / 1e6 for one in rounds]) for at in ("resident_settled", "resident_end"))
        cells = [
            row["name"],
            f"{swaps // row['workers']} swaps" if swaps else row["run"],
            str(row["workers"]),
            _spread([one["per_second"] for one in rounds], ",.0f"),
            ", ".join(str(one["errors"]) for one in rounds) if any(one["errors"] for one in rounds) else "0",
            f"{median(one['refused'] for one in rounds):,.0f}" if any(one["refused"] for one in rounds) else "",
            _spread([one["median_ms"] for one in rounds], ".1f"),
            _spread([one["p99_ms"] for one in rounds], ".1f"),
            _spread([one["p99_ms"] / one["median_ms"] for one in rounds], ".1f"),
            f"{begin:.0f}, {end:.0f} ({end / begin - 1:+.1%})",
        ]
        made.append(cells)
    return table_of(heads, made)


def overload_table(rows: Rows) -> str:
    """What one more client sees of an overloaded service."""
    heads = [
        "codes",
        "answered per second",
        "refused per second",
        "answered: p50, ms",
        "p99",
        "refused: p50, ms",
        "p99",
    ]
    made = []
    for row in rows:
        if row["run"] != "overloaded":
            continue
        rounds = row["rounds"]
        refused = [one["refused"] / one["seconds"] for one in rounds]
        answered = [one["per_second"] - less for one, less in zip(rounds, refused, strict=True)]
        cells = [row["name"], _spread(answered, ",.0f"), _spread(refused, ",.0f")]
        for status in ("200", "503"):
            seen = [one[f"probe_{status}"] for one in rounds if f"probe_{status}" in one]
            cells += [_spread([one[at] for one in seen], ".1f") if seen else "–" for at in ("p50_ms", "p99_ms")]
        made.append(cells)
    return table_of(heads, made)


def _spread(values: list[float], form: str) -> str:
    """The median, and the smallest and the largest."""
    if len(values) == 1:
        return f"{values[0]:{form}}"
    return spread(median(values), min(values), max(values), form)
