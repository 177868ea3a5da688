"""elsa-index segments"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options

if TYPE_CHECKING:
    import elsa_index as ei

EXAMPLE = "Example: elsa-index segments catalogue.index · elsa-index segments catalogue.index --items a,b,c -k 5"
_SHOWN = 4


def segments(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    items: options.Items = None,
    item: options.Item = None,
    k: Annotated[int, typer.Option("-k", help="Segments to show.")] = 20,
    metadata: options.Metadata = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """The segments of an index, largest first; with a history, those that are best for it."""
    from elsa_index.errors import UsageError

    if k < 1:
        raise UsageError(f"-k must be at least 1, got {k}.")
    with options.opened(index, metadata) as catalogue:
        found = catalogue.required_segments
        history = options.history(items, item)
        scores: list[float | None]
        if history:
            numbers, ranked, unknown = catalogue.rank_segments(history, k)
            options.note_unknown(unknown)
            if numbers is None:
                options.note("no item of the history is known: the largest segments")
        if history and numbers is not None:
            shown, scores = [found[int(number)] for number in numbers], [float(score) for score in ranked]
        else:
            shown = [found[number] for number in range(min(k, len(found)))]
            scores = [None] * len(shown)
        described = [_described(catalogue, part, score) for part, score in zip(shown, scores, strict=True)]
        total, inside = len(found), int(found.sizes.sum())
        if json:
            options.print_json({"segments": total, "items": inside, "shown": described})
            return
    ranked_heads = ["score"] if history and numbers is not None else []
    rows = [
        [part["name"], part["tag"], f"{part['size']:,}"]
        + ([f"{part['score']:.4f}"] if ranked_heads else [])
        + [" · ".join(each["title"] for each in part["typical"][:_SHOWN])]
        for part in described
    ]
    options.table("", ["segment", "tag", "items", *ranked_heads, "typical items"], rows)
    options.note(f"{total:,} segments of {inside:,} items; search --tag segment:0 searches one of them")


def _described(index: "ei.Index", segment: "ei.Segment", score: float | None) -> dict:
    titles = [index.titles[int(row)] for row in index.ids.rows(segment.typical)]
    typical = [{"item_id": item, "title": title} for item, title in zip(segment.typical, titles, strict=True)]
    return asdict(segment) | {"score": score, "typical": typical}
