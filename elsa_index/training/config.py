"""TrainingConfig: every choice of a training run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import UsageError

Schedule = Literal["exponential", "linear", "stepwise", "constant"]
Budgets = Literal["even", "log"]
Precision = Literal["auto", "float32", "bfloat16"]


class TrainingConfig(BaseModel):
    """Every choice of a training run. Where a field names no other source, its default is the paper's
    (Vančura et al., WWW 2026).

    >>> config = TrainingConfig(dims=1024, nnz=16)
    >>> TrainingConfig.model_validate_json(config.model_dump_json()) == config
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dims: int = Field(4096, ge=1, le=2**24)
    """Latent dimensions d; the paper's best on two of three data sets."""
    nnz: int = Field(16, ge=1)
    """Nonzero weights an item after training, k (their mean, where budgets differ). Ignored when `dense`."""
    dense: bool = False
    """Keep all weights: the dense baseline (ELSA)."""
    schedule: Schedule = "exponential"
    """How the nonzeros shrink from `dims` to `nnz`; the paper's choice."""
    restart: bool = True
    """At every new mask: from the initial values and a new optimiser (the paper's choice), or go on from Â."""
    epochs: int = Field(10, ge=1)
    """Epochs a level, E: every halving of the nonzeros takes E epochs. Dense: epochs in all."""
    dense_epochs: int = Field(0, ge=0)
    """Dense epochs before the schedule begins. The paper has none."""
    final_epochs: int | None = Field(None, ge=1)
    """Epochs at `nnz` after the schedule; None: E, as in the paper."""
    final_decay: bool = False
    """Let the learning rate fall linearly to zero over the epochs of the last mask. The paper keeps it constant."""
    budgets: Budgets = "even"
    """`even`: `nnz` for every item, as in the paper. `log`: in proportion to the logarithm of an item's
    interactions, between 0.6 and 2 times `nnz`, with the same total."""
    max_output: int = Field(20_000, ge=1)
    """Columns of X scored in a batch: all that occur in it and uniformly drawn others."""
    batch_size: int = Field(1024, ge=1)
    """Users a step."""
    learning_rate: float = Field(0.1, gt=0, le=10)
    """Of Nadam (β 0.9 and 0.999, ε 1e-7, no weight decay)."""
    precision: Precision = "auto"
    """Of the large products: `bfloat16` where processor or GPU multiplies it natively, `float32` elsewhere.
    Parameters and optimiser are float32 always."""
    seed: int = Field(42, ge=0, lt=2**63)
    device: str = "auto"
    """`auto` (CUDA where there is one, otherwise the CPU), or a device that torch knows."""

    @model_validator(mode="after")
    def _fits(self) -> "TrainingConfig":
        if not self.dense and self.nnz > self.dims:
            raise ValueError(f"nnz must be at most dims ({self.dims}), got {self.nnz}")
        return self

    @classmethod
    def checked(cls, **values: object) -> "TrainingConfig":
        """As the constructor, but raises UsageError that names parameter, value and what is allowed."""
        try:
            return cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            given = f", got {first['input']!r}" if name else ""
            raise UsageError(f"{name or 'training'}: {first['msg']}{given}.") from None
