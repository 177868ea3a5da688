"""Ranks every held-out history with a model's scores and sums up: what all accuracy figures in here are made with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array, diags_array

import elsa_index as ei
from elsa_index.data.scipy_matrix import column_lists, with_norms
from elsa_index.metrics import Metric, hits_of, ndcg, plain_recall, recall
from elsa_index.training.elsa.validation import best_unseen

Scorer = Callable[[csr_array], torch.Tensor]
"""(histories, items) CSR -> (histories, items) float32 scores; what was seen need not be left out."""

_BATCH = 500
_METRICS = {
    "recall@20": (recall, 20),
    "recall@50": (recall, 50),
    "ndcg@100": (ndcg, 100),
    "plain_recall@20": (plain_recall, 20),
    "ndcg@20": (ndcg, 20),
}


@dataclass(frozen=True)
class Held:
    """users: (queries,) which user asks. histories, hidden: (queries, items) CSR, binary."""

    users: npt.NDArray[np.int64]
    histories: csr_array
    hidden: csr_array

    @classmethod
    def of(cls, split: ei.Split) -> "Held":
        """All folds of a split, one after the other."""
        items = split.train.items
        queries = split.hidden.select("user_id", "fold").unique(maintain_order=True).with_row_index("query")

        def matrix(frame) -> csr_array:
            placed = frame.join(queries, on=["user_id", "fold"], how="inner")
            at = (placed["query"].to_numpy().astype(np.int64), items.rows(placed["item_id"].to_list()))
            return csr_array((np.ones(len(placed), np.float32), at), shape=(queries.height, len(items)))

        users = queries["user_id"].cast(str).rank("dense").to_numpy().astype(np.int64) - 1
        return cls(users, matrix(split.histories), matrix(split.hidden))

    def batches(self) -> Iterator[slice]:
        return (slice(at, min(at + _BATCH, len(self.users))) for at in range(0, len(self.users), _BATCH))


def metrics_of(held: Held, scorer: Scorer) -> dict[str, dict[str, float]]:
    """Recall and nDCG: a user's value is the mean over the folds, intervals are over users.

    Returns mean, low and high (95 %, bootstrap) by metric.
    """
    deepest = max(k for _, k in _METRICS.values())
    values: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in _METRICS}
    for part in held.batches():
        histories, hidden = held.histories[part], held.hidden[part]
        hits = hits_of(list(best_unseen(scorer(histories), histories, deepest)), column_lists(hidden), deepest)
        counts = np.diff(hidden.indptr)
        for name, (function, k) in _METRICS.items():
            values[name].append(function(hits, counts, k))
    folds = np.bincount(held.users)
    result = {}
    for name, parts in values.items():
        metric = Metric.of(np.bincount(held.users, np.concatenate(parts)) / folds)
        result[name] = {"mean": metric.mean, "low": metric.low, "high": metric.high}
    return result


def by_matrix(weights: csr_array | npt.NDArray[np.float32]) -> Scorer:
    """Scores x B of an (items, items) matrix."""

    def scorer(histories: csr_array) -> torch.Tensor:
        scores = histories @ weights
        return torch.from_numpy(scores if isinstance(scores, np.ndarray) else scores.toarray())

    return scorer


def by_codes(codes: ei.ItemCodes) -> Scorer:
    """Scores of item codes: A u, u = Σ history_weight · H_i, in float32."""
    if codes.history_kind != "same":
        shares = codes.history_weights_of(np.arange(len(codes.ids))).astype(np.float32)
        return by_matrix(csr_array(diags_array(shares) @ codes.history_matrix @ codes.weights.T))
    weights = codes.weights if codes.history_weights is None else with_norms(codes.weights, codes.history_weights)
    dense = torch.from_numpy(codes.weights.toarray())
    return lambda histories: torch.from_numpy((histories @ weights).toarray()) @ dense.T
