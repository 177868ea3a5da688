"""Scoring an index against what a split hides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .data.splits import Split
from .errors import DataError, UsageError, refuse_kind
from .index import Index
from .limits import AT_LEAST_ONE, Limits
from .metrics import Metric, hits_of, ndcg, plain_recall, recall
from .storage.ids import Rows

if TYPE_CHECKING:
    from .engines.contract import Progress


def refuse_other_log(index: Index, fingerprint: str) -> None:
    """Raises DataError where an index's codes were trained on another log than the one of that fingerprint."""
    if index.manifest.codes.origin.get("log_fingerprint") not in (None, fingerprint):
        raise DataError(
            f"The codes of {index.path} were trained on another log than this split's train.parquet and may have seen "
            "what is hidden. Train on the split: elsa-index train SPLIT_DIR/train.parquet."
        )


_METRICS = {"recall": recall, "plain_recall": plain_recall, "ndcg": ndcg}


@dataclass(frozen=True)
class Evaluation:
    """What a split's hidden items say of an index.

    Attributes:
        metrics: By name, for example `recall@20`, `plain_recall@20`, `ndcg@100`.
        coverage: Share of the catalogue that appears in at least one top k, by k.
        users: How many.
        folds: How many.
        protocol: How the split was made.
    """

    metrics: dict[str, Metric]
    coverage: dict[str, float]
    users: int
    folds: int
    protocol: str

    def to_json(self) -> dict[str, Any]:
        metrics = {name: metric.to_json() for name, metric in self.metrics.items()}
        return {
            "protocol": self.protocol,
            "users": self.users,
            "folds": self.folds,
            "metrics": metrics,
            "coverage": self.coverage,
        }


def evaluate(
    index: Index,
    split: Split,
    k: Sequence[int] = (20, 50, 100),
    *,
    exact: bool = False,
    threads: int = 1,
    folds: int | None = None,
    half_life: float | str | None = None,
    weights: bool = True,
    on_progress: "Progress | None" = None,
) -> Evaluation:
    """Ranks for every history of a split and scores the rankings against its hidden items.

    A user's value is the mean over the folds; intervals are over users.

    Args:
        index: What ranks.
        split: Whose hidden items are to be found.
        k: Ranks of Recall@k and nDCG@k.
        exact: Prove every ranking.
        folds: Only the first so many; all where None.
        threads: Over histories.
        half_life: Of histories' items; see `Split.fold`.
        weights: Whether the log's weights count in histories.
        on_progress: Called with how many histories are done, and of how many.

    Raises:
        DataError: Where the codes were trained on another log than the split's, for then they may have seen what is
            hidden.
        UsageError: For a k below 1, and for a half-life of a log without times.
    """
    refuse_kind("index", index, Index, "Index.open opens one.")
    refuse_kind("split", split, Split, "Split.load reads one, and split makes one.")
    if not isinstance(k, Sequence) or isinstance(k, str) or not k:
        raise UsageError(f"k must be a list of numbers, for example [20, 100]; got {k!r}.")
    for rank in k:
        AT_LEAST_ONE.check("k", rank)
    if folds is not None:
        Limits(1, split.folds).check("folds", folds)
    refuse_other_log(index, split.train.fingerprint)
    tally = _Tally(tuple(k), len(index))
    for number in range(folds or split.folds):
        fold = split.fold(number, half_life=half_life, weights=weights)
        result = index.search(
            fold.histories, max(k), weights=fold.weights, exact=exact, threads=threads, on_progress=on_progress
        )
        tally.add(fold.users, [ranking.rows for ranking in result.rankings], list(map(index.ids.find, fold.hidden)))
    return Evaluation(
        tally.metrics(), tally.coverage(), tally.users, folds or split.folds, split.description["protocol"]
    )


class _Tally:
    """Values of each user in each fold, and which items were ever in a top k."""

    def __init__(self, ranks: tuple[int, ...], items: int) -> None:
        self._ranks = ranks
        self._values: dict[str, dict[str, list[float]]] = {f"{name}@{k}": {} for name in _METRICS for k in ranks}
        self._covered = {k: np.zeros(items, dtype=bool) for k in ranks}

    @property
    def users(self) -> int:
        return len(next(iter(self._values.values())))

    def add(self, users: Sequence[str], tops: Sequence[Rows], hidden: Sequence[Rows]) -> None:
        """hidden: rows of hidden items, -1 for those that the index does not know: nobody can find these."""
        hits, counts = hits_of(tops, hidden, max(self._ranks)), np.array([len(rows) for rows in hidden])
        for k in self._ranks:
            for top in tops:
                self._covered[k][top[:k]] = True
            for name, function in _METRICS.items():
                for user, value in zip(users, function(hits, counts, k).tolist(), strict=True):
                    self._values[f"{name}@{k}"].setdefault(user, []).append(value)

    def metrics(self) -> dict[str, Metric]:
        """By name; a user's value is the mean over the folds."""
        return {
            name: Metric.of(np.array([np.mean(values) for values in by_user.values()]))
            for name, by_user in self._values.items()
        }

    def coverage(self) -> dict[str, float]:
        return {f"coverage@{k}": float(covered.mean()) for k, covered in self._covered.items()}
