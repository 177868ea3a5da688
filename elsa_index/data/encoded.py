"""Ids as numbers, a file after the other, so that a hundred million rows are eight bytes each and not text."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..storage.ids import IdMap

if TYPE_CHECKING:
    import polars as pl

Numbers = npt.NDArray[np.int32]


class Encoder:
    """Columns of ids, which become numbers of their distinct texts in the order of text.

    >>> import polars as pl
    >>> encoder = Encoder()
    >>> encoder.add(pl.Series(["b", "a"]))
    >>> encoder.add(pl.Series(["c", "a"]))
    >>> ids, numbers = encoder.finish()
    >>> list(ids), numbers.tolist()
    (['a', 'b', 'c'], [1, 0, 2, 0])
    """

    def __init__(self) -> None:
        self._parts: list[tuple[pl.Series, Numbers]] = []

    def add(self, column: "pl.Series") -> None:
        """column: text, none missing."""
        import polars as pl

        names = column.unique().sort()
        numbers = column.replace_strict(names, np.arange(len(names), dtype=np.int32), return_dtype=pl.Int32)
        self._parts.append((names, numbers.to_numpy()))

    def finish(self) -> tuple[IdMap, Numbers]:
        """All distinct ids, and the number of each row's."""
        import polars as pl

        names = pl.concat([names for names, _ in self._parts]).unique().sort()
        everywhere = np.arange(len(names), dtype=np.int32)
        numbers = [
            own.replace_strict(names, everywhere, return_dtype=pl.Int32).to_numpy()[of_rows]
            for own, of_rows in self._parts
            if len(own)
        ]
        self._parts.clear()
        return IdMap(names), np.concatenate([everywhere[:0], *numbers])
