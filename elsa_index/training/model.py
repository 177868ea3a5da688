"""ELSA and Compressed ELSA: parameters, mask, codes and loss, as the paper's equations read."""

import math

import torch
from torch.nn import functional

MAX_SCORE = 6.0
"""Predictions are cut here: ŷ = min(6, max(0, xÂÂᵀ - x))."""
_CHUNK_ROWS = 4096


def initial_weights(items: int, dims: int, seed: int) -> torch.Tensor:
    """(items, dims) float32, Xavier-uniform; the same for the same seed on every device."""
    bound = math.sqrt(6 / (items + dims))
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((items, dims), generator=generator).mul_(2 * bound).sub_(bound)


class SparseAutoencoder(torch.nn.Module):
    """Scores items for users by ŷ = min(6, max(0, xÂÂᵀ - x)), Â = masked rows of A, divided by their norm.

    A user's latent vector xÂ is a sum of a few rows of Â, so it is computed as one, and never as a product with
    the mostly empty X.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(weights)
        self.mask: torch.Tensor | None = None

    def codes(self) -> torch.Tensor:
        """Â: (items, dims), rows of unit norm."""
        kept = self.weights if self.mask is None else self.weights * self.mask
        return functional.normalize(kept, dim=1)

    def loss(
        self, items: torch.Tensor, offsets: torch.Tensor, outputs: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """mean over batch and outputs of (ŷ/‖ŷ‖ - x/‖x‖)².

        items: (interactions of the batch,) int64, the items of all its users, one user after the other.
        offsets: (batch,) int64, where each user's items begin.
        outputs: (outputs,) int64, the items that are scored.
        targets: (batch, outputs) float32, x restricted to them.
        """
        codes = self.codes()
        latent = functional.embedding_bag(items, codes, offsets, mode="sum")
        scored = codes if len(outputs) == len(codes) else codes[outputs]
        predicted = (latent @ scored.T - targets).clamp(0, MAX_SCORE)
        difference = functional.normalize(predicted, dim=1) - functional.normalize(targets, dim=1)
        return difference.square().mean()

    @torch.no_grad()
    def prune(self, nonzeros: int) -> None:
        """Keeps the `nonzeros` largest magnitudes of every row of the current Â; what was pruned stays so."""
        mask = torch.zeros_like(self.weights, dtype=torch.bool)
        for start in range(0, len(mask), _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            kept = self.weights[rows] if self.mask is None else self.weights[rows] * self.mask[rows]
            largest = functional.normalize(kept, dim=1).abs().topk(nonzeros, dim=1).indices
            mask[rows].scatter_(1, largest, True)
        self.mask = mask if self.mask is None else mask & self.mask
