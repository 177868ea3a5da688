"""elsa-index train"""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elsa_index.errors import UsageError
from elsa_index.training.config import TOLERANCE, TrainingConfig
from elsa_index.training.slim.config import SlimConfig

from . import options
from .log_options import FormOptions, LogFiles, LogOptions
from .spread import spread

if TYPE_CHECKING:
    import elsa_index as ei

default = partial(options.default_of, TrainingConfig)
slim_default = partial(options.default_of, SlimConfig)
FOUR = "budgets even, no final decay, popularity 0, batches of 1,024."
EXAMPLE = (
    "Example: elsa-index train split/train.parquet -o model --dims 1024 --nnz 16 --epochs 5 · "
    "elsa-index train split/train.parquet -o model --model slim · "
    "elsa-index train log-of-today.csv -o model-of-today --init model"
)
OF_ELSA, OF_SLIM = "Only --model elsa", "Only --model slim"


class Model(StrEnum):
    """Which model is trained."""

    elsa = "elsa"
    slim = "slim"


@spread
def train(
    context: typer.Context,
    logs: LogFiles,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model directory to write.")],
    model: Annotated[
        Model,
        typer.Option(
            help="elsa: Compressed ELSA, codes in few latent dimensions that can be read. slim: codes over the items "
            "themselves, more accurate at the same bytes, trained in seconds, asked with short queries."
        ),
    ] = Model.elsa,
    dims: Annotated[int, typer.Option(help="Latent dimensions.", rich_help_panel=OF_ELSA)] = default("dims"),
    nnz: Annotated[int, typer.Option(help="Nonzero weights per item, their mean.")] = default("nnz"),
    schedule: Annotated[
        str,
        typer.Option(help="How the nonzeros shrink: exponential, linear, stepwise, constant.", rich_help_panel=OF_ELSA),
    ] = default("schedule"),
    restart: Annotated[
        bool, typer.Option(help="Restart from the initial values at every new mask.", rich_help_panel=OF_ELSA)
    ] = default("restart"),
    epochs: Annotated[int, typer.Option(help="Epochs per level (dense: in all).", rich_help_panel=OF_ELSA)] = default(
        "epochs"
    ),
    dense_epochs: Annotated[
        int, typer.Option(help="Dense epochs before the schedule.", rich_help_panel=OF_ELSA)
    ] = default("dense_epochs"),
    final_epochs: Annotated[
        int | None, typer.Option(help="Epochs at --nnz after it; else as --epochs.", rich_help_panel=OF_ELSA)
    ] = None,
    paper: Annotated[
        bool,
        typer.Option(
            "--paper",
            help="The paper's choices where the defaults of these four differ: " + FOUR,
            rich_help_panel=OF_ELSA,
        ),
    ] = False,
    final_decay: Annotated[
        bool | None,
        typer.Option(
            help="Let the learning rate fall to zero over the last mask's epochs (default: yes).",
            rich_help_panel=OF_ELSA,
        ),
    ] = None,
    budgets: Annotated[
        str | None,
        typer.Option(
            help="Nonzeros of each item: even, or log: more for items with more interactions (default: log).",
            rich_help_panel=OF_ELSA,
        ),
    ] = None,
    popularity: Annotated[
        str | None,
        typer.Option(
            help="Multiply an item's scores by its relative interactions to this power (default: 0.2, slim: 0), "
            "or auto: the power that is best for the validation users."
        ),
    ] = None,
    neighbours: Annotated[
        int, typer.Option(help="Items that may predict an item.", rich_help_panel=OF_SLIM)
    ] = slim_default("neighbours"),
    regularisation: Annotated[
        str,
        typer.Option(
            help="λ of the ridge regressions, in interactions, or auto: the best for the validation users.",
            rich_help_panel=OF_SLIM,
        ),
    ] = slim_default("regularisation"),
    non_negative: Annotated[
        bool,
        typer.Option(
            "--non-negative", help="Positive weights only: no answer need be rescored.", rich_help_panel=OF_SLIM
        ),
    ] = False,
    user_power: Annotated[
        float, typer.Option(help="A user with n items counts n to minus this power.", rich_help_panel=OF_SLIM)
    ] = slim_default("user_power"),
    half_life: Annotated[
        str | None,
        typer.Option(help="Let interactions count half as much after 30d (h, d, w, y); with --time-column."),
    ] = None,
    validation_users: Annotated[
        int | None,
        typer.Option(
            help="Users to keep from training. elsa: nDCG@100 is reported for them after each epoch (default: none). "
            "slim: what is auto is chosen for them (default: a tenth, at most 2,000)."
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop when that has not risen for so many epochs of the last mask; keep the best.",
            rich_help_panel=OF_ELSA,
        ),
    ] = None,
    max_output: Annotated[int, typer.Option(help="Items scored in a batch.", rich_help_panel=OF_ELSA)] = default(
        "max_output"
    ),
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Users per step (default: a hundredth of all, between 32 and 1,024).", rich_help_panel=OF_ELSA
        ),
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Of Nadam.", rich_help_panel=OF_ELSA)] = default("learning_rate"),
    dense: Annotated[
        bool, typer.Option("--dense", help="Keep all weights: the dense baseline.", rich_help_panel=OF_ELSA)
    ] = False,
    precision: Annotated[
        str,
        typer.Option(
            help="Of the large products: auto, float32, bfloat16 (auto: where it is native).", rich_help_panel=OF_ELSA
        ),
    ] = default("precision"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.", rich_help_panel=OF_ELSA)] = default("device"),
    init: Annotated[
        Path | None,
        typer.Option(
            help="Go on from this model, of a log that grew since: with its choices where you make none, new items "
            "folded in, and (elsa) a tenth of the epochs. An index of it takes the codes: upsert."
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="With --init: codes that moved by no more than this, as diff counts it, stay.")
    ] = TOLERANCE,
    rows: LogOptions = LogOptions(),
    form: FormOptions = FormOptions(),
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
    from elsa_index.training import checkpoints

    given = context.params
    former = None if init is None else ei.load_codes(init)
    config: ei.TrainingConfig | ei.SlimConfig
    if former is not None:
        config = _going_on(context, former)
    else:
        _refuse_options_of_another_model(context, model)
        if _is_given(context, "tolerance"):
            raise UsageError("--tolerance is for --init: say which model to go on from.")
        config = _slim(given) if model == Model.slim else _elsa(given)
    refuse_target(out, overwrite=overwrite)
    state = checkpoints.path_beside(out)
    if not resume:
        checkpoints.refuse_unfinished(state, overwrite=overwrite)
    interactions = rows.read(logs, form)
    options.note_summary(interactions)
    with options.stages() as on_stage:
        codes = ei.train(
            interactions,
            config,
            options.say_epoch,
            on_stage=on_stage,
            on_start=_say_memory,
            checkpoint=state,
            resume=resume,
            init=former,
            tolerance=tolerance,
        )
    codes.save(out, overwrite=overwrite)
    checkpoints.discard(state)
    if former is not None:
        stay = codes.origin["settled"]
        options.note(f"{stay:,} of {len(codes.ids):,} codes are those of {init}: they moved by {tolerance:g} or less")
    if json:
        options.print_json({"fingerprint": codes.fingerprint, **codes.origin})
    else:
        for regularisation, ndcg in codes.origin.get("validation", {}).get("ndcg@100 by regularisation", {}).items():
            print(f"λ {regularisation}: nDCG@100 {ndcg:.4f} of the validation users")
        size = f"{codes.dims:,} dimensions, {codes.weights.nnz / len(codes.ids):.4g} nonzeros per item"
        print(f"{out}: {len(codes.ids):,} items, {size}, trained in {codes.origin['seconds']} s")


def _refuse_options_of_another_model(context: typer.Context, model: Model) -> None:
    """Raises UsageError where an option was given that the model does not have."""
    for other, panel in ((Model.elsa, OF_ELSA), (Model.slim, OF_SLIM)):
        for parameter in context.command.params:
            given = _is_given(context, parameter.name or "")
            if other != model and given and getattr(parameter, "rich_help_panel", None) == panel:
                raise UsageError(f"{parameter.opts[0]} is for --model {other}; the model is {model}.")


def _going_on(context: typer.Context, former: "ei.ItemCodes") -> "ei.TrainingConfig | ei.SlimConfig":
    """The choices of a model, but for those that were made here."""
    from elsa_index.training.origin import continued_config

    config = continued_config(former.origin)
    of = Model.slim if isinstance(config, SlimConfig) else Model.elsa
    if _is_given(context, "model") and context.params["model"] != of:
        raise UsageError(f"--init is a model of --model {of}, and --model {context.params['model']} was asked for.")
    _refuse_options_of_another_model(context, of)
    if context.params["paper"]:
        raise UsageError("--paper is for a training from nothing; --init has choices already.")
    chosen = {name: context.params[name] for name in type(config).model_fields if _is_given(context, name)}
    return type(config)(**(config.model_dump() | chosen))


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _elsa(given: dict[str, Any]) -> TrainingConfig:
    taken = {name: given[name] for name in TrainingConfig.model_fields if given.get(name) is not None}
    return TrainingConfig.paper(**taken) if given["paper"] else TrainingConfig(**taken)


def _slim(given: dict[str, Any]) -> SlimConfig:
    return SlimConfig(**{name: given[name] for name in SlimConfig.model_fields if given.get(name) is not None})


def _say_memory(needed: int) -> None:
    options.note(f"will take about {needed / 1e9:,.1f} GB of memory")
