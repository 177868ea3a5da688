"""IdMap: external ids and their rows, frozen."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from ..errors import DataError, StorageError, UnknownIdError, name_some, shorten
from ..sequences import listed
from .strings import Strings

Rows = npt.NDArray[np.int64]


_EXACT = 2**53  # beyond it floats are no whole numbers any more


def external_id(value: object) -> str:
    """`value` as an external id: a string as it is, an integer in decimal digits, also one that is held as a float, as
    pandas does where one is missing."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, float | np.floating) and abs(number := float(value)) < _EXACT and number.is_integer():
        return str(int(number))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float | np.floating) and abs(number := float(value)) < _EXACT:  # not of NaN
        return repr(number)
    raise DataError(f"An id must be a non-empty string or an integer, got {shorten(value)} ({type(value).__name__}).")


_DAMAGED = "Stored ids are damaged: one is empty, or there twice."
_MANY, _FEW, _OFTEN = 100_000, 10_000, 6
"""Of so many ids, so few are found without a table of all, so many times."""


def _ends(strings: Strings) -> npt.NDArray[np.uint64]:
    """(strings,) the last eight bytes of each, and in the first of them its length."""
    starts, ends = strings.offsets[:-1].astype(np.int64), strings.offsets[1:].astype(np.int64)
    keys = (ends - starts).astype(np.uint64) << np.uint64(56)
    for back in range(1, 9):
        inside = np.flatnonzero(ends - back >= starts)
        keys[inside] ^= strings.utf8[ends[inside] - back].astype(np.uint64) << np.uint64(8 * (back - 1))
    return keys


class IdMap(Strings):
    """External ids <-> rows 0 … n - 1.

    Any non-empty text is an id: commas, quotes, newlines, 10,000 characters.

    >>> items = IdMap(["tt1", "tt2", "a,b"])
    >>> items.rows(["a,b", "tt1"]).tolist(), items[1], len(items)
    ([2, 0], 'tt2', 3)
    >>> items.rows(["tt9"])
    Traceback (most recent call last):
    elsa_index.errors.UnknownIdError: 1 unknown id: 'tt9'
    """

    _asked = 0

    def __init__(self, ids: Iterable[object]) -> None:
        """Raises DataError for an empty, non-text or duplicate id."""
        names = [external_id(value) for value in ids]
        if len(set(names)) < len(names):
            seen: set[str] = set()
            repeated = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
            raise DataError(f"Ids must be unique; repeated: {name_some(repeated)}.")
        super().__init__(names)

    def __contains__(self, name: object) -> bool:
        return name in self._row_of

    @cached_property
    def _row_of(self) -> dict[str, int]:
        row_of = dict(zip(self, range(len(self)), strict=True))
        if len(row_of) < len(self) or "" in row_of:
            raise StorageError(_DAMAGED)
        return row_of

    @cached_property
    def _names(self) -> list[str]:
        """All ids, of which `_row_of` holds the text: naming results decodes nothing."""
        return list(self._row_of)

    def _is_asked_little(self, names: int) -> bool:
        """Whether the table of all ids, a second for a million, is not worth making: few names of many, and not asked
        again and again."""
        if "_row_of" in self.__dict__ or len(self) < _MANY or names > _FEW or self._asked >= _OFTEN:
            return False
        self._asked += 1
        return True

    def _found_by_ends(self, names: list[str]) -> Rows | None:
        """Rows of few names, by the last bytes of all ids; None where these tell them apart badly."""
        wanted = Strings(names)
        of_wanted, of_all = _ends(wanted), self._all_ends
        ascending = np.unique(of_wanted)
        place = np.minimum(np.searchsorted(ascending, of_all), len(ascending) - 1)
        rows = np.flatnonzero(ascending[place] == of_all) if len(names) else np.zeros(0, dtype=np.int64)
        if len(rows) > 10 * _FEW:
            return None
        row_of: dict[str, int] = {}
        for row in rows.tolist():
            if row_of.setdefault(self[row], row) != row:
                raise StorageError(_DAMAGED)
        return np.array([row_of.get(name, -1) for name in names], dtype=np.int64)

    @cached_property
    def _all_ends(self) -> npt.NDArray[np.uint64]:
        return _ends(self)

    def names_of(self, rows: Rows) -> list[str]:
        """The ids of some rows, each from 0 on."""
        if self._is_asked_little(len(rows)):
            return [self[row] for row in rows.tolist()]
        return list(map(self._names.__getitem__, rows.tolist()))

    def find(self, names: Iterable[object]) -> Rows:
        """Rows of `names`, int64; -1 for a name that is not here."""
        names = list(names)
        if self._is_asked_little(len(names)):
            few = self._found_by_ends([external_id(name) for name in names])
            if few is not None:
                return few
        row_of: dict[Any, int] = self._row_of
        try:  # mostly all are here, as text
            found = list(map(row_of.__getitem__, names))
        except (KeyError, TypeError):
            found = [row_of.get(external_id(name), -1) for name in names]
        return np.array(found, dtype=np.int64)

    def known(self, names: Iterable[object]) -> Rows:
        """Rows of those of `names` that are here, int64, ascending, each once.

        >>> IdMap(["a", "b", "c"]).known(["c", "x", "a", "c"]).tolist()
        [0, 2]
        """
        rows = self.find(listed(names, "ids"))
        return np.unique(rows[rows >= 0])

    def rows(self, names: Iterable[object]) -> Rows:
        """Rows of `names`, int64. Raises UnknownIdError, listing what is missing."""
        wanted = [external_id(name) for name in listed(names, "ids")]
        rows = self.find(wanted)
        missing = [name for name, row in zip(wanted, rows, strict=True) if row < 0]
        if missing:
            raise UnknownIdError(f"{len(missing)} unknown id{'s' * (len(missing) > 1)}: {name_some(missing)}")
        return rows
