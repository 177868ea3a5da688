"""Scoring an index against what a split hides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, UsageError
from .metrics import Metric, ndcg, plain_recall, recall
from .storage.ids import Rows

if TYPE_CHECKING:
    from .data.splits import Split
    from .engines.contract import Progress
    from .index import Index


def refuse_other_log(index: "Index", fingerprint: str) -> None:
    """Raises DataError where an index's codes were trained on another log than the one of that fingerprint."""
    if index.manifest.codes.origin.get("log_fingerprint") not in (None, fingerprint):
        raise DataError(
            f"The codes of {index.path} were trained on another log than this split's train.parquet and may have seen "
            "what is hidden. Train on the split: elsa-index train SPLIT_DIR/train.parquet."
        )


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
