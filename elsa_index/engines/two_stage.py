"""Two stages and a proof: candidates by upper bound from an inverted index, rescored from the stored codes.

Any engine that can add up impacts under terms and return the best items is a first stage.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..codes.query_terms import QueryTerms, query_terms
from ..data.scipy_matrix import sum_in_order
from ..storage.files import load_array
from ..storage.ids import Rows
from ..storage.ranges import check_range, check_shape
from .contract import Answer, Query, SearchPlan
from .exhaustive import among_reached, exhaustive
from .stored_codes import StoredCodes
from .top_k import best, in_sorted

_HEAVY_FILE = "codes.heavy.npy"
HEAVY = 1000
HEAVY_SHARE = 0.005
"""Items of the largest norms, at least so many and this share, which every search scores, together and thus in little
time: popular items, whose codes are long, are often among the best, and what a cut query leaves out is bounded by the
largest norm of the other items. At a million items 16 terms and 1,000 candidates overlap 0.992 with the exact top 100
beside 5,000 heavy items, 0.982 beside 1,000."""


@dataclass(frozen=True)
class Candidates:
    """rows, sums: items, best first, and their Σ impact · weight. complete: no other item that the query may return
    shares a term with it."""

    rows: Rows
    sums: npt.NDArray[np.float32]
    complete: bool

    def largest_sum_beyond(self, count: int) -> float:
        """What the sum of no item exceeds that is not among the first `count`."""
        return 0.0 if self.complete and count == len(self.rows) else float(self.sums[count - 1])


class FirstStage(Protocol):
    """most_candidates: how many items it can return."""

    most_candidates: int

    def most_terms(self, query: Query) -> int:
        """How many terms the query may have."""

    def top(self, cut: QueryTerms, query: Query, count: int) -> Candidates:
        """At least `count` items that the query may return, or all that share a term with it, those with the largest
        sums over the terms of `cut`. Items that the query has seen may be among them.
        """


@dataclass(frozen=True)
class HeavyItems:
    """rows: the items of the largest norms, sorted; none where all norms are about the same. rest_norm: the largest
    norm of the other items."""

    rows: Rows
    rest_norm: float

    @classmethod
    def of(cls, store: StoredCodes, *, short_queries: bool = False) -> "HeavyItems":
        """short_queries: they are never cut, so that what they leave out need not be bounded, and there are none."""
        norms = store.norms
        if short_queries:
            return cls(np.zeros(0, dtype=np.int64), float(np.max(norms)))
        count = min(max(HEAVY, int(HEAVY_SHARE * store.items)), store.items - 1)
        least, rest = np.partition(norms, [-count - 1, -count])[[-count, -count - 1]] if count else (np.inf, norms[0])
        largest = float(np.max(norms))
        if rest > 0.99 * largest:
            return cls(np.zeros(0, dtype=np.int64), largest)
        larger, equal = np.flatnonzero(norms > least), np.flatnonzero(norms == least)
        return cls(np.sort(np.concatenate([larger, equal[: count - len(larger)]])), float(rest))

    def save(self, directory: Path) -> None:
        """Writes the rows; `rest_norm` is for the engine's parameters."""
        np.save(directory / _HEAVY_FILE, self.rows.astype(np.uint32))

    @classmethod
    def load(cls, directory: Path, rest_norm: float, items: int) -> "HeavyItems":
        rows = load_array(directory / _HEAVY_FILE)
        check_shape(rows, (None,), "u", f"The rows in {directory / _HEAVY_FILE}")
        check_range(rows, items, f"The rows in {directory / _HEAVY_FILE}")
        return cls(rows.astype(np.int64), rest_norm)


@dataclass(frozen=True)
class Growth:
    """Where a search begins, before it grows."""

    first_terms: int = 192
    """Terms with which an exact search begins, twice as many at each further step. Of Gowalla's histories of 40 to 80
    items, 500 terms, 128 prove 37 % (41 thousand items) to 77 % (a million), 192 prove 85 % to 97 %; the mean time is
    about the same, but whatever needs a second step is twice as slow."""
    full_query_up_to: int = 20_000
    """Items up to which an exact search begins with every term: lists are short there, and a step costs more."""
    first_candidates: int = 500
    exact_candidates: int = 2000
    """Candidates of an exact search with a cut query: asking an inverted index for more costs next to nothing beside
    more terms, and their last sum is what the bound of everything else starts from."""
    few: int = 10_000
    """Where a filter leaves so few items, these are scored from the stored codes: that takes a millisecond, less than a
    query, and a cut query of the whole catalogue, as it was calibrated, would miss many of them."""

    @classmethod
    def of(cls, *, short_queries: bool) -> "Growth":
        """Short queries, whose terms are a history's items, are asked whole: a term left out is an item left out."""
        return cls(full_query_up_to=sys.maxsize) if short_queries else cls()


@dataclass(frozen=True)
class TwoStageSearch:
    """stage: the inverted index. store: the codes. impact_step: what one unit of impact stands for, at most. heavy:
    items that are always rescored. growth: where it begins."""

    stage: FirstStage
    store: StoredCodes
    impact_step: float
    heavy: HeavyItems
    growth: Growth = Growth()

    def search(self, query: Query, plan: SearchPlan) -> Answer:
        """The best `k` items left to the query; with `plan.exact`, more candidates and terms until they are proven.

        Where the plan ends without a proof or with fewer than k items, the rest is scored from the stored codes.
        """
        wanted = min(plan.k, query.left(self.store.items))
        if self.leaves_few(query):
            return self._of_few(query, wanted)
        for terms, candidates in self._steps(query, wanted, plan):
            cut = query_terms(query.vector, terms)
            if not len(cut.terms):
                break
            found = self.stage.top(cut, query, candidates)
            answer = self._rescored(query, cut, found, wanted, plan.exact)
            if len(answer.rows) == wanted and (answer.proven or not plan.exact):
                return answer
            if found.complete and not len(cut.dropped):  # every item that shares a term of the same sign was returned
                return self._completed(query, cut, found, wanted)
        return self._exhaustive(query, wanted)

    def leaves_few(self, query: Query) -> bool:
        """Whether a filter leaves so few items that each is scored."""
        return query.only is not None and query.only.count <= self.growth.few

    def _steps(self, query: Query, wanted: int, plan: SearchPlan) -> Iterator[tuple[int, int]]:
        """(terms, candidates) of each step: twice as many terms, then more candidates with every term."""
        every_term = len(query.vector)
        most_candidates = min(self.store.items, self.stage.most_candidates)
        if plan.many_terms == "cut":
            every_term = min(every_term, self.stage.most_terms(query))
        grows = plan.exact and self.store.items > self.growth.full_query_up_to
        terms = min(plan.query_terms or (self.growth.first_terms if grows else every_term), every_term)
        is_cut = terms < every_term
        usual = self.growth.exact_candidates if plan.exact and is_cut else self.growth.first_candidates
        candidates = min(max(wanted, plan.candidates or usual), most_candidates)
        yield terms, candidates
        while terms < every_term:
            terms = min(2 * terms, every_term)
            yield terms, candidates
        while candidates < most_candidates:
            candidates = min(4 * candidates, most_candidates)
            yield terms, candidates

    def _rescored(self, query: Query, cut: QueryTerms, found: Candidates, wanted: int, exact: bool) -> Answer:
        """The best of the candidates and the heavy items.

        An exact search rescores candidates, best first, only until the rest of them cannot be among the top k.
        """
        top, scores = self._heavy_scores(query)
        proven, rescored = False, 0
        for part in _parts(found.rows, max(wanted, self.growth.first_candidates) if exact else len(found.rows)):
            rescored += len(part)
            new = part[~in_sorted(part, self.heavy.rows) & ~in_sorted(part, query.seen)]
            pool = np.concatenate([scores, self.store.score(new, query.vector)])
            top, scores = best(np.concatenate([top, new]), pool, wanted)
            if len(top) == wanted:
                bound = self._bound_of_others(cut, found.largest_sum_beyond(rescored))
                # Not where they are equal: among equal scores the lower row comes first.
                proven = not wanted or float(scores[-1]) > bound
            if proven:
                break
        return Answer(top, scores, proven, len(cut.terms), rescored)

    def _heavy_scores(self, query: Query) -> tuple[Rows, npt.NDArray[np.float64]]:
        """Those heavy items that the query may return, and their scores."""
        rows = self.heavy.rows
        if not len(rows):
            return rows, np.zeros(0)
        codes = self._heavy_codes
        products = codes.data * query.vector.at(codes.indices)
        scores = sum_in_order(products, np.diff(codes.indptr))
        left = query.may_return(rows)
        return rows[left], scores[left]

    @cached_property
    def _heavy_codes(self) -> csr_array:
        return self.store.csr_rows(self.heavy.rows)

    def _bound_of_others(self, cut: QueryTerms, last_sum: float) -> float:
        """What no item can exceed whose sum over the query's kept terms is at most `last_sum` and that is not heavy.

        The dropped part r of the query brings at most rest_norm · ‖the n largest |r|‖, n the most nonzeros of a row
        (Cauchy-Schwarz). Sums are floats: each of the additions, in any order, errs by at most 2^-24 of it.
        """
        rounding = 1 + (len(cut.terms) + 2) * 2.0**-23
        kept = last_sum * cut.step * self.impact_step * rounding
        heaviest = cut.dropped[: self.store.max_nonzeros]
        unit = float(heaviest[0]) if len(heaviest) else 1.0  # squares of tiny weights would be 0
        return kept + self.heavy.rest_norm * unit * float(np.linalg.norm(heaviest / unit)) * (1 + 1e-12)

    def _completed(self, query: Query, cut: QueryTerms, found: Candidates, wanted: int) -> Answer:
        """The top k from all items that share a term with the query, of the same sign or, asked for here, of the other;
        the rest score 0. Exhaustive where that are many."""
        opposite = self.stage.top(replace(cut, terms=cut.terms ^ 1), query, self.growth.exact_candidates)
        if not opposite.complete:
            return self._exhaustive(query, wanted)
        rows = np.union1d(found.rows, opposite.rows)
        return among_reached(query, rows, self.store.score(rows, query.vector), self.store.items, wanted)

    def _exhaustive(self, query: Query, wanted: int) -> Answer:
        if query.left(self.store.items) < self.store.items // 10:
            return self._of_few(query, wanted)
        return exhaustive(self.store, [query], wanted)[0]

    def _of_few(self, query: Query, wanted: int) -> Answer:
        """The top k by scoring each item that is left."""
        rows = query.rows_left(self.store.items)
        return Answer(*best(rows, self.store.score(rows, query.vector), wanted), True, len(query.vector), len(rows))


def _parts(rows: Rows, size: int) -> Iterator[Rows]:
    """Successive parts of at most `size` rows; one empty part where there are no rows."""
    yield rows[:size]
    for begin in range(size, len(rows), max(size, 1)):
        yield rows[begin : begin + size]
