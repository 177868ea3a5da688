"""How good folding in is on a log: beside training again, beside leaving new items out, beside popularity."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .codes.item_codes import ItemCodes
from .data.interactions import Interactions
from .data.protocols import hidden_count
from .errors import DataError, UsageError
from .index import Index
from .metrics import Metric, hits_of, ndcg
from .storage.ids import IdMap, Rows
from .training.config import TrainingConfig
from .training.fold_in import fold_in
from .training.slim.config import SlimConfig
from .training.train import train

if TYPE_CHECKING:
    from .training.elsa.run import EpochReport

K = 100
_HIDE = 0.2
FOLDED, AGAIN, WITHOUT, POPULARITY = "folded in", "trained again", "left out", "popularity"
Users = list[tuple[list[str], list[str]]]
Rank = Callable[[list[list[str]]], list[Rows]]


@dataclass(frozen=True)
class Case:
    """A log in three parts by time.

    Attributes:
        before: What the model is trained on.
        so_far: That and the next part, from which items are folded in.
        of_new: History and hidden items of users of the rest who come to have new items: those of the next part that
            `before` does not have. They are hidden, and everything older is the history.
        of_all: The same of users of the rest, the last fifth of whose items is hidden, new or not.
    """

    before: Interactions
    so_far: Interactions
    of_new: Users
    of_all: Users

    @classmethod
    def of(cls, log: Interactions, cut: float, end: float) -> "Case":
        """cut, end: shares of the interactions, by time, at which the parts end. Raises UsageError for a log without
        times, DataError where no new item comes, or nobody has one afterwards."""
        if log.times is None:
            raise UsageError("How good folding in is can be seen from a log with times alone: pass --time-column.")
        frame = log.pairs().sort("time", maintain_order=True)
        at = [int(share * frame.height) for share in (cut, end)]
        parts = frame[: at[0]], frame[: at[1]]
        known, there = (set(part["item_id"]) for part in parts)
        past = dict(parts[1].group_by("user_id").agg("item_id").iter_rows())
        of_new, of_all = [], []
        for user, items in frame[at[1] :].group_by("user_id", maintain_order=True).agg("item_id").iter_rows():
            earlier = past.get(user, [])
            later = [item for item in items if item in there]
            old = [item for item in (*earlier, *later) if item in known]
            new = [item for item in later if item not in known]
            if old and new:
                of_new.append((old, new))
            if len(later) > 1:
                kept = len(later) - int(hidden_count(np.array(len(later)), _HIDE))
                of_all.append(([*earlier, *later[:kept]], later[kept:]))
        if not of_new:
            raise DataError(
                f"After {end:.0%} of the interactions nobody has an item that came between {cut:.0%} and {end:.0%}, "
                "beside an older one; how good folding in is cannot be seen from this log."
            )
        before, so_far = (Interactions.from_pairs(part["user_id"], part["item_id"]) for part in parts)
        return cls(before, so_far, of_new, of_all)


@dataclass(frozen=True)
class Way:
    """One way to deal with new items.

    Attributes:
        new: nDCG@100 of new items, among all.
        all: nDCG@100 of all items.
        seconds: That it took.
    """

    new: Metric
    all: Metric
    seconds: float


@dataclass(frozen=True)
class FoldInQuality:
    """What folding in is worth on a log.

    Attributes:
        cut: Share of the interactions, by time, that was trained on.
        end: Share up to which items were folded in.
        new_items: How many came between.
        users: How many are asked for new items, and for all.
        ways: By name.
    """

    cut: float
    end: float
    new_items: int
    users: tuple[int, int]
    ways: dict[str, Way]

    def to_json(self) -> dict[str, Any]:
        ways = {
            name: {"new": way.new.to_json(), "all": way.all.to_json(), "seconds": way.seconds}
            for name, way in self.ways.items()
        }
        about = {"cut": self.cut, "end": self.end, "new_items": self.new_items}
        return about | {"users_of_new": self.users[0], "users": self.users[1], "ndcg@100": ways}


def fold_in_quality(
    log: Interactions,
    config: TrainingConfig | SlimConfig,
    cut: float = 0.6,
    end: float = 0.8,
    on_way: Callable[[str], None] | None = None,
    on_epoch: "Callable[[EpochReport], None] | None" = None,
) -> FoldInQuality:
    """Trains on a log up to a moment, folds in what comes next, trains that again, and asks both for what comes then.

    Args:
        log: With times.
        config: How to train.
        cut: Share of the interactions, by time, that is trained on first.
        end: Share up to which items are folded in from what follows.
        on_way: Called with what begins.
        on_epoch: Called after each epoch of the two trainings; see `train`.

    Raises:
        UsageError: For a log without times.
        DataError: Where no new item comes, or nobody has one afterwards.
    """
    case = Case.of(log, cut, end)

    def begun(name: str) -> float:
        if on_way:
            on_way(name)
        return time.perf_counter()

    begun("training on what came before")
    model = train(case.before, config, on_epoch)
    started = begun(FOLDED)
    folded = fold_in(model, case.so_far)
    between = begun(AGAIN)
    again = train(case.so_far, config, on_epoch)
    seconds = {FOLDED: between - started, AGAIN: time.perf_counter() - between, WITHOUT: 0.0, POPULARITY: 0.0}
    begun("ranking")
    asked: dict[str, tuple[IdMap, Rank]] = {
        FOLDED: (folded.codes.ids, _by_codes(folded.codes)),
        AGAIN: (again.ids, _by_codes(again)),
        WITHOUT: (model.ids, _by_codes(model)),
        POPULARITY: (case.so_far.items, _by_popularity(case.so_far)),
    }
    ways = {}
    for name, (ids, rank) in asked.items():
        values = _values(ids, rank, [*case.of_new, *case.of_all])
        new, every = (Metric.of(part) for part in np.split(values, [len(case.of_new)]))
        ways[name] = Way(new, every, seconds[name])
    new_items = sum(name not in model.ids for name in case.so_far.items)
    return FoldInQuality(cut, end, new_items, (len(case.of_new), len(case.of_all)), ways)


def ndcg_of(codes: ItemCodes, users: Users) -> npt.NDArray[np.float64]:
    """nDCG@100 of each user, by codes."""
    return _values(codes.ids, _by_codes(codes), users)


def _values(ids: IdMap, rank: Rank, users: Users) -> npt.NDArray[np.float64]:
    """nDCG@100 of each user; items that `ids` does not have are found by nobody."""
    known = [[item for item in history if item in ids] for history, _ in users]
    hits = hits_of(rank(known), [ids.find(hidden) for _, hidden in users], K)
    return ndcg(hits, np.array([len(hidden) for _, hidden in users]), K)


def _by_codes(codes: ItemCodes) -> Rank:
    def rank(histories: list[list[str]]) -> list[Rows]:
        with (
            tempfile.TemporaryDirectory() as folder,
            Index.build(codes, Path(folder) / "i", engine="exact", store="float32", segments=None) as index,
        ):
            return [ranking.rows for ranking in index.search(histories, K).rankings]

    return rank


def _by_popularity(log: Interactions) -> Rank:
    order = np.argsort(-log.item_counts, kind="stable")
    return lambda histories: [order[~np.isin(order, log.items.find(history))][:K] for history in histories]
