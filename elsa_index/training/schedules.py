"""Pruning schedules: how many nonzeros an item's code keeps in each epoch."""

import math
from collections.abc import Callable

from .config import TrainingConfig


def exponential(dims: int, nnz: int, epochs: int) -> list[int]:
    """Nonzeros of every epoch: `dims` in epoch 0, then ⌊dims · 2^-(i/E + 1)⌋, never below `nnz`, then E more.

    E = `epochs`; the shrinking part takes E epochs for each halving between `dims` and `nnz` (paper, schedules).

    >>> exponential(64, 16, 2)
    [64, 22, 16, 16, 16, 16]
    """
    halvings = math.ceil(math.log2(dims / nnz))
    pruning = [
        dims if epoch == 0 else max(nnz, math.floor(dims * 2 ** -(epoch / epochs + 1)))
        for epoch in range(epochs * halvings)
    ]
    return pruning + [nnz] * epochs


SCHEDULES: dict[str, Callable[[int, int, int], list[int]]] = {"exponential": exponential}


def nonzeros_by_epoch(config: TrainingConfig) -> list[int]:
    """How many nonzeros a row keeps in each epoch of a run; all of them throughout for the dense baseline."""
    if config.dense:
        return [config.dims] * config.epochs
    return SCHEDULES[config.schedule](config.dims, config.nnz, config.epochs)
