"""Metrics of rankings, with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import DataError, UsageError
from .ids import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from .engines.base import Progress
    from .index import Index
    from .splitting import Split

Values = npt.NDArray[np.float64]
_RESAMPLES = 1000


def recall(hits: npt.NDArray[np.bool_], hidden: Rows, k: int) -> Values:
    """Recall@k as in the paper: hits among the first k / min(k, hidden).

    hits: (queries, at least k) bool, whether the item at each rank was hidden. hidden: (queries,) how many were.

    >>> recall(np.array([[True, False, True]]), np.array([4]), 2).tolist()
    [0.5]
    """
    return hits[:, :k].sum(axis=1) / np.minimum(k, hidden)


def plain_recall(hits: npt.NDArray[np.bool_], hidden: Rows, k: int) -> Values:
    """Hits among the first k / hidden: what the published figures of LightGCN use."""
    return hits[:, :k].sum(axis=1) / hidden


def ndcg(hits: npt.NDArray[np.bool_], hidden: Rows, k: int) -> Values:
    """nDCG@k with binary gain: Σ 1/log2(rank + 1) over hits, divided by the same for min(k, hidden) hits on top.

    >>> ndcg(np.array([[True, False]]), np.array([1]), 2).tolist()
    [1.0]
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gains = hits[:, :k] @ discounts[: hits[:, :k].shape[1]]
    return gains / np.cumsum(discounts)[np.minimum(k, hidden) - 1]


def hits_of(top: Rows, hidden: "csr_array") -> npt.NDArray[np.bool_]:
    """(queries, k) bool: whether the item at each rank was hidden. top: (queries, k) rows of items, -1 for none.

    >>> from scipy.sparse import csr_array
    >>> hits_of(np.array([[2, 0, -1]]), csr_array([[0, 0, 1]])).tolist()
    [[True, False, False]]
    """
    queries, items = hidden.shape
    owners = np.repeat(np.arange(queries), np.diff(hidden.indptr))
    found: npt.NDArray[np.bool_] = np.isin(np.arange(queries)[:, None] * items + top, owners * items + hidden.indices)
    return found & (top >= 0)


def mean_overlap(found: Iterable[Rows], truth: Iterable[Rows]) -> float:
    """Mean share of the true items that were found, over queries that have any; 1 where none has. -1 is no item.

    >>> mean_overlap([np.array([1, 2, -1])], [np.array([2, 3, -1])])
    0.5
    """
    pairs = [(mine[mine >= 0], theirs[theirs >= 0]) for mine, theirs in zip(found, truth, strict=True)]
    shares = [len(np.intersect1d(mine, theirs)) / len(theirs) for mine, theirs in pairs if len(theirs)]
    return float(np.mean(shares)) if shares else 1.0


def refuse_other_log(index: "Index", fingerprint: str) -> None:
    """Raises DataError where an index's codes were trained on another log than the one of that fingerprint."""
    if index.manifest.codes.origin.get("log_fingerprint") not in (None, fingerprint):
        raise DataError(
            f"The codes of {index.path} were trained on another log than this split's train.parquet and may have seen "
            "what is hidden. Train on the split: elsa-index train SPLIT_DIR/train.parquet."
        )


@dataclass(frozen=True)
class Metric:
    """mean over users; low and high: its 95 % bootstrap interval over users; values: one a user."""

    mean: float
    low: float
    high: float
    values: Values

    @classmethod
    def of(cls, values: Values) -> "Metric":
        from scipy.stats import bootstrap

        mean = float(values.mean())
        if len(values) < 2 or np.ptp(values) == 0:
            return cls(mean, mean, mean, values)
        interval = bootstrap(
            (values,),
            np.mean,
            n_resamples=_RESAMPLES,
            batch=50,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        return cls(mean, float(interval.low), float(interval.high), values)


@dataclass(frozen=True)
class Evaluation:
    """metrics: by name, for example `recall@20`, `plain_recall@20`, `ndcg@100`. coverage: share of the catalogue
    that appears in at least one top k. users, folds: how many. protocol: how the split was made."""

    metrics: dict[str, Metric]
    coverage: dict[str, float]
    users: int
    folds: int
    protocol: str

    def to_json(self) -> dict[str, Any]:
        metrics = {
            name: {"mean": metric.mean, "low": metric.low, "high": metric.high} for name, metric in self.metrics.items()
        }
        return {
            "protocol": self.protocol,
            "users": self.users,
            "folds": self.folds,
            "metrics": metrics,
            "coverage": self.coverage,
        }


def evaluate(
    index: "Index",
    split: "Split",
    k: Sequence[int] = (20, 50, 100),
    *,
    exact: bool = False,
    threads: int = 1,
    folds: int | None = None,
    on_progress: "Progress | None" = None,
) -> Evaluation:
    """Ranks for every history of a split and scores the rankings against its hidden items.

    A user's value is the mean over the folds; intervals are over users. folds: only the first so many.

    Raises DataError where the codes were trained on another log than the split's, for then they may have seen
    what is hidden, and UsageError for a k below 1.
    """
    if not k or min(k) < 1:
        raise UsageError(f"k must hold numbers of at least 1, got {list(k)}.")
    if folds is not None and not 1 <= folds <= split.folds:
        raise UsageError(f"folds must be from 1 to {split.folds}, got {folds}.")
    refuse_other_log(index, split.train.fingerprint)
    functions = {"recall": recall, "plain_recall": plain_recall, "ndcg": ndcg}
    by_user: dict[str, dict[str, list[float]]] = {f"{name}@{cut}": {} for name in functions for cut in k}
    covered = {cut: np.zeros(len(index), dtype=bool) for cut in k}
    for fold in range(folds or split.folds):
        users, histories, hidden_rows, counts = _fold(split, index, fold)
        result = index.search(histories, max(k), exact=exact, threads=threads, on_progress=on_progress)
        hits = np.array(
            [np.isin(rows, hidden, assume_unique=False) for rows, hidden in zip(result.rows, hidden_rows, strict=True)]
        )
        for cut in k:
            top = result.rows[:, :cut]
            covered[cut][top[top >= 0]] = True
            for name, function in functions.items():
                for user, value in zip(users, function(hits, counts, cut), strict=True):
                    by_user[f"{name}@{cut}"].setdefault(user, []).append(float(value))
    metrics = {
        name: Metric.of(np.array([np.mean(values) for values in per_user.values()]))
        for name, per_user in by_user.items()
    }
    users_count = len(next(iter(by_user.values())))
    coverage = {f"coverage@{cut}": float(covered[cut].mean()) for cut in k}
    return Evaluation(metrics, coverage, users_count, folds or split.folds, split.description["protocol"])


def _fold(split: "Split", index: "Index", fold: int) -> tuple[list[str], list[list[str]], list[Rows], Rows]:
    """Users, their histories, rows of their hidden items, and how many these are (unknown ones counted as misses)."""
    import polars as pl

    def grouped(frame: "pl.DataFrame") -> "pl.DataFrame":
        return frame.filter(pl.col("fold") == fold).group_by("user_id", maintain_order=True).agg("item_id")

    joined = grouped(split.hidden).join(grouped(split.histories), on="user_id", how="left", maintain_order="left")
    if not joined.height:
        raise DataError(f"The split's fold {fold} hides nothing.")
    hidden = joined["item_id"].to_list()
    histories = [items or [] for items in joined["item_id_right"].to_list()]
    rows = [found[found >= 0] for found in map(index.ids.find, hidden)]
    return joined["user_id"].to_list(), histories, rows, np.array([len(items) for items in hidden])
