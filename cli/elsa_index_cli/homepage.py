"""elsa-index homepage"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elsa_index.search.homepage_options import HomepageOptions

from . import options
from .filter_options import FilterOptions, note_strangers
from .spread import spread

if TYPE_CHECKING:
    import elsa_index as ei

EXAMPLE = "Example: elsa-index homepage catalogue.index --items a,b,c --rows 6 -k 5"


@spread
def homepage(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    items: options.Items = None,
    item: options.Item = None,
    rows: Annotated[int, typer.Option(help="At most so many rows, the first one included.")] = HomepageOptions.rows,
    k: Annotated[int, typer.Option("-k", help="Items per row.")] = HomepageOptions.k,
    fewest: Annotated[
        int | None,
        typer.Option(help="Unseen items without which a segment is left out.", show_default="half of k"),
    ] = HomepageOptions.fewest,
    diversity: Annotated[
        float, typer.Option(help="0: the best segments, to 1: the most different ones.")
    ] = HomepageOptions.diversity,
    exact: Annotated[
        bool, typer.Option("--exact", help="Prove that every row is the exhaustive one.")
    ] = HomepageOptions.exact,
    filters: FilterOptions = FilterOptions(),
    metadata: options.Metadata = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """The rows of a homepage for one history: the best items, then the best segments' best items.

    Without a history, or where none of it is known: popular items and the largest segments.
    """
    wanted = filters.read()
    with options.opened(index, metadata) as catalogue:
        started = time.perf_counter()
        page = catalogue.homepage(
            options.history(items, item), rows=rows, k=k, fewest=fewest, diversity=diversity, exact=exact,
            **wanted,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        options.note_unknown(page.unknown)
        note_strangers(wanted, catalogue)
        titles = [[catalogue.titles[row] for row in part.rows] for part in page.rows]
    if json:
        rows_shown = [_as_json(part) for part in page.rows]
        about = {"popular": page.popular, "unknown": page.unknown, "promise": page.promise}
        options.print_json({"rows": rows_shown, **about, "seconds": seconds})
        return
    shown = [[part.name, " · ".join(names)] for part, names in zip(page.rows, titles, strict=True)]
    options.table("", ["row", "items"], shown, texts=("items",))
    options.note(f"{page.promise}; {len(page.rows)} rows in {options.duration(seconds)}")


def _as_json(row: "ei.HomepageRow") -> dict[str, Any]:
    return {
        "name": row.name,
        "segment": asdict(row.segment) if row.segment else None,
        "score": row.score,
        "items": row.items,
        "scores": row.scores,
    }
