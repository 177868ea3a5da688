"""What every index is asked: histories, and what was hidden of them, where a split says so."""

from dataclasses import dataclass

import polars as pl

from ..data.splits import Split
from ..errors import DataError


@dataclass(frozen=True)
class Questions:
    """histories: item ids, one list a user. hidden: as many lists of hidden items, or None. trained_on: the fingerprint
    of the log that an index may have been trained on, where quality is measured."""

    histories: list[list[str]]
    hidden: list[list[str]] | None = None
    trained_on: str | None = None

    @classmethod
    def of_split(cls, split: Split, users: int) -> "Questions":
        """The first `users` users of the first fold."""

        def lists(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.filter(pl.col("fold") == 0).group_by("user_id", maintain_order=True).agg("item_id")

        joined = lists(split.hidden).join(lists(split.histories), on="user_id", how="inner", maintain_order="left")
        joined = joined.head(users)
        if not joined.height:
            raise DataError("The first fold of the split has no user with a history.")
        return cls(joined["item_id_right"].to_list(), joined["item_id"].to_list(), split.train.fingerprint)

    def __len__(self) -> int:
        return len(self.histories)
