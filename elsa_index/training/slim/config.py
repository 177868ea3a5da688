"""SlimConfig: every choice of a training of codes over items."""

from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from ...choices import Choices
from ...spans import Span
from ..automatic import Auto, Power, number_or_auto

SMALLEST, LARGEST = 0.01, 1e6
Regularisation = Annotated[float | Auto, BeforeValidator(partial(number_or_auto, least=SMALLEST, most=LARGEST))]


class SlimConfig(Choices):
    """Every choice of a training of codes over items.

    The model is a sparse linear method (SLIM, Ning and Karypis, ICDM 2011), fitted by ridge regression as in EASE
    (Steck, WWW 2019), on each item's neighbours alone; its weights are chosen by what leaving them out would cost
    (Hassibi and Stork, optimal brain surgeon, NIPS 1992).

    >>> SlimConfig(nnz=32).neighbours
    100
    """

    nnz: int = Field(16, ge=1)
    """Nonzero weights per item, their mean: chosen over all items at once, so that those get more that gain more."""
    neighbours: int = Field(100, ge=1, le=1000)
    """Items that may predict an item: those that most often occur together with it, by cosine."""
    regularisation: Regularisation = "auto"
    """λ of the ridge regressions, in interactions. `auto`: the best nDCG@100 for the validation users, of powers of two
    times 100, as far as they gain."""
    non_negative: bool = False
    """Only positive weights: then what an inverted index adds up is the score, and nothing need be rescored."""
    user_power: float = Field(0.25, ge=0, le=2)
    """A user with n items counts n^-user_power in what is learnt: long histories say less per item."""
    popularity: Power = 0.0
    """β: an item's scores are multiplied by p^β, p its interactions over their geometric mean. `auto`: β and
    `history_popularity` are those with the best nDCG@100 for the validation users."""
    history_popularity: float = Field(0.0, ge=-2, le=2)
    """α: an item counts p^α in a history."""
    validation_users: int | None = Field(None, ge=1)
    """Users that `auto` chooses for: they are kept from the trainings that it compares, a fifth of each one's items is
    hidden, and the last training has them too. None: a tenth of those with two items or more, at most 2,000."""
    half_life: Span = None
    """Seconds, also written as `30d`, after which an interaction counts half as much; needs a log with times. None: all
    count alike, but for weights that the log has."""
    seed: int = Field(42, ge=0, lt=2**63)
    """Of which users those are."""

    @model_validator(mode="after")
    def _fits(self) -> "SlimConfig":
        if self.nnz > self.neighbours:
            raise ValueError(f"nnz must be at most neighbours ({self.neighbours}), got {self.nnz}")
        if self.validation_users is not None and not self.chooses:
            raise ValueError(
                f"validation_users {self.validation_users} needs something to choose: regularisation or popularity auto"
            )
        return self

    @property
    def chooses(self) -> bool:
        """Whether anything is `auto`."""
        return "auto" in (self.regularisation, self.popularity)

    def users_held_out(self, eligible: int) -> int:
        """How many users anything is chosen for. eligible: users of the log that have two items or more.

        >>> SlimConfig().users_held_out(26_858), SlimConfig(regularisation=100).users_held_out(26_858)
        (2000, 0)
        """
        if not self.chooses:
            return 0
        return self.validation_users or max(1, min(2000, eligible // 10))
