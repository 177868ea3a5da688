"""elsa-index verify"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index verify catalogue.index"


def verify(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Check every byte of an index directory, and that it opens."""
    import elsa_index as ei
    from elsa_index.errors import name_some

    manifest = ei.Index.verify(index)
    size = sum(entry.bytes for entry in manifest.files.values())
    if json:
        options.print_json({"files": len(manifest.files), "bytes": size, "engine": manifest.engine, "whole": True})
    else:
        print(f"{index}: {len(manifest.files)} files, {size:,} bytes, all as they were written")
    if strangers := manifest.strangers(index):
        options.note(f"warning: {name_some(strangers)} in {index} are not of the index, and never read")
