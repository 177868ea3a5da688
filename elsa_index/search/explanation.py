"""Explaining a recommendation: which items of the history and which dimensions brought how much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..storage.ids import IdMap, Rows


@dataclass(frozen=True)
class Explanation:
    """Why one item was recommended. All amounts are parts of `score`; those of the history sum to it, and those of the
    dimensions too.

    item: its id. history: (id, amount) of each item of the history, the largest amount first; negative ones spoke
    against it. dims: (dimension, amount) of each dimension that the item and the history share, the largest first.
    """

    item: str
    score: float
    history: list[tuple[str, float]]
    dims: list[tuple[int, float]]


def explain(
    ids: IdMap,
    history: Rows,
    weighted_codes: npt.NDArray[np.float64],
    items: Sequence[int],
    item_codes: npt.NDArray[np.float64],
) -> list[Explanation]:
    """Splits the scores A_i · Σ_j w_j A_j of `items` into their products w_j A_jd A_id.

    history: rows j. weighted_codes: (history, dims), w_j A_j. items: rows i. item_codes: (items, dims).
    """
    explanations = []
    for row, code in zip(items, item_codes, strict=True):
        dims = np.flatnonzero(code)
        parts = weighted_codes[:, dims] * code[dims]
        by_item, by_dim = parts.sum(axis=1), parts.sum(axis=0)
        shared = np.flatnonzero(parts.any(axis=0))
        explanations.append(
            Explanation(
                ids[row],
                float(parts.sum()),
                [(ids[int(history[at])], float(by_item[at])) for at in np.argsort(-by_item, kind="stable")],
                [(int(dims[at]), float(by_dim[at])) for at in shared[np.argsort(-by_dim[shared], kind="stable")]],
            )
        )
    return explanations
