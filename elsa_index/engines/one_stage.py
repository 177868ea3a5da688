"""One stage: the impacts in an inverted index are the codes, and what it adds up is the score."""

from dataclasses import dataclass, replace

import numpy as np

from ..codes.query_terms import QueryTerms, whole_terms
from ..codes.query_vector import QueryVector
from ..storage.ids import Rows
from .contract import Answer, Query, SearchPlan
from .exhaustive import among_reached
from .top_k import best, in_sorted
from .two_stage import FirstStage


@dataclass(frozen=True)
class OneStageSearch:
    """stage: the inverted index. items: how many there are. bits, impact_step: of impacts, and what one unit of them
    stands for. negative: dimensions in which any item's weight is below 0, sorted: only there is a second query needed.
    """

    stage: FirstStage
    items: int
    bits: int
    impact_step: float
    negative: Rows

    def search(self, query: Query, plan: SearchPlan) -> Answer:
        """The best `k` items left to the query, exactly: sums of whole numbers, minus those under terms of the other
        sign. As few items as these hold can fall behind by it: so many more are asked for."""
        wanted = min(plan.k, query.left(self.items))
        terms = whole_terms(query.vector, 2**self.bits - 1)
        unit = terms.step * self.impact_step
        against = self._against(query, terms)
        found = self.stage.top(terms, query, wanted + len(against[0]))
        rows, sums = found.rows, found.sums.astype(np.float64)
        if len(against[0]):
            rows, sums = _combined(rows, sums, *against, complete=found.complete)
        elif not found.complete:  # in order already, with such as the query has seen
            left = np.flatnonzero(~in_sorted(rows, query.seen))[:wanted]
            return Answer(rows.take(left), sums.take(left) * unit, True, len(terms.terms), len(rows))
        if found.complete:
            answer = among_reached(query, rows, sums * unit, self.items, wanted)
            return replace(answer, terms=len(terms.terms))
        left = np.flatnonzero(~in_sorted(rows, query.seen))  # the stage has left out all others
        rows, sums = best(rows.take(left), sums.take(left), wanted)
        return Answer(rows, sums * unit, True, len(terms.terms), len(found.rows))

    def _against(self, query: Query, terms: QueryTerms) -> tuple[Rows, np.ndarray]:
        """All items under terms of the other sign, sorted, and their sums."""
        opposite = terms.terms ^ 1
        there = (opposite & 1 == 0) | in_sorted(opposite >> 1, self.negative)
        if not there.any():
            return _NOTHING
        cut = replace(terms, terms=opposite[there], weights=terms.weights[there])
        found = self.stage.top(cut, query, self.items)
        order = np.argsort(found.rows)
        return found.rows[order], found.sums[order].astype(np.float64)

    def weights_at(self, rows: Rows, vector: QueryVector) -> tuple[Rows, Rows, np.ndarray]:
        """Nonzero weights of some items in a vector's dimensions: places in `rows`, dimensions, weights."""
        places, dims, weights = [], [], []
        nobody = Query(vector, np.zeros(0, dtype=np.int64))
        order = np.argsort(rows)
        for dim in vector.dims.tolist():
            for sign in (0, 1):
                term = QueryTerms(np.array([2 * dim + sign]), np.ones(1, dtype=np.int64), 1.0, np.zeros(0))
                found = self.stage.top(term, nobody, self.items)
                at = np.searchsorted(rows, found.rows, sorter=order)
                at = order[np.minimum(at, len(rows) - 1)]
                hits = np.flatnonzero(rows[at] == found.rows)
                places.append(at[hits])
                dims.append(np.full(len(hits), dim))
                weights.append((1 - 2 * sign) * self.impact_step * found.sums[hits].astype(np.float64))
        return np.concatenate(places), np.concatenate(dims), np.concatenate(weights)


_NOTHING: tuple[Rows, np.ndarray] = (np.zeros(0, dtype=np.int64), np.zeros(0))


def _combined(
    rows: Rows, sums: np.ndarray, against: Rows, subtracted: np.ndarray, *, complete: bool
) -> tuple[Rows, np.ndarray]:
    """Sums minus what speaks against each item; where all items are known, also those that nothing speaks for."""
    place = np.minimum(np.searchsorted(against, rows), len(against) - 1)
    sums = sums - np.where(against[place] == rows, subtracted[place], 0)
    if complete:
        only = ~np.isin(against, rows)
        rows, sums = np.concatenate([rows, against[only]]), np.concatenate([sums, -subtracted[only]])
    return rows, sums
