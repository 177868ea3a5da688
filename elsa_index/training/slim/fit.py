"""Fitting codes over items: neighbours, what each is worth, and the weights of those that are kept."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ...errors import DataError
from .blocks import each_block
from .config import SlimConfig
from .log import Log
from .selection import select

OnStage = Callable[[str, int, int], None]
"""Called with what is being done, the items of it that are done, and how many there are."""
_NOBODY = np.iinfo(np.int32).max
_REFIT = 0.5
"""Of λ for the last fit: fewer predictors need less of it. Once or twice λ, and 0.3 of it, are worse on both."""


@dataclass
class Progress:
    """How far a fit is. neighbours: (items, neighbours) int32, ascending, then _NOBODY. found: (items,) how many there
    are. saliency: (items, neighbours) float32 of their weights. has_neighbours, has_weights: (items,) which items are
    done."""

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
            np.zeros((items, neighbours), dtype=np.float32),
            np.zeros(items, dtype=bool),
            np.zeros(items, dtype=bool),
        )


class Fit:
    """Codes of one log for one λ after another: neighbours are found once."""

    def __init__(self, log: Log, config: SlimConfig, at: Progress | None = None) -> None:
        self.log, self.config = log, config
        self.at = at or Progress.of(log.items, config.neighbours)
        self._weighed_for: float | None = None

    def weigh(
        self,
        regularisation: float,
        stop: threading.Event,
        on_stage: OnStage | None,
        on_block: Callable[[int], None] | None = None,
    ) -> None:
        """Finds all items' neighbours, if that is not done yet, and what each is worth.

        Raises DataError where no two items occur together, and Stopped.
        """
        from .kernels import find_neighbours, regress

        log, at = self.log, self.at

        def neighbours(first: int, last: int) -> None:
            at.neighbours[first:last] = _NOBODY  # a block that was begun before is begun anew
            find_neighbours(
                first, last, self.config.neighbours, log.user_starts, log.items_of, log.by_user, log.item_starts,
                log.users_of, log.by_item, log.norms, at.neighbours, at.found,
            )  # fmt: skip
            at.neighbours[first:last].sort(axis=1)

        each_block(neighbours, at.has_neighbours, stop, _reported(on_stage, "neighbours", log.items, on_block))
        if not at.found.any():
            raise DataError(
                "No two items of the log occur together: no user has two of them. Codes over items need that; check "
                "the column of users."
            )
        starts = np.arange(log.items, dtype=np.int64) * self.config.neighbours
        no_weights = np.zeros(0, dtype=np.float32)

        def regression(first: int, last: int) -> None:
            regress(
                first, last, starts, at.found, at.neighbours.ravel(), regularisation, self.config.non_negative,
                log.item_starts, log.users_of, log.by_item, log.users, no_weights, at.saliency.ravel(),
            )  # fmt: skip

        if self._weighed_for not in (None, regularisation):
            at.has_weights[:] = False
        self._weighed_for = regularisation
        each_block(regression, at.has_weights, stop, _reported(on_stage, "weights", log.items, on_block))

    def codes(self, regularisation: float, stop: threading.Event, on_stage: OnStage | None) -> csr_array:
        """(items, items) float32 CSR: the weights that are worth most, fitted again without the others.

        Raises UsageError where more are asked than there are.
        """
        from .kernels import regress

        log, kept = self.log, select(self.at.saliency, self.config.nnz)
        lengths = np.count_nonzero(kept, axis=1).astype(np.int32)
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        predictors = self.at.neighbours[kept]
        weights, no_saliency = np.zeros(len(predictors), dtype=np.float32), np.zeros(0, dtype=np.float32)

        def regression(first: int, last: int) -> None:
            regress(
                first, last, starts, lengths, predictors, _REFIT * regularisation, self.config.non_negative,
                log.item_starts, log.users_of, log.by_item, log.users, weights, no_saliency,
            )  # fmt: skip

        each_block(regression, np.zeros(log.items, dtype=bool), stop, _reported(on_stage, "last fit", log.items))
        fitted = csr_array((weights, predictors, starts), shape=(log.items, log.items))
        fitted.eliminate_zeros()
        return fitted


def _reported(
    on_stage: OnStage | None, stage: str, total: int, on_block: Callable[[int], None] | None = None
) -> Callable[[int], None]:
    def report(done: int) -> None:
        if on_stage:
            on_stage(stage, done, total)
        if on_block:
            on_block(done)

    return report
