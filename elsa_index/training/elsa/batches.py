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
    values: (pairs,) float32, x, what each counts: a user's have the mean square 1. shares: (users,) float32, what each
    user counts.
    offsets: (users,) int64, where each user's pairs begin. sizes: (users,) float32, items per user.
    by_item: (pairs,) int64, the pairs' users, one output after the other. values_by_item: (pairs,) float32, x in that
    order. item_offsets: (outputs,) int64.
    is_weighted: whether anything counts other than 1.
    """

    outputs: npt.NDArray[np.int64]
    users: torch.Tensor
    positions: torch.Tensor
    values: torch.Tensor
    shares: torch.Tensor
    offsets: torch.Tensor
    sizes: torch.Tensor
    by_item: torch.Tensor
    values_by_item: torch.Tensor
    item_offsets: torch.Tensor
    is_weighted: bool

    @classmethod
    def make(cls, rows: csr_array, outputs: npt.NDArray[np.int64], device: torch.device) -> "Batch":
        positions = np.searchsorted(outputs, rows.indices)
        sizes = np.diff(rows.indptr)
        users = np.repeat(np.arange(rows.shape[0]), sizes)
        order = np.argsort(positions, kind="stable")
        by_item = users[order]
        ends = np.cumsum(np.bincount(positions, minlength=len(outputs)))
        arrays = (users, positions, rows.indptr[:-1], by_item, np.concatenate([[0], ends[:-1]]))
        on = [torch.from_numpy(array.astype(np.int64)).to(device) for array in arrays]
        squares = np.bincount(users, np.square(rows.data, dtype=np.float64), minlength=len(sizes))
        shares = np.sqrt(squares / np.maximum(sizes, 1))
        values = rows.data / shares[users]
        counted = (values, shares, sizes, values[order])
        counts, by_user, lengths, counts_by_item = (
            torch.from_numpy(array.astype(np.float32)).to(device) for array in counted
        )
        is_weighted = bool((rows.data != 1).any())
        return cls(
            outputs, on[0], on[1], counts, by_user, on[2], lengths, on[3], counts_by_item, on[4], is_weighted
        )  # fmt: skip


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
