"""FAISS Flat, with a proof: what float32 cannot tell apart is scored again in float64."""

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...codes.query_vector import Vector
from ...data.scipy_matrix import row_norms
from ...errors import UsageError
from ...storage.ids import Rows
from ..contract import Answer, Capabilities, Change, Query, SearchPlan
from ..top_k import best, in_sorted, kth_best
from .engine import MOST_DIMS, ROWS_AT_ONCE, save_index, selector_of
from .exhaustive import ExhaustiveFaissEngine


class FaissFlatEngine(ExhaustiveFaissEngine):
    """`IndexFlatIP`: exhaustive inner products in float32; what these cannot tell apart is scored again in float64."""

    name = "faiss-flat"
    kind = "IndexFlat"
    capabilities = Capabilities(
        exact=True, cuts_queries=False, stores=("float32",), score_tolerance=1e-12, most_dims=MOST_DIMS, changes=True
    )
    spare = 16
    """Items that are asked for beyond those that are wanted, to see that none of them could be among the best."""

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        return faiss.IndexFlatIP(dims)

    def change(self, source: Path, directory: Path, parameters: dict[str, Any], change: Change) -> dict[str, Any]:
        if change.dims > MOST_DIMS:
            raise UsageError(
                f"The codes would have {change.dims:,} dimensions, and {self.name} keeps at most {MOST_DIMS:,}; "
                "compact the index first, whose dimensions are items, or build it with lucene."
            )
        kept = (change.kept[at : at + ROWS_AT_ONCE] for at in range(0, len(change.kept), ROWS_AT_ONCE))
        stays = (self.vectors_of(rows) for rows in kept)
        count = change.codes.shape[0]
        comes = (change.codes[at : at + ROWS_AT_ONCE].toarray() for at in range(0, count, ROWS_AT_ONCE))
        index = self._new(change.dims, len(change.ids))
        for vectors in chain(stays, comes):
            index.add(np.pad(vectors.astype(np.float32), ((0, 0), (0, change.dims - vectors.shape[1]))))
        save_index(index, directory)
        largest = max(self._norm, float(np.max(row_norms(change.codes), initial=0.0)))
        return parameters | {"dims": change.dims, "largest_norm": largest}

    def search_batch(self, queries: Sequence[Query], plan: SearchPlan) -> list[Answer]:
        dense = [query.vector.to_dense() for query in queries]
        scaled = [_scaled(vector, self._norm) for vector in dense]
        vectors, selector = np.stack(scaled).astype(np.float32), selector_of(queries[0].only)
        answers: dict[int, Answer] = {}
        count = max(plan.k + len(query.seen) for query in queries) + self.spare
        while pending := [place for place in range(len(queries)) if place not in answers]:
            count = min(count, self.items)
            scores, rows = self.found(vectors[pending], count, selector, plan.effort)
            for place, values, found in zip(pending, scores, rows, strict=True):
                top = self._best(queries[place], dense[place], scaled[place], found, values.astype(np.float64), plan.k)
                if top is not None:
                    answers[place] = Answer(*top, True, candidates=count)
            count *= 4
        return [answers[place] for place in range(len(queries))]

    def _best(
        self, query: Query, vector: Vector, scaled: Vector, rows: Rows, scores: Vector, k: int
    ) -> tuple[Rows, Vector] | None:
        """The best `k` left to a query, from the best by float32 arithmetic; None where others could be among them.
        vector: the query's, dense. scaled: what FAISS was asked.

        Products of n numbers, added up in any order, are off by at most n · 2^-24 of their magnitudes' sum, which is at
        most the product of the norms; and by 2^-149 each where they, or a factor, are below what float32 has all its
        digits for.
        """
        is_all = len(rows) == self.items or rows[-1] < 0
        fresh = (rows >= 0) & ~in_sorted(rows, query.seen)
        wanted = min(k, query.left(self.items))
        if not wanted:
            return rows[:0], scores[:0]
        relative = 2.0**-24 * self._norm * float(np.linalg.norm(scaled))
        margin = 2 * (self.dims + 2) * (relative + 2.0**-149 * (1 + self._norm))
        if np.count_nonzero(fresh) < wanted:
            return self.fill(query, wanted) if is_all else None
        least = kth_best(scores[fresh], wanted) - margin
        if not is_all and scores[-1] >= least:
            return None
        near = rows[fresh & (scores >= least)]
        # Not a product of BLAS, whose sums of equal rows differ by where the rows lie.
        return best(near, (self.vectors_of(near) * vector).sum(axis=1), wanted)

    @cached_property
    def _norm(self) -> float:
        """The largest of the items' norms."""
        if self._largest_norm is not None:
            return self._largest_norm
        parts = (np.arange(at, min(at + ROWS_AT_ONCE, self.items)) for at in range(0, self.items, ROWS_AT_ONCE))
        return max(float(np.max(np.linalg.norm(self.vectors_of(part), axis=1))) for part in parts)


def _scaled(vector: Vector, norm: float) -> Vector:
    """A query times a power of two, which changes no ranking, so that no product with vectors of up to that norm leaves
    the range of float32.

    >>> _scaled(np.array([2.0**-600, 0.0]), 1.0), _scaled(np.array([0.75, 0.0]), 2.0**90)[0] == 0.75 * 2.0**-90
    (array([0.5, 0. ]), np.True_)
    """
    size = float(np.max(np.abs(vector), initial=0.0))
    if not size or not norm:
        return vector
    return np.ldexp(vector, -int(np.frexp(size)[1]) - int(np.frexp(max(norm, 2.0**-100))[1]) + 1)
