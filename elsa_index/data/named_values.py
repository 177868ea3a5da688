"""Values that a call names, such as `--where event=buy`: which rows have them, and which no row has."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import UsageError, shorten
from .frames import as_text

if TYPE_CHECKING:
    import polars as pl

_TOLD = 5


class NamedValues:
    """Some values of a column, and how often rows have others.

    >>> import polars as pl
    >>> events = NamedValues("event", ["buy", "carrt"])
    >>> events.among(pl.Series(["view", " buy", None, "view"])).to_list()
    [False, True, False, False]
    >>> events.lacking, str(events)
    (['carrt'], 'no row has event carrt; there are view, buy')
    """

    def __init__(self, column: str, values: Iterable[object]) -> None:
        """Raises UsageError for one text in place of several values, and for None."""
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise UsageError(f"Values of {column} are several, [{values!r}]; got {shorten(values)}.")
        texts = {as_text(value) for value in values}
        if None in texts:
            raise UsageError(f"Values of {column} are some that rows have, got None; drop rows without one before.")
        self.column, self.values = column, sorted(text for text in texts if text is not None)
        self._met: Counter[str] = Counter()

    def among(self, texts: "pl.Series") -> "pl.Series":
        """(rows,) bool: whether each of some rows has one of them."""
        stripped = texts.str.strip_chars()
        self.meet(stripped)
        return stripped.is_in(self.values).fill_null(value=False)

    def meet(self, stripped: "pl.Series") -> None:
        """Counts what some rows have, without blanks around it: these values, and the most frequent ones."""
        import polars as pl

        counts = stripped.alias("text").drop_nulls().value_counts(sort=True)
        common = counts.filter(pl.col("text").is_in(self.values) | (pl.int_range(pl.len()) < _TOLD))
        self._met.update(dict(common.iter_rows()))

    @property
    def lacking(self) -> list[str]:
        """Those that no row had."""
        return [value for value in self.values if value not in self._met]

    def __str__(self) -> str:
        often = sorted(self._met, key=lambda value: (-self._met[value], value))[:_TOLD]
        return f"no row has {self.column} {' or '.join(self.lacking)}; there are {', '.join(often) or 'none'}"
