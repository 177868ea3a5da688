"""The products of a training step, of dense rows or, once few weights are left, of sparse ones."""

import warnings
from typing import Protocol

import torch
from torch.nn.functional import embedding_bag

from .batches import Batch
from .weights import Weights

# torch warns once that its CSR tensors may still change; what is used of them is covered by the tests.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")

SPARSE_BELOW = 24
"""Sparse products pay when fewer than one weight in so many is kept: measured on two cores at 1,024 and 4,096
dimensions, where a dense product in bfloat16 does 260 to 400 GFLOPS and a sparse one 10 to 30."""


class Products(Protocol):
    """x Â, its product with the outputs' codes, and the way back."""

    def latent(self, batch: Batch) -> torch.Tensor: ...

    def scores(self, latent: torch.Tensor) -> torch.Tensor: ...

    def gradient(self, by_scores: torch.Tensor, latent: torch.Tensor, batch: Batch) -> torch.Tensor: ...


def use_sparse(kept: int, dims: int) -> bool:
    return kept * SPARSE_BELOW <= dims


class DenseProducts:
    """The outputs' codes as (outputs, dims) in `dtype`."""

    def __init__(self, weights: Weights, outputs: torch.Tensor, dtype: torch.dtype) -> None:
        self.codes = torch.empty((len(outputs), weights.dims), dtype=dtype, device=weights.device)
        step = max(1, (1 << 18) // weights.kept)
        for start in range(0, len(outputs), step):
            rows = outputs[start : start + step]
            values = weights.codes_of(rows).to(dtype)
            columns = weights.columns_of(rows)
            if columns is None:
                self.codes[start : start + step] = values
            else:
                self.codes[start : start + step].zero_().scatter_(1, columns, values)

    def latent(self, batch: Batch) -> torch.Tensor:
        """x Â, (users, dims): a sum of a few rows, never a product with the mostly empty x."""
        weights = batch.values.to(self.codes.dtype) if batch.is_weighted else None
        return embedding_bag(batch.positions, self.codes, batch.offsets, mode="sum", per_sample_weights=weights)

    def scores(self, latent: torch.Tensor) -> torch.Tensor:
        """(users, outputs)."""
        return latent @ self.codes.T

    def gradient(self, by_scores: torch.Tensor, latent: torch.Tensor, batch: Batch) -> torch.Tensor:
        """∂L/∂Â of the outputs, (outputs, dims): Gᵀ u, and for each item the sum of ∂L/∂u over its users."""
        by_latent = by_scores @ self.codes
        gradient = by_scores.T @ latent
        weights = batch.values_by_item.to(by_latent.dtype) if batch.is_weighted else None
        sums = embedding_bag(batch.by_item, by_latent, batch.item_offsets, mode="sum", per_sample_weights=weights)
        return gradient.add_(sums)


class SparseProducts:
    """The outputs' codes as CSR, and their transpose; all in float32, which is what sparse kernels take."""

    def __init__(self, weights: Weights, outputs: torch.Tensor, transpose: "Transpose") -> None:
        assert weights.columns is not None
        self.dims = weights.dims
        self.values = weights.codes_of(outputs)
        self.columns = weights.columns[outputs]
        starts = torch.arange(0, self.values.numel() + 1, weights.kept, dtype=torch.int32, device=weights.device)
        shape = (len(outputs), weights.dims)
        self.codes = _csr(starts, self.columns.flatten(), self.values.flatten(), shape)
        self.transposed = transpose.of(outputs, self.values)

    def latent(self, batch: Batch) -> torch.Tensor:
        """x Â, (users, dims)."""
        latent = torch.zeros((len(batch.sizes), self.dims), device=self.values.device)
        cells = (batch.users[:, None] * self.dims) + self.columns[batch.positions]
        brought = self.values[batch.positions]
        if batch.is_weighted:
            brought = brought * batch.values[:, None]
        latent.view(-1).scatter_add_(0, cells.flatten(), brought.flatten())
        return latent

    def scores(self, latent: torch.Tensor) -> torch.Tensor:
        """(users, outputs), a transposed view."""
        self.latent_columns = latent.T.contiguous()
        return (self.codes @ self.latent_columns).T

    def gradient(self, by_scores: torch.Tensor, latent: torch.Tensor, batch: Batch) -> torch.Tensor:
        """∂L/∂Â of the outputs at the kept weights, (outputs, kept)."""
        columns = by_scores.T
        by_latent = (self.transposed @ columns).T.contiguous()
        sampled = torch.sparse.sampled_addmm(self.codes, columns, self.latent_columns.T, beta=0)
        gradient = sampled.values().view_as(self.values)
        cells = (batch.users[:, None] * self.dims) + self.columns[batch.positions]
        brought = by_latent.view(-1)[cells]
        if batch.is_weighted:
            brought = brought * batch.values[:, None]
        return gradient.index_add_(0, batch.positions, brought)


class Transpose:
    """Where the kept weights are, one dimension after the other: sorted once a mask, cut to the outputs in a step."""

    def __init__(self, weights: Weights) -> None:
        assert weights.columns is not None
        flat, order = weights.columns.flatten().sort(stable=True)
        self.columns = flat
        self.items = order // weights.kept
        self.slots = order % weights.kept
        self.dims, self.kept = weights.dims, weights.kept

    def of(self, outputs: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Âᵀ of the outputs, (dims, outputs) CSR. values: (outputs, kept) float32."""
        place = torch.full((int(self.items.max()) + 1,), -1, dtype=torch.int64, device=values.device)
        place[outputs] = torch.arange(len(outputs), device=values.device)
        places = place[self.items]
        here = places >= 0
        places, columns = places[here], self.columns[here]
        counts = torch.bincount(columns, minlength=self.dims)
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int()
        found = values.view(-1)[places * self.kept + self.slots[here]]
        return _csr(starts, places.int(), found, (self.dims, len(outputs)))


def _csr(starts: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    return torch.sparse_csr_tensor(starts, columns, values, shape, check_invariants=False)
