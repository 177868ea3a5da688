"""elsa-index train"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

FOUR = "budgets even, no final decay, popularity 0, batches of 1,024."
EXAMPLE = "Example: elsa-index train split/train.parquet -o model --dims 1024 --nnz 16 --epochs 5"


def train(
    log: Annotated[Path, typer.Argument(help="The log: CSV, TSV, Parquet (also .gz) or .npz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model directory to write.")],
    dims: Annotated[int, typer.Option(help="Latent dimensions.")] = 4096,
    nnz: Annotated[int, typer.Option(help="Nonzero weights an item.")] = 16,
    schedule: Annotated[
        str, typer.Option(help="How the nonzeros shrink: exponential, linear, stepwise, constant.")
    ] = "exponential",
    restart: Annotated[bool, typer.Option(help="Restart from the initial values at every new mask.")] = True,
    epochs: Annotated[int, typer.Option(help="Epochs a level (dense: in all).")] = 10,
    dense_epochs: Annotated[int, typer.Option(help="Dense epochs before the schedule.")] = 0,
    final_epochs: Annotated[int | None, typer.Option(help="Epochs at --nnz after it; else as --epochs.")] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="The paper's choices where the defaults of these four differ: " + FOUR)
    ] = False,
    final_decay: Annotated[
        bool | None, typer.Option(help="Let the learning rate fall to zero over the last mask's epochs (default: yes).")
    ] = None,
    budgets: Annotated[
        str | None,
        typer.Option(help="Nonzeros of each item: even, or log: more for items with more interactions (default: log)."),
    ] = None,
    popularity: Annotated[
        str | None,
        typer.Option(
            help="Multiply an item's scores by its relative interactions to this power (default: 0.2), "
            "or auto: the power that is best for the validation users."
        ),
    ] = None,
    validation_users: Annotated[
        int, typer.Option(help="Keep so many users from training and report nDCG@100 for them after each epoch.")
    ] = 0,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop when that has not risen for so many epochs of the last mask; keep the best."),
    ] = None,
    max_output: Annotated[int, typer.Option(help="Items scored in a batch.")] = 20_000,
    batch_size: Annotated[
        int | None, typer.Option(help="Users a step (default: a hundredth of all, between 32 and 1,024).")
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Of Nadam.")] = 0.1,
    dense: Annotated[bool, typer.Option("--dense", help="Keep all weights: the dense baseline.")] = False,
    precision: Annotated[
        str, typer.Option(help="Of the large products: auto, float32, bfloat16 (auto: where it is native).")
    ] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    user_column: options.UserColumn = "user_id",
    item_column: options.ItemColumn = "item_id",
    value_column: options.ValueColumn = None,
    min_value: options.MinValue = None,
    min_user_items: options.MinUserItems = 1,
    seed: options.Seed = 42,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint that a stopped training left beside OUT.")
    ] = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Learn one sparse code an item from a log."""
    import elsa_index as ei
    from elsa_index.codes.item_codes import refuse_target
    from elsa_index.training.elsa import checkpoint

    four = {"final_decay": final_decay, "budgets": budgets, "popularity": popularity, "batch_size": batch_size}
    config = (ei.TrainingConfig.paper if paper else ei.TrainingConfig.checked)(
        dims=dims, nnz=nnz, schedule=schedule, restart=restart, epochs=epochs, max_output=max_output,
        learning_rate=learning_rate, dense=dense, seed=seed, device=device, dense_epochs=dense_epochs,
        final_epochs=final_epochs, precision=precision, validation_users=validation_users, patience=patience,
        **{name: value for name, value in four.items() if value is not None},
    )  # fmt: skip
    refuse_target(out, overwrite=overwrite)
    state = checkpoint.path_beside(out)
    if not resume:
        checkpoint.refuse_unfinished(state, overwrite=overwrite)
    interactions = ei.read_interactions(
        log, user_column=user_column, item_column=item_column, value_column=value_column,
        min_value=min_value, min_user_items=min_user_items,
    )  # fmt: skip
    options.note(f"read {', '.join(f'{count:,} {name}' for name, count in interactions.summary.items())}")
    codes = ei.train(
        interactions,
        config,
        lambda at: options.note(
            f"epoch {at.epoch}/{at.epochs}: {at.nonzeros:,} nonzeros, loss {at.loss:.4g}, {at.seconds:.1f} s, "
            f"at most about {at.seconds_left:,.0f} s left"
            + ("" if at.ndcg is None else f", nDCG@100 {at.ndcg:.4f} of the validation users")
        ),
        on_start=lambda needed: options.note(f"will take about {needed / 1e9:,.1f} GB of memory"),
        checkpoint=state,
        resume=resume,
    )
    codes.save(out, overwrite=overwrite)
    checkpoint.discard(state)
    if json:
        options.print_json({"fingerprint": codes.fingerprint, **codes.origin})
    else:
        size = f"{codes.dims:,} dimensions, {codes.weights.nnz / len(codes.ids):.4g} nonzeros an item"
        print(f"{out}: {len(codes.ids):,} items, {size}, trained in {codes.origin['seconds']} s")
