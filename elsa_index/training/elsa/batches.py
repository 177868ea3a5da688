"""Batches: which users, which items they have, which outputs are scored."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array

from ..config import TrainingConfig


@dataclass(frozen=True)
class Batch:
    """A batch of users; its pairs are (user, item) interactions, one user after the other.

    outputs: (outputs,) int64 array, ascending item rows that are scored; all items of the batch are among them.
    users, positions: (pairs,) int64, each pair's user in the batch and place of its item in `outputs`.
    offsets: (users,) int64, where each user's pairs begin. sizes: (users,) float32, items per user.
    by_item: (pairs,) int64, the pairs' users, one output after the other. item_offsets: (outputs,) int64.
    """

    outputs: npt.NDArray[np.int64]
    users: torch.Tensor
    positions: torch.Tensor
    offsets: torch.Tensor
    sizes: torch.Tensor
    by_item: torch.Tensor
    item_offsets: torch.Tensor

    @classmethod
    def make(cls, rows: csr_array, outputs: npt.NDArray[np.int64], device: torch.device) -> "Batch":
        positions = np.searchsorted(outputs, rows.indices)
        sizes = np.diff(rows.indptr)
        users = np.repeat(np.arange(rows.shape[0]), sizes)
        by_item = users[np.argsort(positions, kind="stable")]
        ends = np.cumsum(np.bincount(positions, minlength=len(outputs)))
        arrays = (users, positions, rows.indptr[:-1], by_item, np.concatenate([[0], ends[:-1]]))
        on = [torch.from_numpy(array.astype(np.int64)).to(device) for array in arrays]
        counts = torch.from_numpy(sizes.astype(np.float32)).to(device)
        return cls(outputs, on[0], on[1], on[2], counts, on[3], on[4])


def batches(
    matrix: csr_array, config: TrainingConfig, epoch: int, device: torch.device, first: int = 0
) -> Iterator[Batch]:
    """The batches of an epoch from number `first` on: all users once, in random order.

    What is drawn depends on seed, epoch and batch alone, so that a run can go on from any step.
    """
    users = matrix.shape[0]
    size = config.users_a_step(users)
    order = np.random.default_rng([config.seed, epoch]).permutation(users)
    for number in range(first, steps_per_epoch(users, config)):
        rows = matrix[order[number * size : (number + 1) * size]]
        rng = np.random.default_rng([config.seed, epoch, number])
        yield Batch.make(rows, sample_outputs(rows, config.max_output, rng), device)


def steps_per_epoch(users: int, config: TrainingConfig) -> int:
    return -(-users // config.users_a_step(users))


def sample_outputs(rows: csr_array, max_output: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The items that a batch scores, ascending: all that occur in it, and uniformly drawn others up to `max_output`."""
    items = rows.shape[1]
    if items <= max_output:
        return np.arange(items)
    chosen = np.zeros(items, dtype=bool)
    chosen[rows.indices] = True
    missing = max_output - int(chosen.sum())
    if missing > 0:
        chosen[rng.choice(np.flatnonzero(~chosen), missing, replace=False)] = True
    return np.flatnonzero(chosen)
