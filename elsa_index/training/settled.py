"""What a training leaves of another one: codes that hardly moved stay what they were, so that an index need not be
written again for them."""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, vstack

from ..codes.difference import compare_codes
from ..codes.item_codes import ItemCodes
from ..data.scipy_matrix import widened, with_columns


def settled(codes: ItemCodes, before: ItemCodes, tolerance: float) -> ItemCodes:
    """`codes`, in which those that moved by no more than `tolerance` are those of `before`, to the bit, and count in a
    history what they did.

    >>> from elsa_index.storage.ids import IdMap
    >>> one = ItemCodes(IdMap(["a", "b"]), csr_array([[0.5, 0.75], [0, 1.0]]))
    >>> other = ItemCodes(IdMap(["b", "a"]), csr_array([[0.75, 0.5], [0.5, 0.8]]))
    >>> settled(other, one, 0.1).weights.toarray().tolist()
    [[0.75, 0.5], [0.5, 0.75]]
    """
    found = compare_codes(before, codes)
    stays = np.maximum(found.code_change, found.history_change) <= tolerance
    rows = found.kept[stays]
    then = before.ids.find(codes.ids.names_of(rows))
    former = before.weights
    if codes.history_kind == "items":
        former = with_columns(former, codes.ids.find(before.ids), codes.dims)
    order = np.arange(len(codes.ids))
    order[rows] = len(codes.ids) + then
    shares = codes.history_weights_of(np.arange(len(codes.ids))).astype(np.float32)
    shares[rows] = before.history_weights_of(then)
    return replace(
        codes,
        weights=csr_array(vstack([codes.weights, widened(former, codes.dims)]))[order],
        history_weights=shares if (shares != 1).any() else None,
        origin=codes.origin | {"settled": len(rows)},
    )
