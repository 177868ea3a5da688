"""elsa-index homepage"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index homepage catalogue.index --items a,b,c --rows 6 -k 5"


def homepage(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    items: options.Items = None,
    item: options.Item = None,
    rows: Annotated[int, typer.Option(help="At most so many rows, the first one included.")] = 8,
    k: Annotated[int, typer.Option("-k", help="Items a row.")] = 10,
    fewest: Annotated[
        int | None,
        typer.Option(help="Unseen items without which a segment is left out.", show_default="half of k"),
    ] = None,
    diversity: Annotated[float, typer.Option(help="0: the best segments, to 1: the most different ones.")] = 0.5,
    exact: Annotated[bool, typer.Option("--exact", help="Prove that every row is the exhaustive one.")] = False,
    metadata: options.Metadata = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """The rows of a homepage for one history: the best items, then the best segments' best items.

    Without a history, or where none of it is known: popular items and the largest segments.
    """
    with options.opened(index, metadata) as catalogue:
        started = time.perf_counter()
        page = catalogue.homepage(
            options.history(items, item), rows=rows, k=k, fewest=fewest, diversity=diversity, exact=exact
        )
        seconds = time.perf_counter() - started
        options.note_unknown(page.unknown)
        titles = [[catalogue.titles[int(row)] for row in catalogue.ids.rows(part.items)] for part in page.rows]
    if json:
        options.print_json(asdict(page) | {"seconds": seconds})
        return
    shown = [[part.name, " · ".join(names)] for part, names in zip(page.rows, titles, strict=True)]
    options.table("", ["row", "items"], shown, texts=("items",))
    options.note(f"{page.promise}; {len(page.rows)} rows in {seconds * 1000:,.1f} ms")
