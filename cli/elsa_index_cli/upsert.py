"""elsa-index upsert"""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .log_options import FormOptions
from .spread import spread

EXAMPLE = "Example: elsa-index fold-in model log.csv -o model-now · elsa-index upsert catalogue.index model-now"


@spread
def upsert(
    index: Annotated[Path, typer.Argument(help="The index directory: lucene, exact, faiss-flat or opensearch.")],
    model: Annotated[
        Path, typer.Argument(metavar="MODEL|CODES.npz", help="Codes. What the index has already is not written again.")
    ],
    item_ids: Annotated[Path | None, typer.Option(help="Ids of a .npz's rows: .txt, or a table with item_id.")] = None,
    only: Annotated[
        Path | None, typer.Option(help="Items of MODEL to write: .txt, one id per line, or a table with item_id.")
    ] = None,
    tags: Annotated[Path | None, typer.Option(help="A table with item_id, tag: tags that items get besides.")] = None,
    metadata: Annotated[Path | None, typer.Option(help="A table with item_id, title and others, known anew.")] = None,
    same_space: Annotated[
        bool, typer.Option("--same-space", help="The codes go with the index's, although nothing in MODEL says so.")
    ] = False,
    form: FormOptions = FormOptions(),
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Add items to an index, and give other codes to items that it has; whoever serves it sees that at once."""
    import elsa_index as ei
    from elsa_index.catalogue.manifest import Manifest
    from elsa_index.codes.item_codes import read_ids

    history = Manifest.read(index).codes.history
    codes = ei.load_codes(model, item_ids, "items" if history == "items" and model.suffix == ".npz" else None)
    done = ei.upsert(
        index,
        codes,
        items=None if only is None else [name for name in read_ids(only) if name],
        tags=ei.read_tags(tags, form.log_format) if tags else None,
        metadata=ei.read_metadata(metadata, form.log_format) if metadata else None,
        same_space=same_space,
    )
    options.say_changed(index, done, json=json)
