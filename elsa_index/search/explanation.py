"""Explaining a recommendation: which items of the history and which dimensions brought how much."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..catalogue.history import ResolvedHistory
from ..errors import UsageError, shorten


@dataclass(frozen=True)
class Explanation:
    """Why one item was recommended. Amounts of the history sum to `score`, and those of the dimensions too.

    Attributes:
        item: Its id.
        history: (id, amount) of each item of the history, the largest amount first; negative ones spoke against it.
        dims: (dimension, amount) of each dimension that the item and the history share, the largest first.
    """

    item: str
    score: float
    history: list[tuple[str, float]]
    dims: list[tuple[int, float]]


def explain(catalogue: Catalogue, history: ResolvedHistory, items: Iterable[object]) -> list[Explanation]:
    """Splits the scores A_i · Σ_j w_j H_j of `items` into their products w_j H_jd A_id.

    Raises UnknownIdError for items that the catalogue does not hold.
    """
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise UsageError(f"The items to explain are a list of ids, got {shorten(items)}.")
    wanted = catalogue.ids.rows(items)
    names = catalogue.ids.take(history.rows)
    codes = catalogue.engine.weights_at(wanted, history.vector)
    brought = (codes @ catalogue.history_codes.rows(history.rows).T).toarray()
    explanations = []
    for at, row in enumerate(wanted.tolist()):
        by_item = history.amounts(history.weights * brought[at])
        dims = codes.indices[codes.indptr[at] : codes.indptr[at + 1]]
        by_dim = history.amounts(codes.data[codes.indptr[at] : codes.indptr[at + 1]] * history.vector.at(dims))
        shared = np.flatnonzero(by_dim)
        explanations.append(
            Explanation(
                catalogue.ids[row],
                float(by_dim.sum()),
                [(names[place], float(by_item[place])) for place in np.argsort(-by_item, kind="stable")],
                [
                    (int(dims[place]), float(by_dim[place]))
                    for place in shared[np.argsort(-by_dim[shared], kind="stable")]
                ],
            )
        )
    return explanations


def strongest_dimensions(history: ResolvedHistory, k: int) -> list[tuple[int, float]]:
    """The `k` strongest dimensions of a history's vector with their signed weights, strongest first."""
    vector = history.vector
    order = np.argsort(-np.abs(vector.weights), kind="stable")[:k]
    return list(zip(vector.dims[order].tolist(), history.amounts(vector.weights[order]).tolist(), strict=True))
