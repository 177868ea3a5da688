"""Pruning schedules: how many nonzeros an item's code keeps in each epoch (paper, pruning schedules)."""

import math
from collections.abc import Callable

from ..config import TrainingConfig

_WIDER = 4
"""The first mask of a run that goes on, times `nnz`."""


def halvings(dims: int, nnz: int) -> int:
    """L: how often `dims` is halved until it is at most `nnz`."""
    return math.ceil(math.log2(dims / nnz))


def exponential(dims: int, nnz: int, epochs: int) -> list[int]:
    """`dims` in epoch 0, then ⌊dims · 2^-(i/E + 1)⌋, never below `nnz`, E · L epochs in all.

    >>> exponential(64, 16, 2)
    [64, 22, 16, 16]
    """
    return [
        dims if epoch == 0 else max(nnz, math.floor(dims * 2 ** -(epoch / epochs + 1)))
        for epoch in range(epochs * halvings(dims, nnz))
    ]


def linear(dims: int, nnz: int, epochs: int) -> list[int]:
    """dims - i · ⌊(dims - nnz) / (E · L)⌋ in epoch i, E · L epochs in all.

    >>> linear(64, 16, 2)
    [64, 52, 40, 28]
    """
    count = epochs * halvings(dims, nnz)
    return [dims - epoch * ((dims - nnz) // count) for epoch in range(count)]


def stepwise(dims: int, nnz: int, epochs: int) -> list[int]:
    """Levels dims, then 1024, 512, … (from `dims` where that is smaller), above `nnz`, for E epochs each.

    >>> stepwise(4096, 256, 1), stepwise(64, 16, 2)
    ([4096, 1024, 512], [64, 64, 32, 32])
    """
    levels = [dims]
    level = min(1024, dims) if dims > 1024 else dims // 2
    while level > nnz:
        levels.append(level)
        level //= 2
    return [level for level in levels if level > nnz for _ in range(epochs)]


def constant(dims: int, nnz: int, epochs: int) -> list[int]:
    """`nnz` from the start, the mask that of the initial matrix, for as many epochs as the exponential schedule.

    >>> constant(64, 16, 2)
    [16, 16, 16, 16]
    """
    return [nnz] * (epochs * halvings(dims, nnz))


SCHEDULES: dict[str, Callable[[int, int, int], list[int]]] = {
    "exponential": exponential,
    "linear": linear,
    "stepwise": stepwise,
    "constant": constant,
}


def nonzeros_by_epoch(config: TrainingConfig) -> list[int]:
    """Nonzeros of a row (on average, where budgets differ) in each epoch of a run.

    Dense epochs first, then the schedule, then E epochs at `nnz`; a dense model has its E epochs and no more.

    >>> nonzeros_by_epoch(TrainingConfig(dims=64, nnz=16, epochs=2, dense_epochs=0, final_epochs=None))
    [64, 22, 16, 16, 16, 16]
    """
    if config.dense:
        return [config.dims] * config.epochs
    pruning = SCHEDULES[config.schedule](config.dims, config.nnz, config.epochs)
    final = config.epochs if config.final_epochs is None else config.final_epochs
    return [config.dims] * config.dense_epochs + pruning + [config.nnz] * final


def nonzeros_going_on(config: TrainingConfig) -> list[int]:
    """The same of a run that goes on from codes: a fifth of E epochs in which they may find other dimensions, then half
    of E at `nnz`. On MovieLens longer ones, and other widths, gave no better codes (benchmarks/increments.py).

    >>> nonzeros_going_on(TrainingConfig(dims=64, nnz=4, epochs=5))
    [16, 4, 4, 4]
    """
    if config.dense:
        return nonzeros_by_epoch(config)
    final = config.final_epochs or math.ceil(config.epochs / 2)
    return [min(config.dims, _WIDER * config.nnz)] * math.ceil(config.epochs / 5) + [config.nnz] * final


def first_of_last_mask(schedule: list[int]) -> int:
    """The epoch, from 1, in which the last mask begins.

    >>> first_of_last_mask([64, 22, 16, 16])
    3
    """
    return schedule.index(schedule[-1]) + 1


def learning_rate(config: TrainingConfig, schedule: list[int], epoch: int, done: float) -> float:
    """Of Nadam when a share `done` of `epoch` (from 1) has passed."""
    first = first_of_last_mask(schedule)
    if not config.final_decay or epoch < first:
        return config.learning_rate
    return config.learning_rate * (1 - (epoch - first + done) / (len(schedule) - first + 1))
