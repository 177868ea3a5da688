"""Folding items into codes over items: the ridge regression of training, for new items and whom they speak for."""

import threading
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ...codes.item_codes import ItemCodes
from ...data.interactions import Interactions
from ...data.scipy_matrix import rows_of, with_norms
from ...errors import UsageError, shorten
from ...storage.ids import IdMap, Rows
from ..folded_in import FoldedIn, Grown, with_further_items
from ..popularity import relative
from .config import SlimConfig
from .fit import Fit, OnStage
from .log import Log
from .selection import select_from

_NEEDED = {"config", "regularisation", "least_saliency", "popularity"}
"""What a training must have said of itself."""


def fold_in_by_regression(codes: ItemCodes, log: Interactions, on_stage: OnStage | None) -> FoldedIn:
    """See `fold_in`; for codes over items."""
    training = _Training.of(codes)
    grown = Grown.of(codes, log, beside_known=False)
    ids, matrix, added = grown.ids, grown.matrix, np.arange(len(codes.ids), len(grown.ids))
    if not len(added):
        return FoldedIn(codes, added, added, grown.without)
    fitted = _Fitted(matrix, training, on_stage)
    own = fitted.codes(added)
    changed = fitted.codes(np.setdiff1d(_occur_with(matrix, added), added), with_one_of=added)
    improved = np.flatnonzero(np.diff(changed.indptr))
    joined = _joined(codes, ids, own, changed, np.bincount(matrix.indices, minlength=len(ids)))
    return FoldedIn(joined, added, improved, grown.without)


@dataclass(frozen=True)
class _Training:
    """What a training left: its choices, λ, and the saliency of the least weight that it kept."""

    config: SlimConfig
    regularisation: float
    least: float

    @classmethod
    def of(cls, codes: ItemCodes) -> "_Training":
        origin = codes.origin
        if origin.get("model") != "SLIM":
            raise UsageError(
                "Items are folded into codes over items that train --model slim made; these are of the model "
                f"{shorten(origin.get('model', 'unknown'))}."
            )
        if _NEEDED - origin.keys():
            raise UsageError(
                "The model does not say what its weights were worth, as older ones do not; train it again."
            )
        least = np.inf if origin["least_saliency"] is None else float(origin["least_saliency"])
        return cls(SlimConfig(**origin["config"]), float(origin["regularisation"]), least)


class _Fitted:
    """Codes of some items of a log, by the choices of a training."""

    def __init__(self, matrix: csr_array, training: _Training, on_stage: OnStage | None) -> None:
        self._training, self._on_stage = training, on_stage
        self._log = Log.of(matrix, training.config.user_power)
        self._place = np.argsort(self._log.order)  # of each row in the log's order

    def codes(self, rows: Rows, with_one_of: Rows | None = None) -> csr_array:
        """(items, items) float32 CSR, empty but for these rows; with_one_of: and for those that keep none of these."""
        config, stop = self._training.config, threading.Event()
        fit = Fit(self._log, config, which=np.sort(self._place[rows]))
        if with_one_of is not None:  # most have none among their neighbours, and regressions are what takes time
            fit.find_neighbours(stop, self._on_stage)
            fit = fit.only(np.count_nonzero(np.isin(fit.at.neighbours, self._place[with_one_of]), axis=1) > 0)
        fit.weigh([self._training.regularisation], stop, self._on_stage)
        kept = select_from(fit.saliency(self._training.regularisation), config.nnz, self._training.least)
        if with_one_of is not None:
            there = kept & np.isin(fit.at.neighbours, self._place[with_one_of])
            kept &= there.any(axis=1, keepdims=True)
        return fit.refitted(kept, self._training.regularisation, stop, self._on_stage)


def _occur_with(matrix: csr_array, rows: Rows) -> Rows:
    """Rows of all items that somebody has who has one of some."""
    has = np.zeros(matrix.shape[1], dtype=bool)
    has[rows] = True
    users = np.unique(rows_of(matrix)[has[matrix.indices]])
    return np.unique(matrix[users].indices).astype(np.int64)


def _joined(codes: ItemCodes, ids: IdMap, own: csr_array, changed: csr_array, counts: Rows) -> ItemCodes:
    """The codes as they were, but for those that changed, and those of the new items after them. counts: (items,)
    interactions of the log."""
    before, size = len(codes.ids), len(ids)
    if codes.item_counts is not None:
        counts = np.append(codes.item_counts, counts[before:])
    popularity = relative(counts, among=counts[:before])
    exponents = codes.origin["popularity"]
    fitted = csr_array(own + changed)
    if exponents["output"]:
        fitted = with_norms(fitted, popularity ** exponents["output"])
    frozen = np.repeat(np.diff(changed.indptr)[:before] == 0, np.diff(codes.weights.indptr))
    starts = np.append(codes.weights.indptr, np.full(size - before, codes.weights.nnz))
    weights = csr_array((codes.weights.data * frozen, codes.weights.indices, starts), shape=(size, size)) + fitted
    weights.eliminate_zeros()
    shares = codes.history_weights
    if shares is not None:
        shares = np.append(shares, popularity[before:] ** exponents["history"]).astype(np.float32)
    sample = with_further_items(codes.sample_histories, size)
    item_counts = None if codes.item_counts is None else counts
    origin = codes.origin | {"folded_in": codes.origin.get("folded_in", 0) + size - before}
    return ItemCodes(ids, csr_array(weights), origin, item_counts, sample, shares, "items")
