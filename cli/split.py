"""elsa-index split"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index split ratings.csv -o split --value-column rating --min-value 4 --users 500"


class Protocol(StrEnum):
    """As `elsa_index.split` knows them; spelled out here so that --help need not import it."""

    held_out = "held-out"
    temporal = "temporal"
    given = "given"


def split(
    log: Annotated[Path, typer.Argument(help="The log: CSV, TSV, Parquet (also .gz) or .npz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The directory to write.")],
    protocol: Annotated[Protocol, typer.Option(help="Which interactions are hidden.")] = Protocol.held_out,
    users: Annotated[int, typer.Option(help="Users to hold out.")] = 3000,
    hide: Annotated[float, typer.Option(help="Share of a user's items (temporal: of all interactions) to hide.")] = 0.2,
    folds: Annotated[int, typer.Option(help="How often the hidden part rotates (held-out).")] = 5,
    test: Annotated[Path | None, typer.Option(help="The published test log (given).")] = None,
    user_column: options.UserColumn = "user_id",
    item_column: options.ItemColumn = "item_id",
    value_column: options.ValueColumn = None,
    min_value: options.MinValue = None,
    time_column: Annotated[str | None, typer.Option(help="The log's column of times (temporal).")] = None,
    min_user_items: options.MinUserItems = 1,
    seed: options.Seed = 42,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Split a log into what may be trained on, histories, and hidden items."""
    import elsa_index as ei

    interactions = ei.read_interactions(
        log,
        user_column=user_column,
        item_column=item_column,
        value_column=value_column,
        min_value=min_value,
        time_column=time_column,
        min_user_items=min_user_items,
    )
    hidden = ei.read_interactions(test, user_column=user_column, item_column=item_column) if test else None
    made = ei.split(interactions, protocol=protocol.value, users=users, hide=hide, folds=folds, test=hidden, seed=seed)
    made.save(out, overwrite=overwrite)
    if json:
        options.print_json({"log": interactions.summary, "split": made.description})
        return
    about = made.description
    options.note(f"read {', '.join(f'{count:,} {name}' for name, count in interactions.summary.items())}")
    print(
        f"{out}: training on {about['train_users']:,} users and {about['train_items']:,} items; "
        f"{about['evaluated_users']:,} users evaluated in {about['folds']} folds; "
        f"{about['dropped_items']:,} items new to training dropped"
    )
