"""Explaining a recommendation: which items of the history and which dimensions brought how much."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..catalogue.history import ResolvedHistory


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


def explain(catalogue: Catalogue, history: ResolvedHistory, items: Iterable[object]) -> list[Explanation]:
    """Splits the scores A_i · Σ_j w_j A_j of `items` into their products w_j A_jd A_id.

    Raises UnknownIdError for items that the catalogue does not hold.
    """
    wanted = catalogue.ids.rows(items)
    names = catalogue.ids.take(history.rows)
    weighted = catalogue.engine.stored_rows(history.rows) * history.weights[:, None]
    explanations = []
    for row, code in zip(wanted.tolist(), catalogue.engine.stored_rows(wanted), strict=True):
        dims = np.flatnonzero(code)
        parts = weighted[:, dims] * code[dims]
        by_item, by_dim = parts.sum(axis=1), parts.sum(axis=0)
        shared = np.flatnonzero(parts.any(axis=0))
        explanations.append(
            Explanation(
                catalogue.ids[row],
                float(parts.sum()),
                [(names[at], float(by_item[at])) for at in np.argsort(-by_item, kind="stable")],
                [(int(dims[at]), float(by_dim[at])) for at in shared[np.argsort(-by_dim[shared], kind="stable")]],
            )
        )
    return explanations


def strongest_dimensions(history: ResolvedHistory, k: int) -> list[tuple[int, float]]:
    """The `k` strongest dimensions of a history's vector with their signed weights, strongest first."""
    vector = history.vector
    order = np.argsort(-np.abs(vector), kind="stable")[:k]
    return [(int(dim), float(vector[dim])) for dim in order if vector[dim]]
