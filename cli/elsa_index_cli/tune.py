"""elsa-index tune"""

from pathlib import Path
from typing import Annotated

import typer

from elsa_index.catalogue.build_options import BuildOptions

from . import options

EXAMPLE = "Example: elsa-index tune catalogue.index --histories users.csv --target-overlap 0.98"


def tune(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    histories: Annotated[Path, typer.Option(help="A table with user_id, item_id: histories like those to come.")],
    target_overlap: options.TargetOverlap = BuildOptions.target_overlap,
    threads: options.Threads = 1,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Choose what a search does by default: the cheapest cut query that overlaps enough with the exact answers."""
    import elsa_index as ei

    asked = ei.read_histories(histories).items
    with ei.Index.open(index) as opened:
        found = opened.tune(asked, target_overlap, threads=threads)
    if json:
        options.print_json({"calibration": found.model_dump() if found else None})
    elif found:
        print(f"{index}: searches are calibrated: {found}")
    else:
        print(f"{index}: searches answer exactly")
