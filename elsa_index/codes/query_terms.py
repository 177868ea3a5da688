"""History -> query vector -> query terms."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .impacts import terms_of
from .query_vector import QueryVector, Vector

MAX_QUERY_WEIGHT = 2**14 - 1
"""Query weights are integers up to here: impact sums of unit codes stay below 2^24, exact in a float."""


@dataclass(frozen=True)
class QueryTerms:
    """The heaviest terms of a query vector, with integer weights, rounded up.

    terms, weights: (terms,) int64, heaviest first. step: what one unit of weight stands for.
    dropped: magnitudes of the vector's entries that were left out, largest first.
    """

    terms: npt.NDArray[np.int64]
    weights: npt.NDArray[np.int64]
    step: float
    dropped: Vector


_EXACT = 2**24
"""Up to here a float holds every whole number."""


def whole_terms(vector: QueryVector, max_impact: int) -> QueryTerms:
    """All terms of a query vector, with whole weights whose sums of impacts a float holds exactly: 1 where all weigh
    the same, otherwise rounded to the nearest of 2^24 / (max_impact · Σ weight / largest weight) steps or fewer.

    >>> whole_terms(QueryVector.from_dense(np.array([0.5, 0.0, -0.5])), 255).weights.tolist()
    [1, 1]
    """
    terms, magnitudes = terms_of(vector.dims, vector.weights), np.abs(vector.weights)
    nothing = magnitudes[:0]
    largest = float(np.max(magnitudes, initial=0.0))
    if not len(terms) or float(np.min(magnitudes)) == largest:
        return QueryTerms(terms, np.ones(len(terms), dtype=np.int64), largest or 1.0, nothing)
    shares = magnitudes / largest
    steps = int((_EXACT / max_impact - len(terms)) / float(shares.sum()))  # each is rounded by less than one
    steps = min(max(steps, 1), MAX_QUERY_WEIGHT)
    return QueryTerms(terms, np.maximum(np.rint(shares * steps), 1).astype(np.int64), largest / steps, nothing)


def query_terms(vector: QueryVector, limit: int | None = None) -> QueryTerms:
    """The `limit` heaviest terms of a query vector; all of them where `limit` is None.

    >>> query = query_terms(QueryVector.from_dense(np.array([0.5, 0.0, -2.0])), limit=1)
    >>> query.terms.tolist(), query.dropped.tolist()
    ([5], [0.5])
    """
    order = np.argsort(-np.abs(vector.weights), kind="stable")
    kept, cut = (order, order[:0]) if limit is None else (order[:limit], order[limit:])
    signed = vector.weights[kept]
    magnitudes = np.abs(signed)
    step = float(magnitudes[0]) / MAX_QUERY_WEIGHT if len(kept) else 1.0
    weights = np.clip(np.ceil(magnitudes / step), 1, MAX_QUERY_WEIGHT).astype(np.int64)
    return QueryTerms(terms_of(vector.dims[kept], signed), weights, step, np.abs(vector.weights[cut]))
