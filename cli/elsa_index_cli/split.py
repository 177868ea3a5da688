"""elsa-index split"""

from pathlib import Path
from typing import Annotated

import typer

from elsa_index.data.split_options import Protocol, SplitOptions

from . import options
from .log_options import FormOptions, LogFiles, LogOptions
from .spread import spread

EXAMPLE = "Example: elsa-index split ratings.csv -o split --value-column rating --min-value 4 --users 500"


@spread
def split(
    logs: LogFiles,
    out: Annotated[Path, typer.Option("--out", "-o", help="The directory to write.")],
    protocol: Annotated[Protocol, typer.Option(help="Which interactions are hidden.")] = SplitOptions.protocol,
    users: Annotated[
        int | None, typer.Option(help="Users to hold out.", show_default="a tenth, at most 3,000")
    ] = SplitOptions.users,
    hide: Annotated[
        float, typer.Option(help="Share of a user's items (temporal: of all interactions) to hide.")
    ] = SplitOptions.hide,
    folds: Annotated[int, typer.Option(help="How often the hidden part rotates (held-out).")] = SplitOptions.folds,
    test: Annotated[Path | None, typer.Option(help="The published test log (given).")] = None,
    rows: LogOptions = LogOptions(),
    form: FormOptions = FormOptions(),
    seed: options.Seed = SplitOptions.seed,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Split a log into what may be trained on, histories, and hidden items."""
    import elsa_index as ei

    interactions = rows.read(logs, form)
    hidden = None
    if test is not None:
        hidden = ei.read_interactions(
            test, user_column=rows.user_column, item_column=rows.item_column, form=form.log_format
        )
    made = ei.split(interactions, protocol=protocol, users=users, hide=hide, folds=folds, test=hidden, seed=seed)
    made.save(out, overwrite=overwrite)
    if json:
        options.print_json({"log": interactions.summary, "split": made.description})
        return
    about = made.description
    options.note_summary(interactions)
    print(
        f"{out}: training on {about['train_users']:,} users and {about['train_items']:,} items; "
        f"{about['evaluated_users']:,} users evaluated in {about['folds']} folds; "
        f"{about['dropped_items']:,} items new to training dropped"
    )
