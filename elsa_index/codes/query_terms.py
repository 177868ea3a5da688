"""History -> query vector -> query terms."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .impacts import terms_of

Vector = npt.NDArray[np.float64]
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


def query_terms(vector: Vector, limit: int | None = None) -> QueryTerms:
    """The `limit` heaviest terms of a (dims,) query vector; all of them where `limit` is None.

    >>> query = query_terms(np.array([0.5, 0.0, -2.0]), limit=1)
    >>> query.terms.tolist(), query.dropped.tolist()
    ([5], [0.5])
    """
    dims = np.flatnonzero(vector)
    order = np.argsort(-np.abs(vector[dims]), kind="stable")
    dims = dims[order]
    kept, cut = (dims, dims[:0]) if limit is None else (dims[:limit], dims[limit:])
    magnitudes = np.abs(vector[kept])
    step = float(magnitudes[0]) / MAX_QUERY_WEIGHT if len(kept) else 1.0
    weights = np.clip(np.ceil(magnitudes / step), 1, MAX_QUERY_WEIGHT).astype(np.int64)
    return QueryTerms(terms_of(kept, vector[kept]), weights, step, np.abs(vector[cut]))
