"""elsa-index tag"""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .log_options import FormOptions
from .spread import spread

EXAMPLE = "Example: elsa-index tag catalogue.index --add new.csv --remove sold-out.csv"


@spread
def tag(
    index: Annotated[Path, typer.Argument(help="The index directory: lucene, exact, faiss-flat or opensearch.")],
    add: Annotated[Path | None, typer.Option(help="A table with item_id, tag: tags that items get.")] = None,
    remove: Annotated[Path | None, typer.Option(help="The same: tags that items lose.")] = None,
    form: FormOptions = FormOptions(),
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Give tags to items of an index, and take tags from them."""
    import elsa_index as ei

    if add is None and remove is None:
        raise ei.UsageError("Name a file of tags: --add FILE, --remove FILE, or both.")
    pairs = [ei.read_tags(path, form.log_format) if path else [] for path in (add, remove)]
    options.say_changed(index, ei.tag(index, *pairs), json=json)
