"""Fitting codes over items: neighbours, what each is worth, and the weights of those that are kept."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

from ...errors import DataError
from .blocks import each_block
from .config import SlimConfig
from .grams import Grams, blocks
from .log import Log
from .selection import Selection, select

OnStage = Callable[[str, int, int], None]
"""Called with what is being done, the items of it that are done, and how many there are."""
_NOBODY = np.iinfo(np.int32).max
_REFIT = 0.5
"""Of λ for the last fit: fewer predictors need less of it. Once or twice λ, and 0.3 of it, are worse on both."""


@dataclass
class Progress:
    """How far a fit is, for each of its items. neighbours: (items, neighbours) int32, ascending, then _NOBODY. found:
    (items,) how many there are. saliency: (λs, items, neighbours) float32 of their weights. has_neighbours,
    has_weights: (items,) which items are done."""

    neighbours: npt.NDArray[np.int32]
    found: npt.NDArray[np.int32]
    saliency: npt.NDArray[np.float32]
    has_neighbours: npt.NDArray[np.bool_]
    has_weights: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, items: int, neighbours: int) -> "Progress":
        return cls(
            np.full((items, neighbours), _NOBODY, dtype=np.int32),
            np.zeros(items, dtype=np.int32),
            np.zeros((1, items, neighbours), dtype=np.float32),
            np.zeros(items, dtype=bool),
            np.zeros(items, dtype=bool),
        )


class Fit:
    """Codes of one log for some λ after others: neighbours are found once, and inner products serve several λ."""

    def __init__(
        self, log: Log, config: SlimConfig, at: Progress | None = None, which: npt.NDArray[np.int64] | None = None
    ) -> None:
        """which: the items that get codes, as the log numbers them; None: all."""
        self.log, self.config = log, config
        self.which = np.arange(log.items) if which is None else which
        self.at = at or Progress.of(len(self.which), config.neighbours)
        self._weighed_for: list[float] = []

    def find_neighbours(
        self, stop: threading.Event, on_stage: OnStage | None, on_block: Callable[[int], None] | None = None
    ) -> None:
        """Finds all items' neighbours, if that is not done yet. Raises Stopped."""
        from .kernels import find_neighbours

        log, at = self.log, self.at

        def neighbours(first: int, last: int) -> None:
            at.neighbours[first:last] = _NOBODY  # a block that was begun before is begun anew
            find_neighbours(
                self.which[first:last], self.config.neighbours, log.user_starts, log.items_of, log.by_user,
                log.item_starts, log.users_of, log.by_item, log.norms, at.neighbours[first:last], at.found[first:last],
            )  # fmt: skip
            at.neighbours[first:last].sort(axis=1)

        each_block(neighbours, at.has_neighbours, stop, _reported(on_stage, "neighbours", len(at.found), on_block))

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Fit":
        """The same of some of its items, whose neighbours are known. chosen: (items,) which."""
        at = Progress.of(int(np.count_nonzero(chosen)), self.config.neighbours)
        at.neighbours[:], at.found[:], at.has_neighbours[:] = self.at.neighbours[chosen], self.at.found[chosen], True
        return Fit(self.log, self.config, at, self.which[chosen])

    def weigh(
        self,
        regularisations: Sequence[float],
        stop: threading.Event,
        on_stage: OnStage | None,
        on_block: Callable[[int], None] | None = None,
    ) -> None:
        """Finds all items' neighbours, if that is not done yet, and what each is worth for each λ. Raises Stopped."""
        self.find_neighbours(stop, on_stage, on_block)
        at = self.at
        if self._weighed_for or len(regularisations) != len(at.saliency):  # else it is what a checkpoint has begun
            at.has_weights[:] = False
            at.saliency = np.zeros((len(regularisations), *at.neighbours.shape), dtype=np.float32)
        self._weighed_for = list(regularisations)
        starts = np.arange(len(at.found), dtype=np.int64) * self.config.neighbours
        saliency = at.saliency.reshape(len(regularisations), -1)
        report = _reported(on_stage, "weights", len(at.found), on_block)
        none = np.zeros((0, 0), dtype=np.float32)
        self._regress(
            at.neighbours.ravel(), starts, at.found, regularisations, none, saliency, at.has_weights, stop, report
        )

    def saliency(self, regularisation: float) -> npt.NDArray[np.float32]:
        """(items, neighbours) what each neighbour is worth for a λ that they were weighed for."""
        return self.at.saliency[self._weighed_for.index(regularisation)]

    def codes(self, regularisation: float, stop: threading.Event, on_stage: OnStage | None) -> csr_array:
        """(items, items) float32 CSR: the weights that are worth most, fitted again without the others.

        Raises UsageError where more are asked than there are, DataError where no two items occur together.
        """
        return self.refitted(self.selected(regularisation).kept, regularisation, stop, on_stage)

    def selected(self, regularisation: float) -> Selection:
        """The weights that are worth most. Raises as `codes` does."""
        if not self.at.found.any():
            raise DataError(
                "No two items of the log occur together: no user has two of them. Codes over items need that; check "
                "the column of users."
            )
        return select(self.saliency(regularisation), self.config.nnz)

    def refitted(
        self, kept: npt.NDArray[np.bool_], regularisation: float, stop: threading.Event, on_stage: OnStage | None
    ) -> csr_array:
        """(items, items) float32 CSR by the log's columns: the weights of the kept neighbours, fitted again without the
        others. kept: (which, neighbours)."""
        items = self.log.items
        lengths = np.count_nonzero(kept, axis=1).astype(np.int32)
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        predictors = self.at.neighbours[kept]
        weights, no_saliency = np.zeros((1, len(predictors)), dtype=np.float32), np.zeros((0, 0), dtype=np.float32)
        done, report = np.zeros(len(lengths), dtype=bool), _reported(on_stage, "last fit", len(lengths))
        self._regress(predictors, starts, lengths, [_REFIT * regularisation], weights, no_saliency, done, stop, report)
        rows, columns = self.log.order[np.repeat(self.which, lengths)], self.log.order[predictors]
        fitted = csr_array(coo_array((weights[0], (rows, columns)), shape=(items, items)))
        fitted.eliminate_zeros()
        fitted.sort_indices()
        return fitted

    def _regress(
        self,
        predictors: npt.NDArray[np.int32],
        starts: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int32],
        regularisations: Sequence[float],
        weights: npt.NDArray[np.float32],
        saliency: npt.NDArray[np.float32],
        done: npt.NDArray[np.bool_],
        stop: threading.Event,
        report: Callable[[int], None],
    ) -> None:
        """The regressions of all items that are not done, a block after the other; arrays are by place in `which`."""
        from .kernels import regress

        levels = np.array(regularisations, dtype=np.float64)
        for begin, end in blocks(lengths):
            if done[begin:end].all():
                continue
            grams = Grams(self.log, self.which, predictors, starts, lengths, begin, end)
            each_block(grams.fill, np.zeros(len(grams.sources), dtype=bool), stop)

            def regression(first: int, last: int, begin: int = begin, grams: Grams = grams) -> None:
                regress(
                    begin + first, begin + last, begin, self.which, grams.members, grams.starts, grams.triangles,
                    grams.packed, starts, levels, self.config.non_negative, weights, saliency,
                )  # fmt: skip

            each_block(regression, done[begin:end], stop, lambda _: report(int(np.count_nonzero(done))))


def _reported(
    on_stage: OnStage | None, stage: str, total: int, on_block: Callable[[int], None] | None = None
) -> Callable[[int], None]:
    def report(done: int) -> None:
        if on_stage:
            on_stage(stage, done, total)
        if on_block:
            on_block(done)

    return report
