"""What a search returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..engines.contract import Answer
from ..storage.ids import Rows

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class SearchResult:
    """Answers to a batch of histories, best first.

    ids: (queries, k) objects: item ids as text. scores: (queries, k) float32. rows: (queries, k) int64. Where
        fewer than k unseen items are left, and for histories without a known item, the end of a row is padded
        with None, NaN and -1. k is at most the number of items.
    proven: (queries,) bool: the exhaustive top k of the stored codes. popular: (queries,) bool: the history had
        no known item and the popular ones were given, whose scores are their counts.
    unknown: for each history its ids that the index does not know.
    answers: what the engine said of each query; None where it was not asked.
    promise: one line: what the answers are worth: exact, calibrated to a measured overlap, or nothing.
    """

    ids: npt.NDArray[np.object_]
    scores: npt.NDArray[np.float32]
    rows: Rows
    proven: npt.NDArray[np.bool_]
    popular: npt.NDArray[np.bool_]
    unknown: list[list[str]]
    answers: list[Answer | None]
    promise: str

    def to_frame(self, users: Sequence[str]) -> "pl.DataFrame":
        """A table with the columns user_id, rank (from 1), item_id, score; padding left out."""
        import polars as pl

        at, rank = np.nonzero(self.rows >= 0)
        names = np.asarray(users, dtype=object)[at]
        columns = {
            "user_id": names,
            "rank": (rank + 1).astype(np.int32),
            "item_id": self.ids[at, rank],
            "score": self.scores[at, rank],
        }
        return pl.DataFrame(
            columns,
            schema={"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float32},
        )
