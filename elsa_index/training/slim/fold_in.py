"""Folding in: codes of items that came after a training, from the interactions they have so far."""

import threading
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ...codes.item_codes import ItemCodes
from ...data.interactions import Interactions
from ...data.scipy_matrix import rows_of
from ...errors import DataError, UsageError, refuse_kind, shorten
from ...extras import require
from ...storage.ids import IdMap, Rows
from ..popularity import relative, with_norms
from .config import SlimConfig
from .fit import Fit, OnStage
from .log import Log
from .selection import select_from

_NEEDED = {"config", "regularisation", "least_saliency", "popularity"}
"""What a training must have said of itself."""


@dataclass(frozen=True, eq=False)
class FoldedIn:
    """A model with further items.

    Attributes:
        codes: Of all items; those that were there keep their rows, the new ones come after them.
        added: (new,) int64, rows of the items that are new.
        improved: (improved,) int64, rows of items whose codes changed, because a new item now speaks for them.
    """

    codes: ItemCodes
    added: Rows
    improved: Rows

    @property
    def without_code(self) -> Rows:
        """Rows of new items that occur with no other, so that nothing speaks for them yet."""
        return self.added[np.diff(self.codes.weights.indptr)[self.added] == 0]


def fold_in(codes: ItemCodes, log: Interactions, on_stage: OnStage | None = None) -> FoldedIn:
    """Gives codes to the items of a log that a model of codes over items does not have, as a training of that log would
    give them, and leaves the codes of the others alone, but for those that a new item speaks for.

    A new item's code is the same ridge regression as in training, on its nearest items, with the training's λ; weights
    are kept that are worth as much as the least one that the training kept. The codes of old items that then keep a new
    one among their neighbours are fitted anew in the same way.

    Args:
        codes: What `train` made by a `SlimConfig`.
        log: The log so far, of new items and old ones, with users that have no new item too: what those have instead
            is what a regression learns from.
        on_stage: Called while it works; see `train`.

    Raises:
        UsageError: For codes of another kind, or of a training that did not say what its weights were worth.
        DataError: Where every item of the log has a code.

    >>> import elsa_index as ei, polars as pl
    >>> users = pl.Series([f"u{at}" for at in range(40) for _ in range(3)])
    >>> pairs = pl.Series([f"i{(at + step) % 8}" for at in range(40) for step in range(3)])
    >>> before = ei.Interactions.from_pairs(users.filter(pairs != "i7"), pairs.filter(pairs != "i7"))
    >>> codes = ei.train(before, ei.SlimConfig(nnz=2, neighbours=4, regularisation=5))
    >>> found = fold_in(codes, ei.Interactions.from_pairs(users, pairs))
    >>> [found.codes.ids[row] for row in found.added], bool(len(found.improved))
    (['i7'], True)
    """
    refuse_kind("The log", log, Interactions, "read it with read_interactions, or make it by from_pairs.")
    training = _Training.of(codes)
    require("Folding items in", "numba")
    new = [name for name in log.items if name not in codes.ids]
    if not new:
        raise DataError(f"Every one of the log's {len(log.items):,} items has a code already; there is nothing new.")
    ids = IdMap([*codes.ids, *new])
    matrix = _by_rows(log, ids)
    added = np.arange(len(codes.ids), len(ids))
    fitted = _Fitted(matrix, training, on_stage)
    own = fitted.codes(added)
    changed = fitted.codes(np.setdiff1d(_occur_with(matrix, added), added), with_one_of=added)
    improved = np.flatnonzero(np.diff(changed.indptr))
    return FoldedIn(_joined(codes, ids, own, changed, np.bincount(matrix.indices, minlength=len(ids))), added, improved)


@dataclass(frozen=True)
class _Training:
    """What a training left: its choices, λ, and the saliency of the least weight that it kept."""

    config: SlimConfig
    regularisation: float
    least: float

    @classmethod
    def of(cls, codes: ItemCodes) -> "_Training":
        refuse_kind("codes", codes, ItemCodes, "load_codes reads them from a path, and train returns them.")
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


def _by_rows(log: Interactions, ids: IdMap) -> csr_array:
    """(users, ids) the log's matrix with an item's column under its row."""
    columns = ids.rows(log.items)
    matrix = csr_array(
        (log.matrix.data, columns[log.matrix.indices], log.matrix.indptr), shape=(log.matrix.shape[0], len(ids))
    )
    matrix.sort_indices()
    return matrix


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
    shares, sample = codes.history_weights, codes.sample_histories
    if shares is not None:
        shares = np.append(shares, popularity[before:] ** exponents["history"]).astype(np.float32)
    if sample is not None:
        sample = csr_array((sample.data, sample.indices, sample.indptr), shape=(sample.shape[0], size))
    item_counts = None if codes.item_counts is None else counts
    origin = codes.origin | {"folded_in": codes.origin.get("folded_in", 0) + size - before}
    return ItemCodes(ids, csr_array(weights), origin, item_counts, sample, shares, "items")
