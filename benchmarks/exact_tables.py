"""The table of exact answers as the catalogue grows."""

from typing import Any

_CODES = {"ELSA": "Compressed ELSA", "items": "codes over items"}
_WAYS = ("loops", "lucene", "scipy")


def exact_table(rows: list[dict[str, Any]]) -> str:
    """Milliseconds, and the 95th percentile."""
    lines = ["| codes | items | compiled loops, ms (p95) | Lucene | SciPy |", "| --- | ---: | ---: | ---: | ---: |"]
    for row in rows:
        cells = " | ".join(f"{row[way]['p50']:.2f} ({row[way]['p95']:.2f})" for way in _WAYS)
        lines.append(f"| {_CODES[row['codes']]} | {row['items']:,} | {cells} |")
    return "\n".join(lines)
