"""A training of Compressed ELSA that goes on from codes."""

import numpy as np
import torch
from scipy.sparse import csr_array

from ...codes.item_codes import ItemCodes
from ...data.interactions import Interactions
from ...data.scipy_matrix import of_norm_one
from ...errors import UsageError
from .fold_in import fold_in_by_histories
from .weights import Weights

_ROWS = 4096  # that are dense at once
_FURTHER = 1e-3
"""The norm of what is added to each code of norm 1: nothing beside its weights, and enough to order all others."""


def starting_codes(init: ItemCodes, log: Interactions, dims: int) -> csr_array:
    """(items, dims) float32 codes of norm 1 of the log's items, in its order: those of `init`, and of new items those
    that folding in gives; empty for an item that nobody has beside another one.

    Raises UsageError for codes that such a training cannot go on from.
    """
    if init.history_kind != "same" or init.dims != dims:
        raise UsageError(
            f"A training of {dims:,} dimensions cannot go on from codes of {init.dims:,} dimensions whose items bring "
            f"{init.history_kind!r} to a history."
        )
    if any(name not in init.ids for name in log.items):
        init = fold_in_by_histories(init, log).codes
    rows = init.ids.find(log.items)
    codes = of_norm_one(csr_array(init.weights[np.maximum(rows, 0)]))
    codes.data *= np.repeat(rows >= 0, np.diff(codes.indptr))
    codes.eliminate_zeros()
    return codes


def go_on_from(weights: Weights, codes: csr_array, matrix: csr_array) -> None:
    """Puts codes into the place of the first values, and beside each, next to nothing, the sum of the histories of its
    item's users, each divided by its norm: what would be its code were it new. So the first mask, which is wider than
    the codes, keeps their weights and the most promising others. Rows that have neither keep their first values.

    codes: (items, dims) float32, of norm 1 or empty. matrix: (users, items) of the log.
    """
    histories = of_norm_one(csr_array(matrix.astype(np.float32) @ codes))
    users_of = csr_array(matrix.T.astype(np.float32))
    for start in range(0, weights.items, _ROWS):
        rows = slice(start, min(weights.items, start + _ROWS))
        further = of_norm_one(csr_array(users_of[rows] @ histories))
        given = torch.from_numpy((codes[rows] + _FURTHER * further).toarray().astype(np.float32))
        there = given.any(dim=1)
        weights.values[start + torch.nonzero(there).ravel()] = given[there].to(weights.device)
    weights.normalize()
