"""Split: what may be trained on, and what is hidden; saved and opened. `protocols` makes them."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, StorageError
from ..forks import POLARS
from ..storage.files import read_json, write_json
from ..storage.staging import staged_directory
from .histories import weighed
from .interactions import TABLE, Interactions
from .results import write_parquet
from .tables import read_table

if TYPE_CHECKING:
    import polars as pl

FORMAT = "elsa-index split 1"


@dataclass(frozen=True)
class Fold:
    """One rotation of what is hidden, for users of whom something is.

    users: ids. histories, hidden: item ids of each; histories may be empty. weights: of the items of the histories;
    None: all 1.
    """

    users: list[str]
    histories: list[list[str]]
    hidden: list[list[str]]
    weights: list[list[float]] | None = None


@dataclass(frozen=True)
class Split:
    """A log split for evaluation.

    Attributes:
        train: What may be trained on.
        histories: A table with the columns user_id, item_id, fold (from 0), and time and weight where the log has them.
        hidden: The same of what is hidden.
        description: Protocol, parameters, counts, and the fingerprint of `train`.
    """

    train: Interactions
    histories: "pl.DataFrame"
    hidden: "pl.DataFrame"
    description: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        about = self.description
        return (
            f"Split({about.get('protocol')}: training on {about.get('train_interactions', 0):,} interactions, "
            f"{about.get('evaluated_users', 0):,} users evaluated in {about.get('folds', 0)} folds)"
        )

    @property
    def folds(self) -> int:
        return int(self.description["folds"])

    def fold(self, number: int, *, half_life: float | str | None = None, weights: bool = True) -> Fold:
        """The users of a fold, from 0, in the order of the hidden table.

        Args:
            number: Of the fold.
            half_life: Seconds, also written as `30d`, before a history's latest item that let an item count half as
                much; None: ages say nothing.
            weights: Whether the log's weights count.

        Raises:
            UsageError: For a half-life of a log without times.
            DataError: Where the fold hides nothing.
        """
        import polars as pl

        POLARS.use()

        def grouped(frame: "pl.DataFrame") -> "pl.DataFrame":
            return frame.drop("fold").group_by("user_id", maintain_order=True).agg(pl.all())

        hidden, shown = (frame.filter(pl.col("fold") == number) for frame in (self.hidden, self.histories))
        shown = weighed(shown if weights else shown.drop("weight", strict=False), half_life)
        joined = grouped(hidden).join(grouped(shown), on="user_id", how="left", maintain_order="left")
        if not joined.height:
            raise DataError(f"The split's fold {number} hides nothing.")
        histories = [items or [] for items in joined["item_id_right"].to_list()]
        counts = [own or [] for own in joined["weight"].to_list()] if "weight" in joined.columns else None
        return Fold(joined["user_id"].to_list(), histories, joined["item_id"].to_list(), counts)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes train.parquet, histories.parquet, hidden.parquet and split.json into the directory `path`."""
        with staged_directory(Path(path), overwrite=overwrite, is_ours=_is_split) as staged:
            write_parquet(self.train.pairs(last_times=True), staged / "train.parquet")
            write_parquet(self.histories, staged / "histories.parquet")
            write_parquet(self.hidden, staged / "hidden.parquet")
            write_json(staged / "split.json", {"format": FORMAT} | self.description)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Split":
        """Opens a saved split. Raises StorageError where it is none, or where train.parquet was changed."""
        import polars as pl

        POLARS.use()
        path = Path(path)
        if not (path / "split.json").is_file():
            raise StorageError(
                f"{path} is not a split directory (it has no split.json); make one with elsa-index split."
            )
        description = read_json(path / "split.json")
        if description.get("format") != FORMAT:
            raise StorageError(f"{path} has the format {description.get('format')!r}; this version reads {FORMAT!r}.")
        train = Interactions.from_table(read_table(path / "train.parquet", *TABLE))
        if train.fingerprint != description.get("train_fingerprint"):
            raise StorageError(f"{path}/train.parquet is not the log that this split was made with; split again.")
        tables = []
        for name in ("histories.parquet", "hidden.parquet"):
            frame = read_table(path / name, [*TABLE[0], "fold"], TABLE[1])
            known = [pl.col(column).cast(pl.Float64) for column in TABLE[1] if column in frame.columns]
            tables.append(frame.with_columns(pl.col("fold").cast(pl.Int32), *known))
        return cls(train, tables[0], tables[1], description)


def _is_split(path: Path) -> bool:
    return (path / "split.json").is_file()
