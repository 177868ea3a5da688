"""elsa-index upgrade"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index upgrade catalogue.index"


def upgrade(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make an index of an older format one of the newest, without building it again."""
    import elsa_index as ei
    from elsa_index.catalogue.manifest import FORMAT

    upgraded = ei.upgrade(index)
    if json:
        options.print_json({"upgraded": upgraded, "format": FORMAT})
    else:
        print(f"{index}: {'is now of' if upgraded else 'is already of'} format {FORMAT}")
