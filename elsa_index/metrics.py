"""Metrics of rankings, with intervals."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .storage.ids import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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
