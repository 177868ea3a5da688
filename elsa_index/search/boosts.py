"""Boosts: scores multiplied by what is known of items: a tag, an age, a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from ..data.facets import Facets
from ..data.numbers import Numbers
from ..errors import UsageError, name_some, shorten
from ..limits import is_number
from ..spans import seconds_of
from ..storage.ids import Rows

Kind = Literal["tag", "age", "power"]
_MOST = 1e6
_ALLOWED = {"tag": (1 / _MOST, _MOST), "age": (1.0, 1e12), "power": (-10.0, 10.0)}
"""Every factor is kept from a millionth to a million, so that products are far from both ends of what a float holds."""
_EXAMPLES = "tag:new=1.5, age:released=180d or power:rating=0.5"


@dataclass(frozen=True)
class Boost:
    """What scores are multiplied by; those below 0 are divided by it.

    Attributes:
        kind: `tag`: by `by` if an item carries the tag. `age`: by 2^(-age / `by`), the age being what its number lacks
            to the largest of all, in seconds for dates. `power`: by (its number / the median of those above 0)^`by`,
            if it is above 0. Items without the number stay as they are.
        name: Of the tag or the number.
        by: For `power` from -10 to 10, above 0 for the others. Every factor is kept from a millionth to a million.

    Raises:
        UsageError: For what is no boost.
    """

    kind: Kind
    name: str
    by: float

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or not is_number(self.by) or not abs(self.by) < np.inf:
            raise UsageError(f"A boost is such as {_EXAMPLES}; got {self.kind}:{self.name}={self.by!r}.")
        allowed = _ALLOWED[self.kind]
        if not allowed[0] <= self.by <= allowed[1]:
            least, most = allowed
            raise UsageError(
                f"The boost {self.kind}:{self.name} must be by a number from {least:g} to {most:g}, got {self.by!r}."
            )

    @classmethod
    def parsed(cls, text: object) -> "Boost":
        """From text.

        >>> Boost.parsed("tag:new=1.5"), Boost.parsed("age:released=1d").by
        (Boost(kind='tag', name='new', by=1.5), 86400.0)
        """
        if isinstance(text, Boost):
            return text
        kind, _, rest = str(text).partition(":")
        name, _, by = rest.rpartition("=")
        if kind not in get_args(Kind) or not name:
            raise UsageError(f"A boost is such as {_EXAMPLES}; got {shorten(text)}.")
        try:
            return cls(kind, name, seconds_of(by) if kind == "age" else float(by))  # type: ignore[arg-type]
        except ValueError as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"A boost is such as {_EXAMPLES}; got {shorten(text)}.") from None


@dataclass(frozen=True, eq=False)
class Boosts:
    """Boosts of a catalogue. most: what no item's score is multiplied by more than."""

    boosts: Sequence[Boost]
    facets: Facets
    most: float

    @classmethod
    def of(cls, boosts: Sequence[Boost], facets: Facets) -> "Boosts | None":
        """None where there are none. Raises UsageError for numbers that there are none of."""
        if not boosts:
            return None
        numbers = facets.numbers
        for boost in boosts:
            if boost.kind != "tag" and (numbers is None or boost.name not in numbers.names):
                has = name_some(list(numbers.names)) if numbers else "none"
                raise UsageError(f"The index has no numbers {shorten(boost.name)} to boost by; it has {has}.")
        return cls(boosts, facets, float(np.prod([_largest(boost, numbers) for boost in boosts])))

    def applied(self, rows: Rows, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(rows,) scores of some rows, boosted."""
        factors = np.ones(len(rows))
        for boost in self.boosts:
            factors *= np.clip(self._factors(boost, rows), 1 / _MOST, _MOST)
        return np.where(scores >= 0, scores * factors, scores / factors)

    def bound(self, score: float) -> float:
        """What no boosted score exceeds whose score is at most that."""
        return score * self.most if score >= 0 else score / self.most

    def _factors(self, boost: Boost, rows: Rows) -> npt.NDArray[np.float64]:
        if boost.kind == "tag":
            tags = self.facets.tags
            if tags is None or not tags.is_carried(boost.name):
                return np.ones(len(rows))
            carried = np.isin(rows, tags.rows_of(tags.numbers([boost.name])[0]))
            return np.where(carried, boost.by, 1.0)
        assert self.facets.numbers is not None
        number = self.facets.numbers.names.index(boost.name)
        values = self.facets.numbers.columns[number][rows]
        summary = self.facets.numbers.summaries[number]
        if boost.kind == "age":
            ages = np.where(np.isnan(values), 0.0, summary.most - values)
            return np.exp2(-np.minimum(ages / boost.by, np.log2(_MOST)))
        with np.errstate(over="ignore", under="ignore"):
            return np.where(values > 0, (np.where(values > 0, values, 1.0) / summary.median) ** boost.by, 1.0)


def _largest(boost: Boost, numbers: Numbers | None) -> float:
    if boost.kind == "tag":
        return max(1.0, boost.by)
    if boost.kind == "age":
        return 1.0
    assert numbers is not None
    summary = numbers.summaries[numbers.names.index(boost.name)]
    ends = np.array([end for end in (summary.least_above_0, summary.most) if end > 0])
    with np.errstate(over="ignore", under="ignore"):
        return float(np.clip(np.max((ends / summary.median) ** boost.by, initial=1.0), 1.0, _MOST))
