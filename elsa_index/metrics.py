"""Metrics of rankings, with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .storage.ids import Rows

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


def hits_of(tops: Sequence[Rows], hidden: Sequence[Rows], k: int) -> npt.NDArray[np.bool_]:
    """(queries, k) bool: whether the item at each rank was hidden. tops: rows of each query, best first, as many as
    there are. hidden: rows of the hidden items; -1 is no item.

    >>> hits_of([np.array([2, 0])], [np.array([2, -1])], 3).tolist()
    [[True, False, False]]
    """
    hits = np.zeros((len(tops), k), dtype=bool)
    for found, top, wanted in zip(hits, tops, hidden, strict=True):
        found[: len(top)] = np.isin(top[:k], wanted) & (top[:k] >= 0)
    return hits


def overlaps(found: Iterable[Rows], truth: Iterable[Rows]) -> Values:
    """For each query that has any true items, the share of them that was found. -1 is no item.

    >>> overlaps([np.array([1, 2, -1]), np.array([4])], [np.array([2, 3, -1]), np.array([4])]).tolist()
    [0.5, 1.0]
    """
    pairs = [(mine[mine >= 0], theirs[theirs >= 0]) for mine, theirs in zip(found, truth, strict=True)]
    return np.array([len(np.intersect1d(mine, theirs)) / len(theirs) for mine, theirs in pairs if len(theirs)])


def mean_overlap(found: Iterable[Rows], truth: Iterable[Rows]) -> float:
    """The mean of `overlaps`; 1 where no query has a true item.

    >>> mean_overlap([np.array([1, 2, -1])], [np.array([2, 3, -1])])
    0.5
    """
    shares = overlaps(found, truth)
    return float(np.mean(shares)) if len(shares) else 1.0


@dataclass(frozen=True)
class Metric:
    """mean over users; low and high: its 95 % bootstrap interval over users; values: one per user."""

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

    def to_json(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high}
