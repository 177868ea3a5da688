"""elsa-index fold-in"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index fold-in model log-of-today.csv -o model-of-today · then: build model-of-today ..."


def fold_in(
    model: Annotated[Path, typer.Argument(help="What train --model slim wrote.")],
    log: Annotated[Path, typer.Argument(help="The log so far, with users that have none of the new items too.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model directory to write; may be MODEL.")],
    user_column: options.UserColumn = "user_id",
    item_column: options.ItemColumn = "item_id",
    value_column: options.ValueColumn = None,
    min_value: options.MinValue = None,
    min_user_items: options.MinUserItems = 1,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Give codes to items that came after a training, without training again."""
    import elsa_index as ei
    from elsa_index.codes.item_codes import refuse_target
    from elsa_index.errors import name_some

    codes = ei.ItemCodes.load(model)
    refuse_target(out, overwrite=overwrite)
    interactions = ei.read_interactions(
        log, user_column=user_column, item_column=item_column, value_column=value_column, min_value=min_value,
        min_user_items=min_user_items,
    )  # fmt: skip
    options.note_summary(interactions)
    with options.stages() as on_stage:
        found = ei.fold_in(codes, interactions, on_stage)
    found.codes.save(out, overwrite=overwrite)
    without = found.without_code
    if json:
        ids = found.codes.ids
        added, improved = (ids.take(rows).tolist() for rows in (found.added, found.improved))
        options.print_json({"items": len(ids), "added": added, "without_code": without, "improved": improved})
        return
    added = options.counted(len(found.added), "item", "items")
    improved = options.counted(len(found.improved), "other code", "other codes")
    size = len(found.codes.ids)
    print(f"{out}: {added} folded in, {size:,} in all; {improved} changed, for which a new item speaks")
    if without:
        options.note(f"warning: {len(without):,} occur with no other item and have no code yet: {name_some(without)}")
