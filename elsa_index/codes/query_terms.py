"""History -> query vector -> query terms."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .impacts import terms_of
from .query_vector import QueryVector, Vector

MAX_QUERY_WEIGHT = 2**14 - 1
"""Query weights are integers up to here: impact sums of unit codes stay below 2^24, exact in a float."""
_LEAST_STEP = 2.0**-900
"""Of what is left where a history cancels out: products with it are still more than 0, and bound what is smaller."""


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
    step = max(float(magnitudes[0]) / MAX_QUERY_WEIGHT, _LEAST_STEP) if len(kept) else 1.0
    weights = np.clip(np.ceil(magnitudes / step), 1, MAX_QUERY_WEIGHT).astype(np.int64)
    return QueryTerms(terms_of(vector.dims[kept], signed), weights, step, np.abs(vector.weights[cut]))
