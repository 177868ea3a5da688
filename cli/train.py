"""elsa-index train"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elsa_index.training.config import TrainingConfig

from . import options

if TYPE_CHECKING:
    from elsa_index.training.elsa.run import EpochReport

default = partial(options.default_of, TrainingConfig)
FOUR = "budgets even, no final decay, popularity 0, batches of 1,024."
EXAMPLE = "Example: elsa-index train split/train.parquet -o model --dims 1024 --nnz 16 --epochs 5"


def train(
    log: Annotated[Path, typer.Argument(help="The log: CSV, TSV, Parquet (also .gz) or .npz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model directory to write.")],
    dims: Annotated[int, typer.Option(help="Latent dimensions.")] = default("dims"),
    nnz: Annotated[int, typer.Option(help="Nonzero weights per item.")] = default("nnz"),
    schedule: Annotated[
        str, typer.Option(help="How the nonzeros shrink: exponential, linear, stepwise, constant.")
    ] = default("schedule"),
    restart: Annotated[bool, typer.Option(help="Restart from the initial values at every new mask.")] = default(
        "restart"
    ),
    epochs: Annotated[int, typer.Option(help="Epochs per level (dense: in all).")] = default("epochs"),
    dense_epochs: Annotated[int, typer.Option(help="Dense epochs before the schedule.")] = default("dense_epochs"),
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
    ] = default("validation_users"),
    patience: Annotated[
        int | None,
        typer.Option(help="Stop when that has not risen for so many epochs of the last mask; keep the best."),
    ] = None,
    max_output: Annotated[int, typer.Option(help="Items scored in a batch.")] = default("max_output"),
    batch_size: Annotated[
        int | None, typer.Option(help="Users per step (default: a hundredth of all, between 32 and 1,024).")
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Of Nadam.")] = default("learning_rate"),
    dense: Annotated[bool, typer.Option("--dense", help="Keep all weights: the dense baseline.")] = False,
    precision: Annotated[
        str, typer.Option(help="Of the large products: auto, float32, bfloat16 (auto: where it is native).")
    ] = default("precision"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = default("device"),
    user_column: options.UserColumn = "user_id",
    item_column: options.ItemColumn = "item_id",
    value_column: options.ValueColumn = None,
    min_value: options.MinValue = None,
    min_user_items: options.MinUserItems = 1,
    seed: options.Seed = default("seed"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint that a stopped training left beside OUT.")
    ] = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Learn one sparse code per item from a log."""
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
    options.note_summary(interactions)
    codes = ei.train(interactions, config, _say_epoch, on_start=_say_memory, checkpoint=state, resume=resume)
    codes.save(out, overwrite=overwrite)
    checkpoint.discard(state)
    if json:
        options.print_json({"fingerprint": codes.fingerprint, **codes.origin})
    else:
        size = f"{codes.dims:,} dimensions, {codes.weights.nnz / len(codes.ids):.4g} nonzeros per item"
        print(f"{out}: {len(codes.ids):,} items, {size}, trained in {codes.origin['seconds']} s")


def _say_memory(needed: int) -> None:
    options.note(f"will take about {needed / 1e9:,.1f} GB of memory")


def _say_epoch(at: "EpochReport") -> None:
    quality = "" if at.ndcg is None else f", nDCG@100 {at.ndcg:.4f} of the validation users"
    options.note(
        f"epoch {at.epoch}/{at.epochs}: {at.nonzeros:,} nonzeros, loss {at.loss:.4g}, {at.seconds:.1f} s, "
        f"at most about {at.seconds_left:,.0f} s left{quality}"
    )
