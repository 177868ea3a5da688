"""A history as an opened catalogue knows it."""

from dataclasses import dataclass

import numpy as np

from ..codes.query_vector import QueryVector, Vector
from ..storage.ids import Rows


@dataclass(frozen=True, eq=False)
class ResolvedHistory:
    """What `Catalogue.resolve` makes of a history, once for all that is asked about it.

    rows: (known,) int64, its known items, sorted, each once. weights: (known,) float64, how much each item brings, in
    units of 2^exponent. vector: the query vector, Σ weight · H_i, in these units too: they change no ranking, and keep
    products and squares of very small or large weights within the range of floats. unknown: ids that the catalogue does
    not hold. left_out: rows that are not returned, sorted, where these are not `rows`.
    """

    rows: Rows
    weights: Vector
    vector: QueryVector
    unknown: list[str]
    exponent: int = 0
    left_out: Rows | None = None

    @property
    def seen(self) -> Rows:
        """Rows that are not returned, sorted."""
        return self.rows if self.left_out is None else self.left_out

    def amounts(self, values: Vector) -> Vector:
        """Scores, or parts of them, of this history, as its weights were given."""
        return np.ldexp(values, self.exponent) if self.exponent else values

    @property
    def is_known(self) -> bool:
        """Whether the catalogue holds any of its items."""
        return len(self.rows) > 0
