"""Protocols: which users and items are kept from training, so that nothing is evaluated on what it has seen."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, UsageError
from ..forks import POLARS
from .interactions import Interactions
from .logs import as_interactions
from .scipy_matrix import rows_of
from .split_options import Protocol, SplitOptions
from .splits import Split

if TYPE_CHECKING:
    import polars as pl


def split(
    interactions: Interactions | object,
    *,
    protocol: Protocol = SplitOptions.protocol,
    users: int | None = SplitOptions.users,
    hide: float = SplitOptions.hide,
    folds: int = SplitOptions.folds,
    test: Interactions | None = None,
    seed: int = SplitOptions.seed,
) -> Split:
    """Splits a log for evaluation.

    - `held-out` (strong generalisation, the paper's protocol): `users` users are never seen in training. Of each one's
      items a share `hide`, rounded up, is hidden and the rest is the history. The items are shuffled once; fold f hides
      those from place ⌊f · items / folds⌋ on, around the end, so that five folds of a fifth hide every item at least
      once.
    - `temporal`: as held-out, at one moment for everybody: the time before which a share 1 - `hide` of all interactions
      lies. Training sees nothing later, and none of the users evaluated.
    - `given` (weak generalisation): `test` is hidden, all else is training and, for the users of `test`, history.

    Items that do not occur in training are dropped from histories and hidden items first, and counted.

    Args:
        interactions: The log, with times for `temporal`; also a table (pandas, Polars, Arrow) with the columns user_id
            and item_id, or a SciPy matrix.
        protocol: `held-out`, `temporal` or `given`.
        users: Users to hold out; a tenth, at most 3,000, where None.
        hide: Share of a user's items (temporal: of all interactions) to hide.
        folds: How often the hidden part rotates (held-out).
        test: The published test log (given).
        seed: Of all that is random.

    Returns:
        What may be trained on, histories and hidden items.

    Raises:
        UsageError: For values out of range, and for what the protocol does not take.
        DataError: Where too little is left.
    """
    interactions = as_interactions(interactions)
    options = SplitOptions(protocol, users, hide, folds, seed)
    if (test is not None) != (protocol == "given"):
        raise UsageError("The protocol given, and only it, needs a test log (--test FILE).")
    if test is not None:
        return _given(interactions, test)
    return (_temporal if protocol == "temporal" else _held_out)(interactions, options)


def hidden_count(sizes: npt.NDArray[np.integer], share: float) -> npt.NDArray[np.int64]:
    """How many of so many items are hidden: the share, rounded up, but never all.

    >>> hidden_count(np.array([2, 5, 11]), 0.2).tolist()
    [1, 1, 3]
    """
    wanted = np.ceil(np.round(share * sizes, 9)).astype(np.int64)  # 0.2 · 5 is 1, and not a little more
    return np.minimum(wanted, sizes - 1)


@dataclass
class _Parts:
    """What is known and hidden of each user, and what was left out: items that are new to training, and users of whom
    too little was left. before: what is known from this time on must not be told."""

    log: Interactions
    train: Interactions
    before: float = np.inf
    parts: list[tuple[int, int, npt.NDArray[np.integer], npt.NDArray[np.integer]]] = field(default_factory=list)
    dropped_items: int = 0
    dropped_users: int = 0

    def add(self, user: int, fold: int, history: npt.NDArray[np.integer], hidden: npt.NDArray[np.integer]) -> None:
        self.parts.append((user, fold, history, hidden))

    def to_split(self, parameters: dict[str, Any]) -> Split:
        """Raises DataError where no user is left."""
        if not self.parts:
            raise DataError(
                "No user has both a history and hidden items that training knows; hide less or hold out more."
            )
        users, folds, histories, hidden = zip(*self.parts, strict=True)
        dropped = {"dropped_items": self.dropped_items, "dropped_users": self.dropped_users}
        shown, asked = (self._table(users, folds, columns) for columns in (histories, hidden))
        return _described(self.train, _with_what_is_known(shown, self.log, self.before), asked, parameters | dropped)

    def _table(
        self, users: tuple[int, ...], folds: tuple[int, ...], columns: tuple[npt.NDArray[np.integer], ...]
    ) -> "pl.DataFrame":
        import polars as pl

        POLARS.use()
        lengths = [len(part) for part in columns]
        return pl.DataFrame(
            {
                "user_id": self.log.users.take(np.repeat(users, lengths)),
                "item_id": self.log.items.take(np.concatenate(columns)),
                "fold": np.repeat(folds, lengths).astype(np.int32),
            },
            schema={"user_id": pl.String, "item_id": pl.String, "fold": pl.Int32},
        )


def _held_out(log: Interactions, options: SplitOptions) -> Split:
    rng = np.random.default_rng(options.seed)
    sizes = np.diff(log.matrix.indptr)
    chosen = _choose_users(np.flatnonzero(sizes >= 2), options, len(sizes), rng)
    train = _subset(log, ~np.isin(rows_of(log.matrix), chosen))
    known = train.items.find(log.items) >= 0
    found = _Parts(log, train)
    for user in chosen.tolist():
        columns = log.matrix.indices[log.matrix.indptr[user] : log.matrix.indptr[user + 1]]
        kept = rng.permutation(columns[known[columns]])
        found.dropped_items += len(columns) - len(kept)
        if len(kept) < 2:
            found.dropped_users += 1
            continue
        count = int(hidden_count(np.array(len(kept)), options.hide))
        for fold in range(options.folds):
            turned = np.roll(kept, -(fold * len(kept) // options.folds))
            found.add(user, fold, np.sort(turned[count:]), np.sort(turned[:count]))
    return found.to_split(options.drawn_by | {"users": len(chosen)})


def _temporal(log: Interactions, options: SplitOptions) -> Split:
    if log.times is None:
        raise UsageError("The protocol temporal needs a log with times: pass --time-column (time_column).")
    rng = np.random.default_rng(options.seed)
    moment = float(np.quantile(log.times, 1 - options.hide))
    after = log.times >= moment
    user_of = rows_of(log.matrix)
    total = log.matrix.shape[0]
    has_both = (np.bincount(user_of, after, total) > 0) & (np.bincount(user_of, ~after, total) > 0)
    chosen = _choose_users(np.flatnonzero(has_both), options, total, rng)
    train = _subset(log, ~np.isin(user_of, chosen) & ~after, before=moment)
    known = train.items.find(log.items) >= 0
    found = _Parts(log, train, moment)
    for user in chosen.tolist():
        span = slice(log.matrix.indptr[user], log.matrix.indptr[user + 1])
        columns, late = log.matrix.indices[span], after[span]
        found.dropped_items += int((~known[columns]).sum())
        history, hidden = columns[~late & known[columns]], columns[late & known[columns]]
        if len(history) and len(hidden):
            found.add(user, 0, history, hidden)
        else:
            found.dropped_users += 1
    return found.to_split(options.drawn_by | {"users": len(chosen), "moment": moment})


def _given(log: Interactions, test: Interactions) -> Split:
    import polars as pl

    pairs = test.pairs().select("user_id", "item_id")
    kept = log.pairs().with_row_index("at").join(pairs, on=["user_id", "item_id"], how="anti")
    if not kept.height:
        raise DataError("The test log holds the whole log: nothing is left to train on.")
    keep = np.zeros(log.matrix.nnz, dtype=bool)
    keep[kept["at"].to_numpy()] = True
    train = log.subset(keep)
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
    shown = _with_what_is_known(histories.with_columns(fold), train)
    return _described(train, shown, evaluated.with_columns(fold), parameters)


def _choose_users(
    eligible: npt.NDArray[np.integer], options: SplitOptions, total: int, rng: np.random.Generator
) -> npt.NDArray:
    if not len(eligible):
        raise DataError(
            f"None of {total:,} users can be held out, as nobody has two items (temporal: one before the moment, one "
            "after): is the column of users, --user-column, the right one?"
        )
    if total == 1:
        raise DataError(
            "The log has one user, and at least one must be left for training: is the column of users, --user-column, "
            "the right one?"
        )
    users = options.users_of(len(eligible))
    if users > len(eligible) or users >= total:
        raise UsageError(
            f"users is {users:,}, but of {total:,} users {len(eligible):,} can be held out, and at least one must "
            f"be left for training: choose at most {min(len(eligible), total - 1):,}."
        )
    return np.sort(rng.choice(eligible, users, replace=False))


def _subset(log: Interactions, keep: npt.NDArray[np.bool_], before: float = np.inf) -> Interactions:
    """The interactions that `keep` marks; see `Interactions.subset`."""
    if not keep.any():
        raise DataError("No interaction is left to train on; hold out fewer users or hide less.")
    return log.subset(keep, before=before)


def _with_what_is_known(shown: "pl.DataFrame", log: Interactions, before: float = np.inf) -> "pl.DataFrame":
    """Histories with the time when each item was seen last, before a moment, and its weight, where the log has them."""
    import polars as pl

    if log.times is None and log.weights is None:
        return shown
    of_these = np.isin(rows_of(log.matrix), log.users.find(shown["user_id"].unique()))
    part = log.subset(of_these, before=before)
    known = part.pairs()
    if part.latest is not None:
        known = known.with_columns(pl.Series("time", part.latest))
    return shown.join(known, on=["user_id", "item_id"], how="left", maintain_order="left")


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
