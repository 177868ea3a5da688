"""The table of what filters cost."""

from typing import Any

from benchmarks.markdown import ranged

_MODES = {"exact": "exact", "cut": "16 terms, 1,000 candidates"}


def filters_table(rows: list[dict[str, Any]]) -> str:
    """Milliseconds by what passes."""
    lines = [
        "| items | search | no filter, ms | 1 % pass | 10 % pass | 50 % pass |",
        "| ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        for mode, name in _MODES.items():
            cells = " | ".join(ranged(found) for found in row[mode].values())
            lines.append(f"| {row['items']:,} | {name} | {cells} |")
    return "\n".join(lines)
