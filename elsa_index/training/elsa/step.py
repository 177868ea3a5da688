"""One step of training: a batch, from its scores to the new weights."""

import torch

from .batches import Batch
from .loss import loss_and_gradient
from .nadam import update
from .products import DenseProducts, Products, SparseProducts, Transpose
from .weights import Weights


@torch.no_grad()
def train_step(
    weights: Weights, batch: Batch, transpose: Transpose | None, dtype: torch.dtype, learning_rate: float
) -> torch.Tensor:
    """One batch: scores, loss, gradient, Nadam. Returns the loss.

    transpose: of these weights' columns where the products are sparse, None where they are dense in `dtype`.
    """
    outputs = torch.from_numpy(batch.outputs).to(weights.device)
    products: Products
    if transpose is None:
        products = DenseProducts(weights, outputs, dtype)
    else:
        products = SparseProducts(weights, outputs, transpose)
    latent = products.latent(batch)
    scores = products.scores(latent)
    loss = loss_and_gradient(scores, batch)
    gradient = products.gradient(scores, latent, batch)
    update(weights, batch.outputs, gradient, learning_rate)
    return loss
