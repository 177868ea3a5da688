"""Protocols: which users and items are kept from training, so that nothing is evaluated on what it has seen."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..errors import DataError, StorageError, UsageError
from ..storage.files import read_json, staged_directory, write_json
from .interactions import Interactions, read_interactions
from .tables import read_table, write_parquet

if TYPE_CHECKING:
    import polars as pl

Protocol = Literal["held-out", "temporal", "given"]
FORMAT = "elsa-index split 1"


@dataclass(frozen=True)
class Split:
    """train: what may be trained on. histories, hidden: tables with the columns user_id, item_id, fold (from 0).

    description: protocol, parameters, counts, and the fingerprint of `train`.
    """

    train: Interactions
    histories: "pl.DataFrame"
    hidden: "pl.DataFrame"
    description: dict[str, Any] = field(default_factory=dict)

    @property
    def folds(self) -> int:
        return int(self.description["folds"])

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes train.parquet, histories.parquet, hidden.parquet and split.json into the directory `path`."""
        with staged_directory(Path(path), overwrite=overwrite, is_ours=_is_split) as staged:
            write_parquet(self.train.pairs(), staged / "train.parquet")
            write_parquet(self.histories, staged / "histories.parquet")
            write_parquet(self.hidden, staged / "hidden.parquet")
            write_json(staged / "split.json", {"format": FORMAT} | self.description)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Split":
        """Opens a saved split. Raises StorageError where it is none, or where train.parquet was changed."""
        import polars as pl

        path = Path(path)
        if not (path / "split.json").is_file():
            raise StorageError(
                f"{path} is not a split directory (it has no split.json); make one with elsa-index split."
            )
        description = read_json(path / "split.json")
        if description.get("format") != FORMAT:
            raise StorageError(f"{path} has the format {description.get('format')!r}; this version reads {FORMAT!r}.")
        train = read_interactions(path / "train.parquet")
        if train.fingerprint != description.get("train_fingerprint"):
            raise StorageError(f"{path}/train.parquet is not the log that this split was made with; split again.")
        tables = []
        for name in ("histories.parquet", "hidden.parquet"):
            frame = read_table(path / name, ["user_id", "item_id", "fold"])
            tables.append(frame.select("user_id", "item_id", pl.col("fold").cast(pl.Int32)))
        return cls(train, tables[0], tables[1], description)


def _is_split(path: Path) -> bool:
    return (path / "split.json").is_file()


def split(
    interactions: Interactions,
    *,
    protocol: Protocol = "held-out",
    users: int = 3000,
    hide: float = 0.2,
    folds: int = 5,
    test: Interactions | None = None,
    seed: int = 42,
) -> Split:
    """Splits a log for evaluation.

    held-out (strong generalisation, the paper's protocol): `users` users are never seen in training; of each
        one's items a share `hide`, rounded up, is hidden and the rest is the history. The items are shuffled
        once; fold f hides those from place ⌊f · items / folds⌋ on, around the end, so that five folds of a
        fifth hide every item at least once.
    temporal: as held-out, at one moment for everybody: it is the time before which a share 1 - `hide` of all
        interactions lies. Training sees nothing later and none of the users evaluated.
    given (weak generalisation): `test` is hidden, all else is training and, for the users of `test`, history.

    Items that do not occur in training are dropped from histories and hidden items first, and counted.
    """
    if protocol not in get_args(Protocol):
        raise UsageError(f"protocol must be one of {', '.join(get_args(Protocol))}, got {protocol!r}.")
    if not 0 < hide < 1:
        raise UsageError(f"hide must be above 0 and below 1, got {hide}.")
    if folds < 1:
        raise UsageError(f"folds must be at least 1, got {folds}.")
    if users < 1:
        raise UsageError(f"users must be at least 1, got {users}.")
    if (test is not None) != (protocol == "given"):
        raise UsageError("The protocol given, and only it, needs a test log (--test FILE).")
    if protocol == "given":
        assert test is not None
        return _given(interactions, test)
    rng = np.random.default_rng(seed)
    parameters = {"protocol": protocol, "users": users, "hide": hide, "seed": seed}
    if protocol == "temporal":
        return _temporal(interactions, users, hide, rng, parameters)
    return _held_out(interactions, users, hide, folds, rng, parameters)


def _choose_users(eligible: npt.NDArray[np.integer], users: int, total: int, rng: np.random.Generator) -> npt.NDArray:
    if users > len(eligible) or users >= total:
        raise UsageError(
            f"users is {users:,}, but of {total:,} users {len(eligible):,} can be held out, and at least one must "
            f"be left for training: choose at most {min(len(eligible), total - 1):,}."
        )
    return np.sort(rng.choice(eligible, users, replace=False))


def _subset(log: Interactions, keep: npt.NDArray[np.bool_], summary: dict[str, int] | None = None) -> Interactions:
    """The interactions that `keep` (one a stored one) marks."""
    import polars as pl

    if not keep.any():
        raise DataError("No interaction is left to train on; hold out fewer users or hide less.")
    frame = log.pairs().filter(pl.Series(keep))
    times = frame["time"] if log.times is not None else None
    return Interactions.from_pairs(frame["user_id"], frame["item_id"], times, summary)


def _users_of(matrix: csr_array) -> npt.NDArray[np.int64]:
    """The user of every stored one."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _finish(
    log: Interactions,
    train: Interactions,
    parts: list[tuple[int, int, npt.NDArray, npt.NDArray]],
    parameters: dict[str, Any],
) -> Split:
    """parts: (user row, fold, history columns, hidden columns) of `log`, already without items new to training."""
    import polars as pl

    if not parts:
        raise DataError("No user has both a history and hidden items that training knows; hide less or hold out more.")

    def table(which: int) -> "pl.DataFrame":
        columns: list[npt.NDArray] = [part[2] if which == 2 else part[3] for part in parts]
        lengths = [len(part) for part in columns]
        users = np.repeat([part[0] for part in parts], lengths)
        return pl.DataFrame(
            {
                "user_id": log.users.take(users),
                "item_id": log.items.take(np.concatenate(columns)),
                "fold": np.repeat([part[1] for part in parts], lengths).astype(np.int32),
            },
            schema={"user_id": pl.String, "item_id": pl.String, "fold": pl.Int32},
        )

    histories, hidden = table(2), table(3)
    return _described(train, histories, hidden, parameters)


def _described(
    train: Interactions, histories: "pl.DataFrame", hidden: "pl.DataFrame", parameters: dict[str, Any]
) -> Split:
    """A split with its parameters and the counts that every protocol reports."""
    counts = {
        "evaluated_users": hidden["user_id"].n_unique(),
        "folds": hidden["fold"].n_unique(),
        "train_users": len(train.users),
        "train_items": len(train.items),
        "train_interactions": int(train.matrix.nnz),
        "train_fingerprint": train.fingerprint,
    }
    return Split(train, histories, hidden, parameters | counts)


def _in_training(log: Interactions, train: Interactions) -> npt.NDArray[np.bool_]:
    return train.items.find(log.items) >= 0


def _held_out(
    log: Interactions,
    users: int,
    hide: float,
    folds: int,
    rng: np.random.Generator,
    parameters: dict[str, Any],
) -> Split:
    sizes = np.diff(log.matrix.indptr)
    chosen = _choose_users(np.flatnonzero(sizes >= 2), users, len(sizes), rng)
    train = _subset(log, ~np.isin(_users_of(log.matrix), chosen))
    known = _in_training(log, train)
    parts, dropped, too_short = [], 0, 0
    for user in chosen:
        columns = log.matrix.indices[log.matrix.indptr[user] : log.matrix.indptr[user + 1]]
        kept: npt.NDArray = rng.permutation(columns[known[columns]])
        dropped += len(columns) - len(kept)
        if len(kept) < 2:
            too_short += 1
            continue
        hidden_items = min(int(np.ceil(round(hide * len(kept), 9))), kept.size - 1)
        for fold in range(folds):
            turned = np.roll(kept, -(fold * len(kept) // folds))
            parts.append((int(user), fold, np.sort(turned[hidden_items:]), np.sort(turned[:hidden_items])))
    return _finish(log, train, parts, parameters | {"dropped_items": dropped, "dropped_users": too_short})


def _temporal(
    log: Interactions, users: int, hide: float, rng: np.random.Generator, parameters: dict[str, Any]
) -> Split:
    if log.times is None:
        raise UsageError("The protocol temporal needs a log with times: pass --time-column (time_column).")
    moment = float(np.quantile(log.times, 1 - hide))
    after = log.times >= moment
    user_of = _users_of(log.matrix)
    total = log.matrix.shape[0]
    has_both = (np.bincount(user_of, after, total) > 0) & (np.bincount(user_of, ~after, total) > 0)
    chosen = _choose_users(np.flatnonzero(has_both), users, total, rng)
    train = _subset(log, ~np.isin(user_of, chosen) & ~after)
    known = _in_training(log, train)
    parts, dropped, too_short = [], 0, 0
    for user in chosen:
        span = slice(log.matrix.indptr[user], log.matrix.indptr[user + 1])
        columns, late = log.matrix.indices[span], after[span]
        dropped += int((~known[columns]).sum())
        history, hidden = columns[~late & known[columns]], columns[late & known[columns]]
        if len(history) and len(hidden):
            parts.append((int(user), 0, history, hidden))
        else:
            too_short += 1
    return _finish(
        log,
        train,
        parts,
        parameters | {"moment": moment, "dropped_items": dropped, "dropped_users": too_short},
    )


def _given(log: Interactions, test: Interactions) -> Split:
    import polars as pl

    train_pairs = log.pairs().join(test.pairs().select("user_id", "item_id"), on=["user_id", "item_id"], how="anti")
    if not train_pairs.height:
        raise DataError("The test log holds the whole log: nothing is left to train on.")
    times = train_pairs["time"] if log.times is not None else None
    train = Interactions.from_pairs(train_pairs["user_id"], train_pairs["item_id"], times)
    pairs = test.pairs().select("user_id", "item_id")
    known = pairs.filter(pl.col("item_id").is_in(pl.Series(list(train.items)).implode()))
    evaluated = known.filter(pl.col("user_id").is_in(pl.Series(list(train.users)).implode()))
    if not evaluated.height:
        raise DataError("No user of the test log occurs in training with an item of the test log.")
    histories = (
        train.pairs()
        .select("user_id", "item_id")
        .filter(pl.col("user_id").is_in(evaluated["user_id"].unique().implode()))
    )
    fold = pl.lit(0, pl.Int32).alias("fold")
    parameters = {
        "protocol": "given",
        "dropped_items": pairs.height - known.height,
        "dropped_users": known["user_id"].n_unique() - evaluated["user_id"].n_unique(),
    }
    return _described(train, histories.with_columns(fold), evaluated.with_columns(fold), parameters)
