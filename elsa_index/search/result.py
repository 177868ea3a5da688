"""What a search returns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..engines.contract import Answer
from ..errors import UsageError
from ..forks import POLARS
from ..sequences import listed
from ..storage.ids import Rows, external_id

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, eq=False)
class Ranking:
    """The answer to one history, best first, as long as it is: at most k items.

    Attributes:
        items: Ids.
        scores: (items,) float32.
        rows: (items,) int64.
        popular: The history had no known item and these are the popular ones, whose scores are their counts.
        unknown: Ids of the history that the index does not know.
        answer: What the engine said; None where it was not asked.
    """

    items: list[str]
    scores: npt.NDArray[np.float32]
    rows: Rows
    popular: bool
    unknown: list[str]
    answer: Answer | None

    @property
    def proven(self) -> bool:
        """Whether it is the exhaustive top k of the stored codes."""
        return self.answer is not None and self.answer.proven

    def pairs(self) -> Iterator[tuple[str, float]]:
        """Each item with its score."""
        return zip(self.items, self.scores.tolist(), strict=True)


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Answers to a batch of histories.

    `ids`, `scores` and `rows` show all rankings as arrays of shape (queries, k). Where fewer than k unseen items are
    left, and for histories without a known item, the end of a row is padded with None, NaN and -1.

    Attributes:
        rankings: One per history, in their order.
        k: How many items were asked for, at most the number of items there are.
        promise: One line: what the answers are worth: exact, calibrated to a measured overlap, or nothing.
        cost: The share of the sum of scores that diversity gave away, its mean; None where none was asked for.
    """

    rankings: list[Ranking]
    k: int
    promise: str
    cost: float | None = None

    def __repr__(self) -> str:
        return f"SearchResult({len(self.rankings):,} rankings of up to {self.k} items; {self.promise})"

    @cached_property
    def ids(self) -> npt.NDArray[np.object_]:
        """(queries, k) objects: item ids as text, None at the end."""
        ids = np.full((len(self.rankings), self.k), None, dtype=object)
        for padded, ranking in zip(ids, self.rankings, strict=True):
            padded[: len(ranking.items)] = ranking.items
        return ids

    @cached_property
    def scores(self) -> npt.NDArray[np.float32]:
        """(queries, k) float32, NaN at the end."""
        scores = np.full((len(self.rankings), self.k), np.nan, dtype=np.float32)
        for padded, ranking in zip(scores, self.rankings, strict=True):
            padded[: len(ranking.scores)] = ranking.scores
        return scores

    @cached_property
    def rows(self) -> Rows:
        """(queries, k) int64, -1 at the end."""
        rows = np.full((len(self.rankings), self.k), -1, dtype=np.int64)
        for padded, ranking in zip(rows, self.rankings, strict=True):
            padded[: len(ranking.rows)] = ranking.rows
        return rows

    @property
    def proven(self) -> npt.NDArray[np.bool_]:
        """(queries,) bool: the exhaustive top k of the stored codes."""
        return np.array([ranking.proven for ranking in self.rankings], dtype=bool)

    @property
    def popular(self) -> npt.NDArray[np.bool_]:
        """(queries,) bool: the history had no known item, and the popular ones were given."""
        return np.array([ranking.popular for ranking in self.rankings], dtype=bool)

    @property
    def unknown(self) -> list[list[str]]:
        """For each history its ids that the index does not know."""
        return [ranking.unknown for ranking in self.rankings]

    @property
    def answers(self) -> list[Answer | None]:
        """What the engine said of each query; None where it was not asked."""
        return [ranking.answer for ranking in self.rankings]

    def to_pandas(self, users: Iterable[object], *, with_fallback: bool = False) -> "pd.DataFrame":
        """The same as `to_frame` as a table of pandas, which must be installed."""
        return self.to_frame(users, with_fallback=with_fallback).to_pandas()

    def to_frame(self, users: Iterable[object], *, with_fallback: bool = False) -> "pl.DataFrame":
        """A table with the columns user_id, rank (from 1), item_id, score. users: one per history. with_fallback: and
        popular, whether the item is a popular one, given to a history without a known item, and its score the count.
        """
        import polars as pl

        POLARS.use()
        names = [external_id(user) for user in listed(users, "users")]
        if len(names) != len(self.rankings):
            raise UsageError(f"There must be one user for each of {len(self.rankings):,} rankings, got {len(names):,}.")
        lengths = [len(ranking.items) for ranking in self.rankings]
        ranks = [np.arange(1, length + 1, dtype=np.int32) for length in lengths]
        columns = {
            "user_id": np.repeat(np.asarray(names, dtype=object), lengths),
            "rank": np.concatenate([np.zeros(0, np.int32), *ranks]),
            "item_id": [item for ranking in self.rankings for item in ranking.items],
            "score": np.concatenate([np.zeros(0, np.float32), *(ranking.scores for ranking in self.rankings)]),
        }
        schema = {"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float32}
        frame = pl.DataFrame(columns, schema=schema)
        return frame.with_columns(pl.Series("popular", np.repeat(self.popular, lengths))) if with_fallback else frame
