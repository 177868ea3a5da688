"""TrainingConfig: every choice of a training run."""

from typing import Any, Literal

from pydantic import Field, model_validator

from ..choices import Choices
from ..spans import Span
from .automatic import Power

Schedule = Literal["exponential", "linear", "stepwise", "constant"]
Budgets = Literal["even", "log"]
Precision = Literal["auto", "float32", "bfloat16"]


DEFAULT_POPULARITY = 0.2
TOLERANCE = 0.2
"""By how much a code may move in a training that goes on from others, as `diff` counts it, and stay."""
PAPER = {"budgets": "even", "final_decay": False, "popularity": 0.0, "batch_size": 1024}
"""What the paper has where the defaults differ."""


class TrainingConfig(Choices):
    """Every choice of a training run.

    Defaults are the paper's (Vančura et al., WWW 2026) but for `budgets`, `final_decay`, `popularity` and
    `batch_size`, which gain accuracy at the same bytes (benchmarks/results/ideas.json); `TrainingConfig.paper` has
    the paper's there too.

    >>> config = TrainingConfig(dims=1024, nnz=16)
    >>> TrainingConfig.model_validate_json(config.model_dump_json()) == config
    True
    """

    dims: int = Field(4096, ge=1, le=2**24)
    """Latent dimensions d; the paper's best on two of three data sets."""
    nnz: int = Field(16, ge=1)
    """Nonzero weights per item after training, k (their mean, where budgets differ). Ignored when `dense`."""
    dense: bool = False
    """Keep all weights: the dense baseline (ELSA)."""
    schedule: Schedule = "exponential"
    """How the nonzeros shrink from `dims` to `nnz`; the paper's choice."""
    restart: bool = True
    """At every new mask: from the initial values with a new optimiser (the paper's choice), or go on from Â."""
    epochs: int = Field(10, ge=1)
    """Epochs per level, E: every halving of the nonzeros takes E epochs. Dense: epochs in all."""
    dense_epochs: int = Field(0, ge=0)
    """Dense epochs before the schedule begins. The paper has none."""
    final_epochs: int | None = Field(None, ge=1)
    """Epochs at `nnz` after the schedule; None: E, as in the paper."""
    final_decay: bool = True
    """Let the learning rate fall linearly to zero over the epochs of the last mask. The paper keeps it constant."""
    budgets: Budgets = "log"
    """`even`: `nnz` for every item, as in the paper. `log`: in proportion to the logarithm of an item's
    interactions, between 0.6 and 2 times `nnz`, with the same total."""
    popularity: Power = DEFAULT_POPULARITY
    """β: after training, an item's scores are multiplied by p^β, p its interactions over their geometric mean. So a
    code's norm is p^β, and in a history it counts p^-β, that is as a code of norm 1. The paper has 0.
    `auto`: β and `history_popularity` are those with the best nDCG@100 for the validation users."""
    history_popularity: float = Field(0.0, ge=-2, le=2)
    """α: an item counts p^(α - β) in a history. The paper has 0: all items count alike. Chosen by `auto` too."""
    validation_users: int = Field(0, ge=0)
    """So many users are kept from training; a fifth of each one's items is hidden, and nDCG@100 for the rest is
    reported after every epoch."""
    patience: int | None = Field(None, ge=1)
    """Stop when nDCG@100 of the validation users has not risen for so many epochs of the last mask, and keep the best
    epoch's codes. None: train all epochs and keep the last one's."""
    max_output: int = Field(20_000, ge=1)
    """Columns of X scored in a batch: all that occur in it and uniformly drawn others."""
    batch_size: int | None = Field(None, ge=1)
    """Users per step. None: a hundredth of all users, between 32 and the paper's 1,024: small logs need the steps."""
    learning_rate: float = Field(0.1, gt=0, le=10)
    """Of Nadam (β 0.9 and 0.999, ε 1e-7, no weight decay)."""
    precision: Precision = "auto"
    """Of the large products: `bfloat16` where processor or GPU multiplies it natively, `float32` elsewhere.
    Parameters and optimiser are float32 always."""
    half_life: Span = None
    """Seconds, also written as `30d`, after which an interaction counts half as much; needs a log with times. None: all
    count alike, as in the paper, but for weights that the log has."""
    seed: int = Field(42, ge=0, lt=2**63)
    device: str = "auto"
    """`auto` (CUDA where there is one, otherwise the CPU), or a device that torch knows."""

    @classmethod
    def paper(cls, **values: Any) -> "TrainingConfig":
        """The paper's model and training, with `values` in place of its other choices."""
        return cls(**(PAPER | values))

    def users_a_step(self, users: int) -> int:
        """The batch size for a log of so many users.

        >>> TrainingConfig().users_a_step(26_858), TrainingConfig.paper().users_a_step(26_858)
        (268, 1024)
        """
        return self.batch_size or min(1024, max(32, users // 100))

    @model_validator(mode="after")
    def _fits(self) -> "TrainingConfig":
        if not self.dense and self.nnz > self.dims:
            raise ValueError(f"nnz must be at most dims ({self.dims}), got {self.nnz}")
        wants_validation = {"patience": self.patience is not None, "popularity": self.popularity == "auto"}
        for name, wants in wants_validation.items():
            if wants and not self.validation_users:
                raise ValueError(f"{name} {getattr(self, name)} needs validation_users above 0")
        return self
