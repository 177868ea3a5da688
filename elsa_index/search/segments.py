"""Ranking segments for a history."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..catalogue.catalogue import Catalogue
from ..catalogue.history import ResolvedHistory
from ..limits import AT_LEAST_ONE
from ..storage.ids import Rows


@dataclass(frozen=True, eq=False)
class RankedSegments:
    """numbers: of the best segments, best first. scores: products of the history's vector with theirs, positive ones
    only. popular: no item of the history is known, so that these are the largest segments and scores are NaN. unknown:
    ids of the history that the index does not hold."""

    numbers: Rows
    scores: npt.NDArray[np.float64]
    popular: bool
    unknown: list[str]


def rank_segments(catalogue: Catalogue, history: ResolvedHistory, k: int) -> RankedSegments:
    """The `k` best segments for a history, exactly; the largest ones where no item of the history is known.

    Raises UsageError for an index without segments.
    """
    AT_LEAST_ONE.check("k", k)
    segments = catalogue.required_segments
    if not history.is_known:
        largest = np.array(segments.listed[:k], dtype=np.int64)
        return RankedSegments(largest, np.full(len(largest), np.nan), True, history.unknown)
    numbers, scores = segments.rank(history.vector, k)
    return RankedSegments(numbers, history.amounts(scores), False, history.unknown)
