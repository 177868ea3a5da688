"""Export as Anserini's JSON vectors: one line per item, terms with integer impacts."""

import json
from collections.abc import Iterator
from pathlib import Path

from ..codes.impacts import terms_of
from ..codes.query_terms import query_terms
from ..engines.batching import Counter
from .parts import write_parts, write_template
from .source import Source


def write_anserini(source: Source, directory: Path, counter: Counter) -> None:
    """collection/part-*.jsonl, queries.jsonl, README.md."""
    (directory / "collection").mkdir()
    write_parts(_lines(source), directory / "collection", "part-%05d.jsonl", counter)
    write_queries(source, directory)
    write_template(
        "anserini.md", directory / "README.md", items=f"{len(source.catalogue.ids):,}", **about_scale(source)
    )


def _lines(source: Source) -> Iterator[bytes]:
    """A term is a string to Anserini, an impact an integer: it reads 0.9 as 0."""
    for chunk in source.store.chunks():
        terms = terms_of(chunk.dims_of, chunk.values).tolist()
        impacts = source.scale.quantize(chunk.values).tolist()
        for row, begin, end in zip(chunk.rows, chunk.starts, chunk.starts[1:], strict=False):
            vector = dict(zip(map(str, terms[begin:end]), impacts[begin:end], strict=True))
            yield (json.dumps({"id": source.catalogue.ids[row], "contents": "", "vector": vector}) + "\n").encode()


def write_queries(source: Source, directory: Path) -> None:
    """queries.jsonl: for each history its terms with integer weights, and what one unit of its sums stands for."""
    with (directory / "queries.jsonl").open("w", encoding="utf-8") as file:
        for asked in source.asked:
            query = query_terms(asked.resolved.vector)
            vector = dict(zip(map(str, query.terms.tolist()), query.weights.tolist(), strict=True))
            unit = query.step * source.scale.step
            line = {"user_id": asked.user_id, "items": asked.items, "vector": vector, "unit": unit}
            file.write(json.dumps(line) + "\n")


def about_scale(source: Source) -> dict[str, object]:
    """What a reader must know of the integers."""
    return {"bits": source.scale.bits, "step": f"{source.scale.step:.6g}"}
