"""How well codes over items rank for validation users."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array

from ...data.scipy_matrix import column_lists
from ...metrics import hits_of, ndcg
from ..held_out import HeldOut
from ..popularity import HISTORY_EXPONENTS, OUTPUT_EXPONENTS

K = 100
_USERS = 256


def mean_ndcg(codes: csr_array, held: HeldOut, item_weights: npt.NDArray[np.float64] | None = None) -> float:
    """nDCG@100 of the users' hidden items. codes: (items, items) CSR. item_weights: (items,) in a history; None: all 1.

    Items that no item of a history speaks for are not ranked: nothing is known that could put them in an order.
    """
    by_history_item = csr_array(codes.T)
    if item_weights is not None:
        by_history_item = csr_array(diags_array(item_weights) @ by_history_item)
    total = 0.0
    users = held.histories.shape[0]
    for first in range(0, users, _USERS):
        histories, hidden = held.histories[first : first + _USERS], held.hidden[first : first + _USERS]
        scores = csr_array(histories @ by_history_item)
        seen = column_lists(histories)
        tops = []
        for row, own in enumerate(seen):
            begin, end = scores.indptr[row : row + 2]
            items, values = scores.indices[begin:end], scores.data[begin:end]
            left = np.flatnonzero(~np.isin(items, own))
            best = left[np.lexsort((items[left], -values[left]))[:K]]
            tops.append(items[best].astype(np.int64))
        hits = hits_of(tops, column_lists(hidden), K)
        total += float(ndcg(hits, np.diff(hidden.indptr), K).sum())
    return total / users


def best_exponents(codes: csr_array, held: HeldOut, popularity: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The powers (α, β) of `popularity`, (items,), of histories and of scores, with the best nDCG@100."""
    pairs = [(alpha, beta) for alpha in HISTORY_EXPONENTS for beta in OUTPUT_EXPONENTS]
    found = [
        mean_ndcg(csr_array(diags_array(popularity**beta) @ codes), held, popularity**alpha) for alpha, beta in pairs
    ]
    return pairs[int(np.argmax(found))]
