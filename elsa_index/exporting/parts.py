"""Files in parts, so that each can be sent or read on its own."""

from collections.abc import Iterable
from pathlib import Path

from ..engines.batching import Counter

PART_BYTES = 8_000_000
"""Clusters refuse requests of more than 100 MB and recommend a tenth of it."""


def write_parts(
    lines: Iterable[bytes], directory: Path, name: str, counter: Counter, part_bytes: int = PART_BYTES
) -> None:
    """Writes `name`, such as bulk-%05d.ndjson, as often as it takes; one item per line of `lines`."""
    part, batch, size = 0, list[bytes](), 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if size >= part_bytes:
            (directory / (name % part)).write_bytes(b"".join(batch))
            counter.add(len(batch))
            part, batch, size = part + 1, [], 0
    if batch:
        (directory / (name % part)).write_bytes(b"".join(batch))
        counter.add(len(batch))


def write_template(name: str, target: Path, **values: object) -> None:
    """Writes a file of `templates/`, with each @name@ in it replaced by its value."""
    target.write_text(filled(name, **values), encoding="utf-8")


def filled(name: str, **values: object) -> str:
    """The text of a file of `templates/`, with each @name@ in it replaced by its value."""
    text = (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text
