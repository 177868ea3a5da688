"""The parameters: only the weights that a mask keeps, their columns, and the optimiser's moments.

What is stored shrinks with the mask: (items, kept) values and moments, not (items, dims).
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import csr_array

_ALL = slice(None)
_INITIAL_ROWS = 4096
_CHUNK_VALUES = 1 << 18
"""Weights a chunk of rows: its values, moments and gradient stay in the processor's cache between operations."""


def initial_rows(start: int, stop: int, items: int, dims: int, seed: int) -> torch.Tensor:
    """(stop - start, dims) float32, rows of the Xavier-uniform (items, dims) start; the same for the same seed on
    every device. `start` is a multiple of 4,096, so that no more than a block of rows need exist at once."""
    bound = math.sqrt(6 / (items + dims))
    blocks = []
    for block in range(start // _INITIAL_ROWS, -(-stop // _INITIAL_ROWS)):
        rows = min(items, (block + 1) * _INITIAL_ROWS) - block * _INITIAL_ROWS
        drawn = np.random.default_rng([seed, block]).random((rows, dims), dtype=np.float32)
        blocks.append(torch.from_numpy(drawn).mul_(2 * bound).sub_(bound))
    return torch.cat(blocks)[: stop - start] if len(blocks) > 1 else blocks[0][: stop - start]


class Weights:
    """A under its mask.

    values, first, second: (items, kept) float32: weights and Nadam's two moments.
    columns: (items, kept) int32, ascending in a row, or None when all dimensions are kept.
    within: (items, kept) bool, False where an item's own budget is smaller than `kept`; None when all are even.
    inverse_norms: (items, 1) float32, so that Â = values · inverse_norms.
    best: (items, kept) float32, values of the best epoch, or None where none is kept.
    """

    def __init__(self, items: int, dims: int, seed: int, device: torch.device) -> None:
        self.dims, self.seed, self.device = dims, seed, device
        self.columns: torch.Tensor | None = None
        self.within: torch.Tensor | None = None
        self.best: torch.Tensor | None = None
        self.values = torch.empty((items, dims), device=device)
        for start in range(0, items, _INITIAL_ROWS):
            rows = initial_rows(start, min(items, start + _INITIAL_ROWS), items, dims, seed)
            self.values[start : start + _INITIAL_ROWS] = rows.to(device)
        self.inverse_norms = torch.empty((items, 1), device=device)
        self.new_optimizer()
        self.normalize()

    @property
    def items(self) -> int:
        return len(self.values)

    @property
    def kept(self) -> int:
        return self.values.shape[1]

    def new_optimizer(self) -> None:
        self.first = torch.zeros_like(self.values)
        self.second = torch.zeros_like(self.values)
        self.steps = 0
        self.momentum_product = 1.0

    def normalize(self, rows: slice = _ALL) -> None:
        self.inverse_norms[rows] = self.values[rows].norm(dim=1, keepdim=True).clamp_min_(1e-12).reciprocal_()

    def codes_of(self, rows: slice | torch.Tensor = _ALL) -> torch.Tensor:
        """Â, (rows, kept) float32."""
        return self.values[rows] * self.inverse_norms[rows]

    def importance(self, rows: slice) -> torch.Tensor:
        """(rows, kept): what `prune` keeps the largest of."""
        return self.values[rows].abs()

    def chunks(self) -> Iterator[slice]:
        """Slices of rows that are worked on while they are in the cache."""
        rows = max(1, _CHUNK_VALUES // self.kept)
        return (slice(at, min(at + rows, self.items)) for at in range(0, self.items, rows))

    def columns_of(self, rows: slice | torch.Tensor) -> torch.Tensor | None:
        """(rows, kept) int64, or None when all dimensions are kept."""
        return None if self.columns is None else self.columns[rows].long()

    def prune(self, budgets: int | torch.Tensor, *, restart: bool) -> None:
        """Keeps the largest magnitudes of every row: `budgets` of them, one number or (items,) one per row.

        What was pruned stays pruned. Values become the initial ones (restart) or Â; the optimiser starts anew.
        """
        even = isinstance(budgets, int)
        kept = budgets if isinstance(budgets, int) else int(budgets.max())
        del self.first, self.second
        values = torch.empty((self.items, kept), device=self.device)
        columns = torch.empty((self.items, kept), dtype=torch.int32, device=self.device)
        within = None if even else torch.empty((self.items, kept), dtype=torch.bool, device=self.device)
        for start in range(0, self.items, _INITIAL_ROWS):
            stop = min(self.items, start + _INITIAL_ROWS)
            rows = slice(start, stop)
            order = self.importance(rows).topk(kept, dim=1).indices
            own = self.columns_of(rows)
            chosen, by_column = (order if own is None else own.gather(1, order)).sort(dim=1)
            if restart:
                initial = initial_rows(start, stop, self.items, self.dims, self.seed).to(self.device)
                values[rows] = initial.gather(1, chosen)
            else:
                values[rows] = self.codes_of(rows).gather(1, order.gather(1, by_column))
            columns[rows] = chosen.int()
            if within is not None and isinstance(budgets, torch.Tensor):
                within[rows] = by_column < budgets[rows, None]
                values[rows] *= within[rows]
        self.values, self.within = values, within
        self.columns = None if kept == self.dims else columns
        self.new_optimizer()
        self.normalize()

    def to_csr(self) -> csr_array:
        """Â as (items, dims) CSR without zeros."""
        codes = self.codes_of().cpu().numpy()
        columns = np.tile(np.arange(self.dims, dtype=np.int32), (self.items, 1))
        if self.columns is not None:
            columns = self.columns.cpu().numpy()
        indptr = np.arange(0, codes.size + 1, self.kept)
        matrix = csr_array((codes.ravel(), columns.ravel(), indptr), shape=(self.items, self.dims))
        matrix.eliminate_zeros()
        return matrix
