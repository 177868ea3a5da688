"""What rounding the codes to their stored precision costs."""

import numpy as np

from ..codes.item_codes import ItemCodes
from ..data.scipy_matrix import column_lists
from ..engines.contract import Engine, Query, SearchPlan
from ..engines.stored_codes import StoredCodesEngine
from ..engines.top_k import best
from ..metrics import mean_overlap
from .history_codes import HistoryCodes

SAMPLE, K = 200, 100
_SCORED = 20_000_000
"""Scores to compute at most: with a million items, 20 histories are asked."""


def rounding_loss(codes: ItemCodes, engine: Engine, history_codes: HistoryCodes) -> dict[str, float]:
    """How far stored codes are from those given: largest score error, and overlap@100 on a sample of histories.

    The sample is the codes' own; single items where they have none. Empty where the engine keeps float32 as given
    and nothing is rounded.
    """
    if not isinstance(engine, StoredCodesEngine) and engine.capabilities.keeps_codes:
        return {}
    rng = np.random.default_rng(0)
    count = min(SAMPLE, max(10, _SCORED // len(codes.ids)))
    if codes.sample_histories is not None:
        sample = codes.sample_histories
        histories = column_lists(sample[rng.permutation(sample.shape[0])[:count]])
    else:
        histories = [np.array([row]) for row in rng.permutation(len(codes.ids))[:count]]
    given, brought = codes.weights.astype(np.float64), codes.history_matrix.astype(np.float64)
    error, found, exact = 0.0, [], []
    k = min(K, len(codes.ids))
    every = np.arange(len(codes.ids))
    for rows in histories:
        weights = codes.history_weights_of(rows)
        truth = given @ (weights @ brought[rows])
        query = Query(history_codes.vector(rows, weights), every[:0])
        if isinstance(engine, StoredCodesEngine):
            top, kept = every, engine.store.matrix @ query.vector.to_dense()
        else:
            (answer,) = engine.search([query], SearchPlan(k))
            top, kept = answer.rows, answer.scores
        error = max(error, float(np.abs(truth[top] - kept).max()))
        exact.append(best(every, truth, k)[0])
        found.append(best(top, kept, k)[0])
    return {"max_score_error": error, "overlap_at_100": mean_overlap(found, exact)}
