"""train: codes from a log, by the model that a configuration is of."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..codes.item_codes import ItemCodes
from ..data.interactions import Interactions
from ..data.logs import as_interactions
from ..errors import DataError, refuse_kind
from ..extras import require
from ..limits import Limits
from .checkpoints import SECONDS_BETWEEN
from .config import TOLERANCE, TrainingConfig
from .origin import continued_config, refuse_going_on
from .settled import settled
from .slim.config import SlimConfig

if TYPE_CHECKING:
    from .elsa.run import EpochReport
    from .slim.fit import OnStage


def train(
    interactions: Interactions | object,
    config: TrainingConfig | SlimConfig | None = None,
    on_epoch: "Callable[[EpochReport], None] | None" = None,
    *,
    on_stage: "OnStage | None" = None,
    on_start: Callable[[int], None] | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = SECONDS_BETWEEN,
    resume: bool = False,
    init: ItemCodes | None = None,
    tolerance: float = TOLERANCE,
) -> ItemCodes:
    """Learns one code per item from a log.

    Args:
        interactions: What to learn from; also a table (pandas, Polars, Arrow) with the columns user_id and item_id, or
            a SciPy matrix.
        config: A `TrainingConfig` for Compressed ELSA (the paper; dense ELSA if `config.dense`), the default, or a
            `SlimConfig` for codes over items.
        on_epoch: Called after each epoch of ELSA.
        on_stage: Called while SLIM works, with what it does, the items that are done and how many there are.
        on_start: Called with the bytes that the run is expected to take, before it takes them.
        checkpoint: A directory to keep the state in: when the last one is older than `checkpoint_seconds`, and when
            Ctrl-C or SIGTERM stops the run. It stays when the run is done: remove it once the codes are saved.
        checkpoint_seconds: Between two checkpoints.
        resume: Go on from the checkpoint, to the codes that the uninterrupted run would have given.
        init: Codes of a former training, of a log that grew since, to go on from. ELSA then folds new items in, lets
            all find other dimensions for a few epochs, and trains the last mask for half of its own; the codes go with
            those of `init` (`ItemCodes.space`), so that an index of these takes them. SLIM takes the λ that was found.
            Without `config` the choices are those of `init`.
        tolerance: With `init`: codes that moved by no more than this, as `elsa-index diff` counts it, stay what they
            were, and an index need not be written again for them.

    Returns:
        Codes with the training's configuration and log fingerprint in `origin`, item counts, and a sample of 1,000
        histories. ELSA's are (items, dims) CSR with `nnz` nonzeros per row (on average, with budgets by interactions),
        of norm p^popularity, with history weights that make up for it. SLIM's are (items, items) CSR with `nnz`
        nonzeros per row on average, history codes `items`.

    Raises:
        UsageError: Where the device cannot be used, where the run would need more memory than there is, where more
            weights are asked than pairs of items exist, and where no training of `config` goes on from `init`.
        MissingExtraError: Where a package of the extra `train` is not installed.
        DataError: For a log that nothing can be learnt from.
        TrainingInterrupted: Where Ctrl-C or SIGTERM stopped a run with a checkpoint.
    """
    interactions = as_interactions(interactions)
    if interactions.matrix.shape[0] == interactions.matrix.nnz:
        raise DataError(
            f"None of the log's {len(interactions.users):,} users has two items, so that nothing can be learnt: is the "
            "column of users, --user-column, the right one?"
        )
    if init is not None:
        refuse_kind("init", init, ItemCodes, "load_codes reads them from a path, and train returns them.")
        Limits(0, 1, whole=False).check("tolerance", tolerance)
        config = config or continued_config(init.origin)
        refuse_going_on(config, init)
    if config is not None and not isinstance(config, SlimConfig):
        refuse_kind("config", config, TrainingConfig, "make it by TrainingConfig(dims=1024), or by SlimConfig().")
    if isinstance(config, SlimConfig):
        require("Training codes over items", "numba")
        from .slim.run import SlimRun

        slim = SlimRun(interactions, config, on_start)
        if checkpoint and resume:
            slim.resume(checkpoint)
        return _settled(slim.train(on_stage, checkpoint, checkpoint_seconds), init, tolerance)
    require("Training Compressed ELSA", "torch")
    from .elsa.run import Run

    run = Run(interactions, config or TrainingConfig(), on_start, init)
    if checkpoint and resume:
        run.resume(checkpoint)
    run.train(on_epoch, checkpoint, checkpoint_seconds)
    return _settled(run.codes(), init, tolerance)


def _settled(codes: ItemCodes, init: ItemCodes | None, tolerance: float) -> ItemCodes:
    return codes if init is None else settled(codes, init, tolerance)
