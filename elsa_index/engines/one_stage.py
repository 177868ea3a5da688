"""One stage: the impacts in an inverted index are the codes, and what it adds up is the score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..codes.impacts import terms_of
from ..codes.query_terms import QueryTerms
from ..codes.query_vector import QueryVector, Vector
from ..storage.ids import Rows
from .contract import Answer, Progress, Query, SearchPlan
from .exhaustive import among_reached
from .loops import exhaustively
from .stored_codes import StoredCodes
from .top_k import in_sorted
from .two_stage import FirstStage

_WHOLE = 2**24
"""Up to here a float, which an index adds up in, holds every whole number."""


@dataclass(frozen=True)
class OneStageSearch:
    """stage: the inverted index. items: how many there are. max_impact, impact_step: the largest impact, and what one
    unit of them stands for. negative: dimensions in which any item's weight is below 0, sorted: only there do terms of
    the other sign have postings.
    """

    stage: FirstStage
    items: int
    max_impact: int
    impact_step: float
    negative: Rows

    def search(self, query: Query, plan: SearchPlan) -> Answer:
        """The best `k` items left to the query, exactly.

        Where all of a history weighs the same, the index adds up whole numbers, which it does exactly: one query, and
        where weights below 0 are, a second one whose sums are subtracted. Otherwise the lists are added up here.
        """
        wanted = min(plan.k, query.left(self.items))
        magnitudes = np.abs(query.vector.weights)
        if not len(magnitudes):
            return among_reached(query, *_NOTHING, self.items, wanted)
        if not self._is_of_whole_numbers(magnitudes):
            return self._added_up_here(query, wanted)
        terms = terms_of(query.vector.dims, query.vector.weights)
        against, subtracted = _NOTHING
        if len(self.negative):
            against, subtracted, _ = self._asked(query, self._with_postings(terms ^ 1), self.items)
        # As many items as something speaks against can fall behind by it: so many more are asked for.
        rows, sums, complete = self._asked(query, terms, wanted + len(against))
        if len(against):
            rows, sums = _combined(rows, sums, against, subtracted, complete=complete)
        unit = float(magnitudes[0]) * self.impact_step
        if complete or len(against):
            return among_reached(query, rows, sums * unit, self.items, wanted)
        left = np.flatnonzero(~in_sorted(rows, query.seen))[:wanted]  # in order already; the stage left out all others
        return Answer(rows.take(left), sums.take(left) * unit, True, len(terms), len(rows))

    def _is_of_whole_numbers(self, magnitudes: Vector) -> bool:
        """Whether all of a history weighs the same, and the sums of impacts are numbers that the index holds."""
        return len(magnitudes) * self.max_impact <= _WHOLE and bool((magnitudes == magnitudes[:1]).all())

    def impacts(self, dims: int) -> StoredCodes:
        """All impacts, with the weights' signs, as codes of whole numbers: read list by list, a second for ten
        thousand dimensions."""
        anybody = Query(QueryVector(*_NOTHING, dims), _NOTHING[0])
        lists = list(self._lists(anybody, np.arange(dims)))
        rows = np.concatenate([rows for _, rows, _ in lists])
        of_dims = np.repeat(np.arange(dims), [len(rows) for _, rows, _ in lists])
        values = np.concatenate([values for _, _, values in lists]).astype(np.float32)
        order = np.argsort(rows, kind="stable")  # each row's dimensions ascend, as in a query that is added up here
        lengths = np.bincount(rows, minlength=self.items).astype(np.uint32)
        return StoredCodes(values[order], of_dims[order].astype(np.uint32), lengths, dims)

    def by_impacts(
        self, impacts: StoredCodes, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None
    ) -> list[Answer]:
        """The same as `search` of each query, to the bit, from what `impacts` gave."""
        asked, units = [], []
        for query in queries:
            vector, magnitudes = query.vector, np.abs(query.vector.weights)
            unit = self.impact_step
            if len(magnitudes) and self._is_of_whole_numbers(magnitudes):
                unit *= float(magnitudes[0])
                vector = QueryVector(vector.dims, np.sign(vector.weights), vector.size)
            asked.append(replace(query, vector=vector))
            units.append(unit)
        found = exhaustively(impacts, asked, plan.k, plan.threads, on_progress)
        return [replace(answer, scores=answer.scores * unit) for answer, unit in zip(found, units, strict=True)]

    def _added_up_here(self, query: Query, wanted: int) -> Answer:
        rows, weights = [], []
        for at, (_, found, impacts) in enumerate(self._lists(query, query.vector.dims)):
            rows.append(found)
            weights.append(query.vector.weights[at] * impacts)
        reached, place = np.unique(np.concatenate(rows), return_inverse=True)
        sums = np.bincount(place, np.concatenate(weights), minlength=len(reached)).astype(np.float64, copy=False)
        return among_reached(query, reached, sums * self.impact_step, self.items, wanted)

    def weights_at(self, rows: Rows, vector: QueryVector) -> tuple[Rows, Rows, Vector]:
        """Nonzero weights of some items, each once and sorted, in a vector's dimensions: places in `rows`, dimensions,
        weights."""
        places, dims, weights = [_NOTHING[0]], [_NOTHING[0]], [_NOTHING[1]]
        anybody = Query(vector, rows[:0])
        for dim, found, impacts in self._lists(anybody, vector.dims if len(rows) else vector.dims[:0]):
            wanted = np.flatnonzero(in_sorted(found, rows))
            places.append(np.searchsorted(rows, found[wanted]))
            dims.append(np.full(len(wanted), dim))
            weights.append(self.impact_step * impacts[wanted])
        return np.concatenate(places), np.concatenate(dims), np.concatenate(weights)

    def _lists(self, query: Query, dims: npt.NDArray[np.int64]) -> Iterator[tuple[int, Rows, Vector]]:
        """Each dimension with the rows that have a weight there, at least those that the query may return, and their
        impacts with the weight's sign."""
        for dim in dims.tolist():
            terms = self._with_postings(np.array([2 * dim, 2 * dim + 1]))
            parts = [self._asked(query, terms[at : at + 1], self.items) for at in range(len(terms))]
            signed = [-sums if at else sums for at, (_, sums, _) in enumerate(parts)]
            yield dim, np.concatenate([rows for rows, _, _ in parts]), np.concatenate(signed)

    def _with_postings(self, terms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Terms without those of negative weights in dimensions that have none."""
        return terms[(terms & 1 == 0) | in_sorted(terms >> 1, self.negative)]

    def _asked(self, query: Query, terms: npt.NDArray[np.int64], count: int) -> tuple[Rows, Vector, bool]:
        """The `count` items with the largest sums of impacts under some terms, those sums, and whether no other item
        has any of the terms."""
        if not len(terms):
            return *_NOTHING, True
        whole = QueryTerms(terms, np.ones(len(terms), dtype=np.int64), 1.0, _NOTHING[1])
        found = self.stage.top(whole, query, count)
        return found.rows, found.sums.astype(np.float64), found.complete


_NOTHING: tuple[Rows, Vector] = (np.zeros(0, dtype=np.int64), np.zeros(0))


def _combined(rows: Rows, sums: Vector, against: Rows, subtracted: Vector, *, complete: bool) -> tuple[Rows, Vector]:
    """Sums minus what speaks against each item; where all items are known, also those that nothing speaks for."""
    order = np.argsort(against)
    against, subtracted = against[order], subtracted[order]
    place = np.minimum(np.searchsorted(against, rows), len(against) - 1)
    sums = sums - np.where(against[place] == rows, subtracted[place], 0)
    if complete:
        only = ~np.isin(against, rows)
        rows, sums = np.concatenate([rows, against[only]]), np.concatenate([sums, -subtracted[only]])
    return rows, sums
