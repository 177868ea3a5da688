"""Weighing: what a row of a log, or of histories, counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, UsageError, name_some, shorten
from ..limits import is_number
from .columns import Part, numbers, refuse_rows

if TYPE_CHECKING:
    import polars as pl

EVENTS = ("event", "event_type", "event_name", "action", "action_type", "behavior", "behaviour", "behavior_type")
"""What columns are called that say what a user did."""


_LEAST, _MOST = 1e-6, 1e6
_ALLOWED = f"0, which leaves rows out, or a number from {_LEAST:g} to {_MOST:,.0f}"
"""Products of two of them, and of what ages leave, are far from both ends of what a float holds."""


@dataclass(frozen=True)
class Weighing:
    """column: of numbers, or of texts that `by_text` gives numbers to; None: the column of events. by_text: numbers
    by text, 0 for what is left out.

    Raises UsageError for other numbers.
    """

    column: str | None = None
    by_text: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for text, number in self.by_text.items():
            if not is_number(number) or not (number == 0 or _LEAST <= number <= _MOST):
                raise UsageError(f"The weight of {shorten(text)} must be {_ALLOWED}, got {number!r}.")

    def __bool__(self) -> bool:
        """Whether anything is weighed."""
        return self.column is not None or bool(self.by_text)

    def column_of(self, part: Part) -> str:
        """Which column is weighed by. Raises UsageError where none is named and there is none of events."""
        column = self.column or next((name for name in EVENTS if name in part.frame.columns), None)
        if column is None:
            raise UsageError(
                f"{part.name} has no column of events, such as event or action: say which column --weight is of, "
                "--weight-column (weight_column)."
            )
        return column

    def of(self, part: Part, keep: "pl.Series | None" = None) -> "pl.Series":
        """(rows,) float64: what each row counts. keep: only these rows need a weight; None: all.

        Raises DataError that names the row without one, or the text that has none, and UsageError where no column is
        named and there is none of events.
        """
        import polars as pl

        if not self.by_text:
            assert self.column is not None
            chosen = part if keep is None else replace(part, frame=part.frame.filter(keep))
            weights = numbers(chosen, self.column)
            refuse_rows(chosen, self.column, (weights != 0) & ~weights.is_between(_LEAST, _MOST), _ALLOWED)
            if keep is None:
                return weights
            everywhere = np.zeros(len(keep))
            everywhere[keep.to_numpy()] = weights.to_numpy()
            return pl.Series(self.column, everywhere)
        column = self.column_of(part)
        texts = part.frame[column].str.strip_chars()
        weights = texts.replace_strict(dict(self.by_text), default=None, return_dtype=pl.Float64)
        without = weights.is_null() if keep is None else weights.is_null() & keep
        if without.any():
            some = texts.filter(without).value_counts(sort=True)
            named = name_some([str(value) for value in some[column].to_list()])
            raise DataError(
                f"{part.name}: no weight was given for the {column} {named} ({int(without.sum()):,} rows); give it "
                "one, 0 to leave such rows out."
            )
        return weights.fill_null(0.0)
