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
    from elsa_index.catalogue.manifest import NAME
    from elsa_index.errors import name_some

    manifest = ei.Index.verify(index)
    files = len(manifest.files) + 1  # the manifest itself
    size = sum(entry.bytes for entry in manifest.files.values()) + (index / NAME).stat().st_size
    if json:
        options.print_json({"files": files, "bytes": size, "engine": manifest.engine, "whole": True})
    else:
        print(f"{index}: {files} files, {size:,} bytes, all as they were written")
    if strangers := manifest.strangers(index):
        options.note(f"warning: {name_some(strangers)} in {index} are not of the index, and never read")
