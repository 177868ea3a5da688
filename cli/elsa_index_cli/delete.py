"""elsa-index delete"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index delete catalogue.index 1 3114 · elsa-index delete catalogue.index --from sold-out.txt"


def delete(
    index: Annotated[Path, typer.Argument(help="The index directory: lucene, exact, faiss-flat or opensearch.")],
    items: Annotated[list[str] | None, typer.Argument(help="Ids of items.", metavar="[ITEM]...")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Items to delete: .txt, one id per line, or a table with item_id.")
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Delete the others where the index does not hold some.")
    ] = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Delete items from an index: all of those named, or none."""
    import elsa_index as ei

    named = [*(items or []), *options.ids_in(source)]
    if not named:
        raise ei.UsageError("Name the items to delete, or a file of them: --from FILE.")
    options.say_changed(index, ei.delete(index, named, skip_unknown=skip_unknown), json=json)
