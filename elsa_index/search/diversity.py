"""Diversity: taking what is good and unlike what was taken before."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..catalogue.catalogue import Catalogue
from ..codes.query_vector import Vector
from ..data.scipy_matrix import of_norm_one
from ..errors import UsageError
from ..storage.ids import Rows
from .options import DiversityBy

Similar = Callable[[int], npt.NDArray[np.floating]]
"""From a place among candidates to the similarity, 0 to 1, of each of them to it."""


def diverse_order(scores: Vector, similar: Similar, diversity: float, count: int) -> tuple[list[int], list[float]]:
    """The order in which ranked candidates are taken, `count` of them: maximal marginal relevance (Carbonell and
    Goldstein, SIGIR 1998), the score less `diversity` times the similarity to the nearest one taken of it. And what
    each was worth when it was taken.

    >>> cosines = np.array([[1.0, 0.9, 0], [0.9, 1, 0.4], [0, 0.4, 1]])
    >>> diverse_order(np.array([3.0, 2.9, 2.0]), lambda at: cosines[at], 0.5, 3)[0]
    [0, 2, 1]
    """
    left, nearest = np.ones(len(scores), dtype=bool), np.zeros(len(scores))
    order: list[int] = []
    worth: list[float] = []
    for _ in range(min(count, len(scores))):
        values = np.where(left, scores - diversity * nearest * np.abs(scores), -np.inf)
        taken = int(np.argmax(values))
        order.append(taken)
        worth.append(float(values[taken]))
        left[taken] = False
        nearest = np.maximum(nearest, np.clip(similar(taken), 0, 1))
    return order, worth


def similarity(catalogue: Catalogue, rows: Rows, by: DiversityBy | None) -> Similar:
    """How similar items are: of one segment or not, or the cosine of their codes. by: None: by segments where there are
    some.

    Raises UsageError for an index that does not have what is asked.
    """
    if by == "segments" or (by is None and catalogue.segments is not None):
        of = catalogue.required_segments.of[rows]
        return lambda at: ((of == of[at]) & (of[at] >= 0)).astype(np.float64)
    if not catalogue.engine.capabilities.keeps_codes or catalogue.manifest.parameters.get("store") == "none":
        raise UsageError("The index keeps no codes to compare items by; build it with some, or with segments.")
    codes = catalogue.engine.stored_rows(rows)
    unit = of_norm_one(codes)
    return lambda at: np.asarray((unit @ unit[[at]].T).todense()).ravel()
