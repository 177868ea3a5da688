"""Results on disk: one JSON file per benchmark, with rows, date and machine."""

import json
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("elsa-index", "numpy", "scipy", "torch")


def machine() -> dict[str, Any]:
    """Processor, Python, packages and torch's threads."""
    import torch

    packages = {name: version(name) for name in _PACKAGES}
    threads = torch.get_num_threads()
    return {
        "processor": platform.machine(), "python": platform.python_version(), "packages": packages, "threads": threads
    }  # fmt: skip


def read(name: str, results: Path = RESULTS) -> list[dict[str, Any]]:
    path = results / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    return rows


def update(name: str, row: dict[str, Any], keys: Sequence[str], results: Path = RESULTS) -> None:
    """Puts a row in the place of the one with the same keys, or at the end."""
    key = [row[part] for part in keys]
    rows = [other for other in read(name, results) if [other[part] for part in keys] != key]
    rows.append(row | {"date": str(date.today()), "machine": machine()})
    results.mkdir(exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def disk(row: dict[str, Any]) -> float:
    """Bytes per item of codes (or vectors), postings and history weights, as they lie on disk."""
    return sum(row["disk"].get(part, 0) for part in ("codes", "postings", "vectors", "history"))
