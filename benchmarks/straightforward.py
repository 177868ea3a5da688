"""ELSA as its equations read: dense float32 products with masks, by autograd. What training is measured against.

Nothing here is part of the product; tests compare the product's steps with it.
"""

import torch
from torch.nn import functional

from elsa_index.training.elsa.batches import Batch
from elsa_index.training.elsa.loss import MAX_SCORE


class SparseAutoencoder(torch.nn.Module):
    """ŷ = min(6, max(0, xÂÂᵀ - x)), Â = masked rows of A, divided by their norm. weights: (items, dims) float32."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(weights)
        self.mask = torch.ones_like(weights)

    def codes(self) -> torch.Tensor:
        return functional.normalize(self.weights * self.mask, dim=1)

    def loss(self, x: torch.Tensor, outputs: torch.Tensor, shares: torch.Tensor | None = None) -> torch.Tensor:
        """mean of (ŷ/‖ŷ‖ - x/‖x‖)². x: (users, items) float32; outputs: (outputs,) int64, the items scored. shares:
        (users,) float32, what each user counts; None: 1."""
        codes = self.codes()
        targets = x[:, outputs]
        predicted = (x @ codes @ codes[outputs].T - targets).clamp(0, MAX_SCORE)
        squares = (functional.normalize(predicted, dim=1) - functional.normalize(targets, dim=1)).square()
        return squares.mean() if shares is None else (shares[:, None] * squares).mean()

    @torch.no_grad()
    def prune(self, nonzeros: int) -> None:
        """Keeps the `nonzeros` largest magnitudes of every row of Â."""
        largest = self.codes().abs().topk(nonzeros, dim=1).indices
        self.mask = torch.zeros_like(self.mask).scatter_(1, largest, 1.0)


def nadam(model: SparseAutoencoder, learning_rate: float) -> torch.optim.Optimizer:
    """Nadam as in Keras: ε 1e-7, and a momentum schedule 1 - 0.96^t / 2, which torch spells momentum_decay=1."""
    return torch.optim.NAdam(model.parameters(), lr=learning_rate, betas=(0.9, 0.999), eps=1e-7, momentum_decay=1.0)


def step(model: SparseAutoencoder, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """One batch; returns its loss."""
    outputs = torch.from_numpy(batch.outputs)
    x = torch.zeros((len(batch.sizes), len(model.weights)))
    x[batch.users, outputs[batch.positions]] = 1.0
    loss = model.loss(x, outputs)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())
