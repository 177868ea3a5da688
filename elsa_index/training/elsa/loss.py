"""The loss of ELSA and its gradient by the scores, in place."""

import torch

from .batches import Batch

MAX_SCORE = 6.0
"""Predictions are cut here: ŷ = min(6, max(0, x Â Âᵀ - x))."""


def loss_and_gradient(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The mean over users and outputs of (ŷ/‖ŷ‖ - x/‖x‖)² (paper, loss), where a user counts its share of the batch.

    scores: (users, outputs), x Â Âᵀ; holds the loss's gradient by it afterwards. With cos = cos(ŷ, x),
    ∂L/∂ŷ = 2 / (users · outputs · ‖ŷ‖) · (cos · ŷ/‖ŷ‖ - x/‖x‖), and nothing passes where ŷ was cut. So the gradient
    is ŷ times a number per user, but for the few outputs that the user has.
    """
    own = (batch.users, batch.positions)
    scores[own] -= batch.values.to(scores.dtype)
    scores.clamp_(0, MAX_SCORE)
    norms = torch.linalg.vector_norm(scores, dim=1, dtype=torch.float32)
    predicted = scores[own].float()
    some = norms > 0
    norms = norms.clamp_min(1e-12)
    target_norms = batch.sizes.sqrt()
    agreeing = predicted * batch.values
    cosines = torch.zeros_like(norms).index_add_(0, batch.users, agreeing) / (norms * target_norms)
    cells = scores.numel()
    loss = (batch.shares * (some + 1 - 2 * cosines)).sum() / cells
    by_prediction = batch.shares * some * 2 * cosines / (cells * norms.square())
    by_target = batch.shares * some * 2 / (cells * norms * target_norms)
    cut = scores >= MAX_SCORE
    if cut.any():
        scores.masked_fill_(cut, 0)
    scores.mul_(by_prediction[:, None].to(scores.dtype))
    passes = (predicted > 0) & (predicted < MAX_SCORE)
    at_own = predicted * by_prediction[batch.users] - by_target[batch.users] * batch.values
    scores[own] = (at_own * passes).to(scores.dtype)
    return loss
