"""A history as an opened catalogue knows it."""

from dataclasses import dataclass

from ..codes.query_vector import QueryVector, Vector
from ..storage.ids import Rows


@dataclass(frozen=True, eq=False)
class ResolvedHistory:
    """What `Catalogue.resolve` makes of a history, once for all that is asked about it.

    rows: (known,) int64, its known items, sorted, each once. weights: (known,) float64, how much each item brings.
    vector: the query vector, Σ weight · H_i. unknown: ids that the catalogue does not hold.
    """

    rows: Rows
    weights: Vector
    vector: QueryVector
    unknown: list[str]

    @property
    def is_known(self) -> bool:
        """Whether the catalogue holds any of its items."""
        return len(self.rows) > 0
