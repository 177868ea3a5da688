"""elsa-index export"""

from pathlib import Path
from typing import Annotated

import typer

from elsa_index.exporting.names import ExportName

from . import options

EXAMPLE = (
    "Example: elsa-index export catalogue.index --to elasticsearch -o files --histories users.csv · "
    "... --to ciff -o files"
)


def export(
    index: Annotated[Path, typer.Argument(help="The index directory (lucene, exact or opensearch).")],
    to: Annotated[ExportName, typer.Option(help="A cluster's files and requests, Anserini's JSON vectors, or CIFF.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The directory to write.")],
    histories: Annotated[
        Path | None,
        typer.Option(help="For ready queries: a table with user_id, item_id.", show_default="one item"),
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="A table with item_id, title: text to search (opensearch, elasticsearch).")
    ] = None,
    overwrite: options.Overwrite = False,
    debug: options.Debug = False,
) -> None:
    """Write an index's codes as files that other engines load, with a README that says how."""
    import elsa_index as ei

    asked = ei.read_histories(histories) if histories else None
    titles = None
    if metadata is not None:
        known = ei.read_metadata(metadata)
        if "title" not in known:
            raise ei.DataError(f"{metadata} has no column 'title'; its columns are {', '.join(known)}.")
        titles = [(str(item), title) for item, title in zip(known["item_id"], known["title"], strict=True) if title]
    with ei.Index.open(index) as opened, options.progress("exporting") as on_progress:
        if asked is not None:
            options.note_unknown(item for history in asked.items for item in history if item not in opened.ids)
        ei.export(
            opened, to, out, histories=asked.items if asked else None, users=asked.users if asked else None,
            titles=titles, overwrite=overwrite, on_progress=on_progress,
        )  # fmt: skip
        print(f"{out}: {len(opened):,} items for {to}; {out / 'README.md'} says how to load and ask them")
