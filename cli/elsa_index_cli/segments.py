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
    edit: Annotated[
        Path | None,
        typer.Option(
            help='A TOML file that renames, hides, pins and merges: ["segment:3"], then name = "…", hide, pin.'
        ),
    ] = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """The segments of an index, largest first; with a history, those that are best for it.

    --edit keeps what an editor wants in the index, and over builds with --overwrite: pin = true, hide = true,
    merge = ["segment:7"] (when it is built again), reset = true.
    """
    history = options.history(items, item)
    with options.opened(index, metadata) as catalogue:
        if edit is not None:
            from elsa_index.segments.edits import read_edits

            edits = read_edits(edit)
            options.note(f"{catalogue.edit_segments(edits):,} segments of the index are edited in all")
            if any(entry.get("merge") for entry in edits.values()):
                options.note("segments are merged when the index is built again: build ... --overwrite")
        found = catalogue.required_segments
        ranked = catalogue.rank_segments(history, k)
        options.note_unknown(ranked.unknown)
        described = [
            _described(catalogue, found[number], None if ranked.popular else score)
            for number, score in zip(ranked.numbers.tolist(), ranked.scores.tolist(), strict=True)
        ]
        total, inside = len(found.listed), int(found.sizes.sum())
        hidden, pinned = [found[number].tag for number in sorted(found.hidden)], set(found.pinned)
    if json:
        options.print_json({"segments": total, "items": inside, "popular": ranked.popular, "shown": described})
        return
    scored = [] if ranked.popular else ["score"]
    rows = []
    for part in described:
        typical = " · ".join(each["title"] for each in part["typical"][:_SHOWN])
        scores = [f"{part[name]:.4f}" for name in scored]
        name = f"{part['name']} (pinned)" if part["number"] in pinned else part["name"]
        rows.append([name, part["tag"], f"{part['size']:,}", *scores, typical])
    options.table("", ["segment", "tag", "items", *scored, "typical items"], rows, texts=("tag", "typical items"))
    if history and ranked.popular:
        options.note("no item of the history is known: the largest segments")
    shown = f", {len(hidden)} more hidden: {', '.join(hidden)}" if hidden else ""
    options.note(f"{total:,} segments of {inside:,} items{shown}; search --tag segment:0 searches one of them")


def _described(index: "ei.Index", segment: "ei.Segment", score: float | None) -> dict:
    titles = [index.titles[int(row)] for row in index.ids.rows(segment.typical)]
    typical = [{"item_id": item, "title": title} for item, title in zip(segment.typical, titles, strict=True)]
    return asdict(segment) | {"score": score, "typical": typical}
