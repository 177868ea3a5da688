"""How well weights in training rank for the validation users."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from ...data.scipy_matrix import column_lists, rows_of
from ...metrics import hits_of, ndcg
from ...storage.ids import Rows
from ..held_out import HeldOut
from ..popularity import HISTORY_EXPONENTS, OUTPUT_EXPONENTS
from .weights import Weights

K = 100
_SCORES = 1 << 26
_ROWS = 4096


@dataclass(frozen=True)
class Validation(HeldOut):
    """Validation users, ranked by weights in training."""

    def ndcg(self, weights: Weights, popularity: np.ndarray, exponents: list[tuple[float, float]]) -> list[float]:
        """nDCG@100 with each pair (α, β): an item brings p^α of Â to a history, and its scores are multiplied by p^β.

        popularity: (items,) p.
        """
        totals = np.zeros(len(exponents))
        relative = torch.from_numpy(popularity).to(weights.device)
        # One pass over the codes for each α; the βs only multiply its scores.
        for alpha in dict.fromkeys(pair[0] for pair in exponents):
            for users, scores in self._scores(weights, relative.pow(alpha).float()):
                histories, hidden = self.histories[users], self.hidden[users]
                for at, (own, beta) in enumerate(exponents):
                    if own == alpha:
                        top = best_unseen(scores * relative.pow(beta).float(), histories, K)
                        hits = hits_of(list(top), column_lists(hidden), K)
                        totals[at] += ndcg(hits, np.diff(hidden.indptr), K).sum()
        return (totals / self.histories.shape[0]).tolist()

    def choose(self, weights: Weights, popularity: np.ndarray) -> tuple[float, float]:
        """The (α, β) with the best nDCG@100."""
        pairs = [(alpha, beta) for alpha in HISTORY_EXPONENTS for beta in OUTPUT_EXPONENTS]
        return pairs[int(np.argmax(self.ndcg(weights, popularity, pairs)))]

    def _scores(self, weights: Weights, shares: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """(users, items) float32 scores by codes of unit norm, a bounded number of users at a time."""
        users, items = self.histories.shape
        step = max(1, _SCORES // items)
        for start in range(0, users, step):
            batch = slice(start, min(users, start + step))
            histories = self.histories[batch].tocsc()
            latent = torch.zeros((batch.stop - batch.start, weights.dims), device=weights.device)
            for rows, codes in _dense_codes(weights):
                had = torch.from_numpy(histories[:, rows].toarray()).to(weights.device)
                latent.addmm_(had, codes * shares[rows, None])
            scores = torch.empty((len(latent), items), device=weights.device)
            for rows, codes in _dense_codes(weights):
                scores[:, rows] = latent @ codes.T
            yield batch, scores


def best_unseen(scores: torch.Tensor, histories: csr_array, k: int) -> Rows:
    """(users, k) rows of the highest scores, best first, without what the histories hold; `scores` is changed."""
    seen = rows_of(histories)
    scores[torch.from_numpy(seen), torch.from_numpy(histories.indices.astype(np.int64))] = -torch.inf
    top: Rows = scores.topk(min(k, scores.shape[1]), dim=1).indices.cpu().numpy()
    return top


def _dense_codes(weights: Weights) -> Iterator[tuple[slice, torch.Tensor]]:
    """Â as blocks of rows, (rows, dims) float32."""
    for start in range(0, weights.items, _ROWS):
        rows = slice(start, min(weights.items, start + _ROWS))
        values = weights.codes_of(rows)
        columns = weights.columns_of(rows)
        if columns is not None:
            values = torch.zeros((len(values), weights.dims), device=weights.device).scatter_(1, columns, values)
        yield rows, values
