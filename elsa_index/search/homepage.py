"""The rows of a homepage: what is best for a history, and the best of its best segments."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..catalogue.catalogue import Catalogue
from ..catalogue.history import ResolvedHistory
from ..engines.contract import Filter
from ..engines.top_k import in_sorted
from ..segments.stored import Segment
from ..storage.ids import Rows
from .diversity import diverse_order
from .homepage_options import HomepageOptions
from .options import SearchOptions
from .recommend import recommend
from .result import Ranking, SearchResult
from .segments import RankedSegments, rank_segments

FOR_YOU = "For you"
POPULAR = "Popular"
_CONSIDERED = 4  # times as many segments as there are rows, to choose diverse ones from


@dataclass(frozen=True)
class HomepageRow:
    """One row of a homepage.

    Attributes:
        name: Of the segment, `For you` or `Popular`.
        segment: None for the first row.
        score: Of the segment.
        items: Ids, best first.
        scores: Of the items; numbers of interactions where the homepage is a popular one.
        rows: Rows of the items, for titles and metadata.
    """

    name: str
    segment: Segment | None
    score: float | None
    items: list[str]
    scores: list[float]
    rows: list[int]


@dataclass(frozen=True)
class Homepage:
    """Rows of recommendations.

    Attributes:
        rows: The first is for the whole history, the others of one segment each; no item is in two of them.
        popular: No item of the history is known, so that the rows are popular items and the largest segments.
        unknown: Ids of the history that the index does not hold.
        promise: What the least certain row is worth, in one line.
    """

    rows: list[HomepageRow]
    popular: bool
    unknown: list[str]
    promise: str


def homepage(catalogue: Catalogue, history: ResolvedHistory, options: HomepageOptions) -> Homepage:
    """The rows for one history.

    Raises UsageError for an index without segments.
    """
    ranked = rank_segments(catalogue, history, _CONSIDERED * options.rows)
    if ranked.popular:
        return _popular(catalogue, history, options)
    found = _Rows(catalogue, history, options)
    segments = catalogue.required_segments
    scores = dict(zip(ranked.numbers.tolist(), ranked.scores.tolist(), strict=True))
    order = [(number, scores.get(number)) for number in segments.pinned]
    order += [part for part in _diverse_first(catalogue, ranked, options.diversity) if part[0] not in segments.pinned]
    for number, score in order:
        if len(found.rows) == options.rows:
            break
        found.add(segments[number], score)
    return Homepage(found.rows, False, history.unknown, found.promise)


class _Rows:
    """The rows of one homepage, one after the other: each is a search, and no item is shown twice."""

    def __init__(self, catalogue: Catalogue, history: ResolvedHistory, options: HomepageOptions) -> None:
        self._catalogue, self._history, self._options = catalogue, history, options
        self._only = catalogue.filter(options.filters)
        self._search = SearchOptions(options.k, options.filters, exact=options.exact, keep_seen=options.keep_seen)
        first = self._searched(self._search)
        self._shown = first.rankings[0].rows
        self._seen = np.sort(self._shown) if options.keep_seen else np.union1d(history.seen, self._shown)
        self.rows = [self._row(FOR_YOU, None, None, first.rankings[0])]
        self.promise = first.promise
        self._all_proven = first.rankings[0].proven

    def add(self, segment: Segment, score: float | None) -> None:
        """A row of the best items of a segment, where enough of them are new to the history and the first row."""
        segments = self._catalogue.required_segments
        left = _passing(segments.members(segment.number), self._only)
        if np.count_nonzero(~in_sorted(left, self._seen)) < self._options.least:
            return
        # Segments share no item, so that only the first row can have taken some of this one.
        overlap = int(np.count_nonzero(segments.of[self._shown] == segment.number))
        filters = replace(self._options.filters, tags=(*self._options.filters.tags, segment.tag))
        found = self._searched(replace(self._search, k=self._options.k + overlap, filters=filters))
        self.rows.append(self._row(segment.name, segment, score, found.rankings[0], without=self._shown))
        if self._all_proven and not found.rankings[0].proven:  # a page is worth what its least certain row is
            self._all_proven, self.promise = False, found.promise

    def _searched(self, options: SearchOptions) -> SearchResult:
        return recommend(self._catalogue, [self._history], options)

    def _row(
        self, name: str, segment: Segment | None, score: float | None, found: Ranking, without: Rows | None = None
    ) -> HomepageRow:
        fresh = np.ones(len(found.rows), dtype=bool) if without is None else ~np.isin(found.rows, without)
        kept = np.flatnonzero(fresh)[: self._options.k]
        items = [found.items[at] for at in kept.tolist()]
        return HomepageRow(name, segment, score, items, found.scores[kept].tolist(), found.rows[kept].tolist())


def _diverse_first(catalogue: Catalogue, ranked: RankedSegments, diversity: float) -> list[tuple[int, float]]:
    """Ranked segments with their scores, in the order in which they are taken."""
    vectors = catalogue.required_segments.vectors[ranked.numbers]
    cosines = (vectors @ vectors.T).toarray()
    order, _ = diverse_order(ranked.scores, lambda at: cosines[at], diversity, len(ranked.scores))
    return [(int(ranked.numbers[at]), float(ranked.scores[at])) for at in order]


def _popular(catalogue: Catalogue, history: ResolvedHistory, options: HomepageOptions) -> Homepage:
    """Popular items and the largest segments, for a history without a known item. Codes from elsewhere come without
    counts: then there is no first row, and a segment's typical items stand for its popular ones."""
    counted = catalogue.item_counts is not None
    segments = catalogue.required_segments
    only = catalogue.filter(options.filters)
    rows: list[HomepageRow] = []
    seen: Rows = np.zeros(0, dtype=np.int64) if options.keep_seen else history.seen
    shown = seen
    if counted:
        shown, counts = catalogue.popular(options.k, only, seen)
        rows.append(_listed(catalogue, POPULAR, None, shown, counts))
    for number in dict.fromkeys([*segments.pinned, *segments.listed]):
        if len(rows) == options.rows:
            break
        segment = segments[number]
        members = np.setdiff1d(_passing(segments.rows_of(segment.number), only), seen, assume_unique=True)
        chosen, counts = members[: options.k], np.zeros(min(options.k, len(members)))
        if counted:
            fresh = np.setdiff1d(members, shown, assume_unique=True)
            chosen, counts = catalogue.most_popular_of(fresh, options.k)
        if len(chosen) >= options.least:
            rows.append(_listed(catalogue, segment.name, segment, chosen, counts))
    known = "the popular items" if counted else "typical items (the codes came without item counts)"
    promise = f"no item of the history is known: {known} and the largest segments"
    return Homepage(rows, True, history.unknown, promise)


def _passing(rows: Rows, only: Filter | None) -> Rows:
    return rows if only is None else rows[only.passes(rows)]


def _listed(
    catalogue: Catalogue, name: str, segment: Segment | None, rows: Rows, counts: npt.NDArray[np.float64]
) -> HomepageRow:
    return HomepageRow(name, segment, None, catalogue.ids.take(rows).tolist(), counts.tolist(), rows.tolist())
