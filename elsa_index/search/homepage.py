"""The rows of a homepage: what is best for a history, and the best of its best segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..segments.stored import Segment, Segments
from ..storage.ids import Rows

if TYPE_CHECKING:
    from ..index import Index

FOR_YOU = "For you"
POPULAR = "Popular"
_CONSIDERED = 4  # times as many segments as there are rows, to choose diverse ones from


@dataclass(frozen=True)
class HomepageRow:
    """name: of the segment, `For you` or `Popular`. segment: None for the first row. score: of the segment. items: ids,
    best first, and scores: theirs; numbers of interactions where the homepage is a popular one."""

    name: str
    segment: Segment | None
    score: float | None
    items: list[str]
    scores: list[float]


@dataclass(frozen=True)
class Homepage:
    """rows: the first is for the whole history, the others of one segment each; no item is in two of them. popular:
    no item of the history is known, so that the rows are popular items and the largest segments. unknown: ids of the
    history that the index does not hold. promise: what the least certain row is worth, in one line."""

    rows: list[HomepageRow]
    popular: bool
    unknown: list[str]
    promise: str


@dataclass(frozen=True)
class HomepageOptions:
    """What `Index.homepage` is asked for, which see.

    Raises UsageError for values out of range.
    """

    rows: int
    k: int
    fewest: int | None
    diversity: float
    exact: bool

    def __post_init__(self) -> None:
        for name, value in (("rows", self.rows), ("k", self.k), ("fewest", self.least)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}.")
        if self.least > self.k:
            raise UsageError(f"fewest must be at most k, {self.k}, got {self.least}.")
        if not 0 <= self.diversity <= 1:
            raise UsageError(f"diversity must be from 0 to 1, got {self.diversity}.")

    @property
    def least(self) -> int:
        return (self.k + 1) // 2 if self.fewest is None else self.fewest


def homepage(
    index: "Index", history: Sequence[object], weights: Sequence[float] | None, options: HomepageOptions
) -> Homepage:
    """The rows for one history; see `Index.homepage`."""
    segments = index.required_segments
    ranked = index.rank_segments(history, _CONSIDERED * options.rows, weights=weights)
    if ranked.popular:
        return _popular(index, segments, ranked.unknown, options)
    given = None if weights is None else [weights]
    first = index.search([history], options.k, weights=given, exact=options.exact)
    answers = [first]
    shown = first.rows[0][first.rows[0] >= 0]
    rows = [_row(FOR_YOU, None, None, first.ids[0], first.scores[0], options.k, frozenset())]
    taken = frozenset(first.ids[0][: len(shown)].tolist())
    seen = np.union1d(index.ids.find(history), shown)
    seen = seen[seen >= 0]
    for at in _diverse(segments.vectors[ranked.numbers].toarray(), ranked.scores, options.diversity):
        if len(rows) == options.rows:
            break
        segment = segments[int(ranked.numbers[at])]
        left = segment.size - int(np.count_nonzero(segments.of[seen] == segment.number))
        if left < options.least:
            continue
        # Segments share no item, so that only the first row can have taken some of this one.
        overlap = int(np.count_nonzero(segments.of[shown] == segment.number))
        found = index.search([history], options.k + overlap, weights=given, exact=options.exact, tags=[segment.tag])
        answers.append(found)
        rows.append(
            _row(segment.name, segment, float(ranked.scores[at]), found.ids[0], found.scores[0], options.k, taken)
        )
    # A page is worth what its least certain row is.
    weakest = next((found for found in answers if not found.proven[0]), first)
    return Homepage(rows, False, ranked.unknown, weakest.promise)


def _row(
    name: str,
    segment: Segment | None,
    score: float | None,
    ids: npt.NDArray[np.object_],
    scores: npt.NDArray[np.floating],
    k: int,
    taken: frozenset[str],
) -> HomepageRow:
    kept = [at for at, item in enumerate(ids) if item is not None and item not in taken][:k]
    return HomepageRow(name, segment, score, [ids[at] for at in kept], [float(scores[at]) for at in kept])


def _diverse(vectors: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], diversity: float) -> list[int]:
    """The order in which ranked segments are taken: maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998),
    score · (1 - diversity · cosine to the nearest one taken).

    >>> _diverse(np.array([[1.0, 0], [0.9, 0.4], [0, 1]]), np.array([3.0, 2.9, 2.0]), 0.5)
    [0, 2, 1]
    """
    cosines = np.clip(vectors @ vectors.T, 0, 1)
    order: list[int] = []
    left = list(range(len(scores)))
    nearest = np.zeros(len(scores))
    while left:
        taken = max(left, key=lambda at: (scores[at] * (1 - diversity * nearest[at]), -at))
        order.append(taken)
        left.remove(taken)
        nearest = np.maximum(nearest, cosines[taken])
    return order


def _popular(index: "Index", segments: Segments, unknown: list[str], options: HomepageOptions) -> Homepage:
    """Popular items and the largest segments, for a history without a known item. Codes from elsewhere come without
    counts: then there is no first row, and a segment's typical items stand for its popular ones."""
    counts = index.item_counts
    rows: list[HomepageRow] = []
    taken: Rows = np.zeros(0, dtype=np.int64)
    if counts is not None:
        taken = _most(np.arange(len(index)), counts, options.k)
        rows.append(_counted(index, POPULAR, None, taken, counts))
    for segment in segments:
        if len(rows) == options.rows:
            break
        if counts is None:
            chosen = segments.rows_of(segment.number)[: options.k]
        else:
            inside = segments.rows_of(segment.number)
            chosen = _most(np.sort(inside[~np.isin(inside, taken)]), counts, options.k)
        if len(chosen) >= options.least:
            rows.append(_counted(index, segment.name, segment, chosen, counts))
    known = "the popular items" if counts is not None else "typical items (the codes came without item counts)"
    return Homepage(rows, True, unknown, f"no item of the history is known: {known} and the largest segments")


def _most(rows: Rows, counts: npt.NDArray, k: int) -> Rows:
    return rows[np.argsort(-counts[rows].astype(np.int64), kind="stable")[:k]]


def _counted(index: "Index", name: str, segment: Segment | None, rows: Rows, counts: npt.NDArray | None) -> HomepageRow:
    scores = [0.0] * len(rows) if counts is None else [float(counts[row]) for row in rows]
    return HomepageRow(name, segment, None, index.ids.take(rows).tolist(), scores)
