"""Two stages and a proof: candidates by upper bound from an inverted index, rescored from the stored codes.

Any engine that can add up impacts under terms and return the best items is a first stage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..ids import Rows
from ..impacts import ImpactScale
from ..query import QueryTerms, query_terms
from .base import Answer, Query, SearchOptions, best, best_unseen
from .store import StoredCodes

FIRST_TERMS, FIRST_CANDIDATES = 128, 500
"""Where an exact search begins: on trained codes this already holds the whole top 100, and proves about half."""
FULL_QUERY_UP_TO = 100_000
"""Items up to which an exact search begins with every term: there a second pass costs more than long postings."""


class FirstStage(Protocol):
    def top(self, query: QueryTerms, count: int) -> tuple[Rows, npt.NDArray[np.float32]]:
        """The `count` items with the largest Σ impact · weight over the query's terms, best first, and these sums.

        Fewer only where no other item shares a term with the query.
        """


@dataclass(frozen=True)
class TwoStageSearch:
    """stage: the inverted index. store: the codes. scale: of the impacts. max_norm, max_nonzeros: of any stored row."""

    stage: FirstStage
    store: StoredCodes
    scale: ImpactScale
    max_norm: float
    max_nonzeros: int

    def search(self, query: Query, options: SearchOptions) -> Answer:
        """The best `k` unseen items; with `options.exact`, more candidates and terms until they are proven.

        Where the plan ends without a proof or with fewer than k items, the rest is scored from the stored codes.
        """
        wanted = min(options.k, self.store.items - len(query.seen))
        for terms, candidates in self._plan(query, wanted, options):
            cut = query_terms(query.vector, terms)
            if not len(cut.terms):
                break
            count = min(candidates + len(query.seen), self.store.items)
            rows, sums = self.stage.top(cut, count)
            unseen = rows[~np.isin(rows, query.seen)]
            top, scores = best(unseen, self.store.score(unseen, query.vector), wanted)
            if len(top) == wanted:
                proven = wanted == 0 or float(scores[-1]) >= self._bound_of_others(cut, rows, sums, count)
                if proven or not options.exact:
                    return Answer(top, scores, proven, len(cut.terms), len(unseen))
            if len(rows) < count and not len(cut.dropped):
                break  # every item that shares any term was returned: no further step can bring others
        return self._exhaustive(query, wanted)

    def _plan(self, query: Query, wanted: int, options: SearchOptions) -> Iterator[tuple[int, int]]:
        """(terms, candidates) of each step: twice as many of both, then more candidates with every term."""
        every_term = int(np.count_nonzero(query.vector))
        first_terms = FIRST_TERMS if options.exact and self.store.items > FULL_QUERY_UP_TO else every_term
        terms = min(options.query_terms or first_terms, every_term)
        candidates = max(wanted, options.candidates or FIRST_CANDIDATES)
        yield terms, candidates
        while terms < every_term:
            terms = min(2 * terms, every_term)
            candidates = min(2 * candidates, self.store.items)
            yield terms, candidates
        while candidates < self.store.items:
            candidates = min(4 * candidates, self.store.items)
            yield terms, candidates

    def _bound_of_others(self, cut: QueryTerms, rows: Rows, sums: npt.NDArray[np.float32], count: int) -> float:
        """What no item outside `rows` can exceed.

        Its kept terms bring at most the last sum (nothing, where every item that shares a term was returned);
        the dropped part r of the query brings at most max_norm · ‖the n largest |r|‖, n the most nonzeros of a
        row (Cauchy-Schwarz). Sums are floats: each of the additions, in any order, errs by at most 2^-24 of it.
        """
        if len(rows) == self.store.items:
            return -np.inf
        if len(rows) < count:
            kept = 0.0
        else:
            rounding = 1 + (len(cut.terms) + 2) * 2.0**-23
            kept = float(sums[-1]) * cut.step * self.scale.step * rounding
        heaviest = cut.dropped[: self.max_nonzeros]
        return kept + self.max_norm * float(np.sqrt(np.square(heaviest).sum())) * (1 + 1e-12)

    def _exhaustive(self, query: Query, wanted: int) -> Answer:
        top, scores = best_unseen(self.store.matrix @ query.vector, query.seen, wanted)
        return Answer(top, scores, True, int(np.count_nonzero(query.vector)), self.store.items - len(query.seen))
