"""elsa-index compact"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index compact catalogue.index"


def compact(
    index: Annotated[Path, typer.Argument(help="The index directory: lucene, exact, faiss-flat or opensearch.")],
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Merge what many changes left behind, so that searches are as fast as after a build."""
    import elsa_index as ei

    options.say_changed(index, ei.compact(index), json=json, otherwise="compacted")
