"""Resolving: what a history of ids means for a catalogue, one or many at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..codes.query_vector import Vector
from ..data.histories import history_rows
from ..errors import UsageError, shorten
from ..sequences import is_table, listed, values_of
from ..storage.ids import IdMap
from .history import ResolvedHistory
from .history_codes import HistoryCodes

_TOGETHER = 256  # histories that are resolved together


@dataclass(frozen=True, eq=False)
class Resolver:
    """ids: of the catalogue's items. codes, weights: what each item brings to a history, and (items,) how much of it;
    None: all of it."""

    ids: IdMap
    codes: HistoryCodes
    weights: npt.NDArray[np.floating] | None

    def one(
        self,
        history: Iterable[object],
        weights: Sequence[float] | None = None,
        at: int = 0,
        seen: Iterable[object] | None = None,
    ) -> ResolvedHistory:
        """A history by rows, with its query vector.

        weights: one per item of the history; 1 where None. at: the history's place in a batch, for messages. seen: ids
        that are not to be returned; None: those of the history.

        Raises UsageError for text in place of a sequence, and for weights that do not fit.
        """
        history = _checked(history)
        if weights is not None and not _are_finite(weights, len(history)):
            raise UsageError(f"History {at} needs {len(history)} finite weights, got {shorten(weights)}.")
        rows, shares, unknown = history_rows(self.ids, history, weights)
        exponent = 0
        if weights is not None:
            shares, exponent = _in_units(shares)
        if self.weights is not None:
            shares = shares * self.weights[rows]
        left_out = None if seen is None else self.ids.known(listed(seen, f"What was seen for history {at}"))
        return ResolvedHistory(rows, shares, self.codes.vector(rows, shares), unknown, exponent, left_out)

    def all(
        self,
        histories: Iterable[Iterable[object]],
        weights: Sequence[Sequence[float] | None] | None = None,
        seen: Sequence[Iterable[object] | None] | None = None,
    ) -> list[ResolvedHistory]:
        """Each of many histories. Raises UsageError where they are none, or weights not as many."""
        histories = listed_histories(histories)
        if weights is None and seen is None:
            return [
                one
                for first in range(0, len(histories), _TOGETHER)
                for one in self._together(histories[first : first + _TOGETHER])
            ]
        if weights is None:
            weights = [None] * len(histories)
        elif not isinstance(weights, Collection) or len(weights) != len(histories):
            got = f"{len(weights):,}" if isinstance(weights, Collection) else repr(weights)
            raise UsageError(f"There must be weights for each of {len(histories):,} histories, got {got}.")
        seen = [None] * len(histories) if seen is None else listed(seen, "seen")
        if len(seen) != len(histories):
            raise UsageError(f"There must be seen items for each of {len(histories):,} histories, got {len(seen):,}.")
        parts = zip(histories, weights, seen, strict=True)
        return [self.one(history, own, at, known) for at, (history, own, known) in enumerate(parts)]

    def _together(self, histories: Sequence[Iterable[object]]) -> list[ResolvedHistory]:
        """Some histories without weights, as `one` does it: a third of the time of one after the other."""
        if len(histories) == 1:
            return [self.one(histories[0])]
        listed = [_checked(history) for history in histories]
        found = self.ids.find(name for history in listed for name in history)
        of = np.repeat(np.arange(len(listed)), list(map(len, listed)))
        is_known = np.bincount(of, found < 0, len(listed)) == 0  # all of it
        whole = is_known[of]
        places = of[whole] * len(self.ids) + found[whole]
        places.sort()
        of, rows = np.divmod(places[np.diff(places, prepend=-1) > 0], len(self.ids))
        lengths = np.bincount(of, minlength=len(listed))
        shares = np.ones(len(rows)) if self.weights is None else self.weights[rows].astype(np.float64)
        vectors = self.codes.vectors(rows, shares, lengths)
        ends = np.cumsum(lengths)[:-1]
        parts = zip(np.split(rows, ends), np.split(shares, ends), vectors, strict=True)
        return [
            ResolvedHistory(*part, []) if all_of_it else self.one(history)
            for history, part, all_of_it in zip(listed, parts, is_known, strict=True)
        ]


def listed_histories(histories: object) -> list[Iterable[object]]:
    """Histories as a list. Raises UsageError for what holds none, such as a table or a matrix: of its users and items
    nobody knows the ids."""
    is_matrix = is_table(histories) or hasattr(histories, "tocsr")
    if isinstance(histories, (str, Mapping)) or not isinstance(histories, Iterable) or is_matrix:
        got = f"a {type(histories).__name__}" if is_matrix else shorten(histories)
        raise UsageError(f"Histories are a list of lists of item ids, [['a', 'b']]; got {got}.")
    return values_of(histories)


def _checked(history: Iterable[object]) -> list[object]:
    """A history as a list. Raises UsageError for what is none."""
    if isinstance(history, (str, Mapping)) or not isinstance(history, Iterable) or getattr(history, "ndim", 1) != 1:
        got = f"the text {shorten(history)}" if isinstance(history, str) else repr(history)[:80]
        raise UsageError(f"A history is a sequence of item ids, got {got}; several are a list of such sequences.")
    return listed(history, "A history")


def _are_finite(weights: Sequence[float], count: int) -> bool:
    try:
        given = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return False
    return given.shape == (count,) and bool(np.isfinite(given).all())


_USUAL = 64
"""Largest weights from 2^-64 to 2^64 are left as they are: their products with codes, squared, are far from both ends
of what a float holds."""


def _in_units(weights: Vector) -> tuple[Vector, int]:
    """Weights in units of a power of two, so that the largest is near 1 where it is tiny or huge; and its exponent.

    >>> _in_units(np.array([3.0, 1.0]))[1], _in_units(np.array([2.0**-600, 0.0]))
    (0, (array([0.5, 0. ]), -599))
    """
    _, exponent = np.frexp(np.max(np.abs(weights), initial=0.0))
    return (weights, 0) if abs(int(exponent)) <= _USUAL else (np.ldexp(weights, -int(exponent)), int(exponent))
