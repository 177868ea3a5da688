"""Nadam over the kept weights, through the rows' normalisation, chunk by chunk."""

import numpy as np
import numpy.typing as npt
import torch

from .weights import Weights

BETAS = (0.9, 0.999)
EPSILON = 1e-7


def _momentum(step: int) -> float:
    """Keras' schedule: β₁ (1 - 0.96^t / 2)."""
    return BETAS[0] * (1 - 0.5 * 0.96**step)


@torch.no_grad()
def update(weights: Weights, outputs: npt.NDArray[np.int64], gradient: torch.Tensor, learning_rate: float) -> None:
    """One step of Nadam (Dozat, 2016, with the momentum schedule of Keras; ε 1e-7).

    outputs: (outputs,) int64, ascending: the items that have a gradient; all others have zero.
    gradient: of the loss by Â, (outputs, kept), or (outputs, dims), of which the kept columns count.

    A chunk of rows goes through the whole step, so that it is read from memory once and not once an operation.
    """
    weights.steps += 1
    now, following = _momentum(weights.steps), _momentum(weights.steps + 1)
    weights.momentum_product *= now
    root = (1 - BETAS[1] ** weights.steps) ** 0.5
    by_momentum = learning_rate * root * following / (1 - weights.momentum_product * following)
    by_gradient = learning_rate * root * (1 - now) / (1 - weights.momentum_product)
    for rows in weights.chunks():
        values, first, second = weights.values[rows], weights.first[rows], weights.second[rows]
        low, high = np.searchsorted(outputs, (rows.start, rows.stop))
        given = gradient[low:high]
        if given.shape[1] != weights.kept:
            at = slice(rows.start, rows.stop)
            if high - low < len(values):
                picked = torch.from_numpy(outputs[low:high]).to(weights.device)
                columns = weights.columns_of(picked)
            else:
                columns = weights.columns_of(at)
            assert columns is not None
            given = given.gather(1, columns)
        if high - low < len(values):
            chunk = torch.zeros_like(values)
            chunk[torch.from_numpy(outputs[low:high] - rows.start).to(weights.device)] = given.float()
        else:
            chunk = given.float() if given.dtype != torch.float32 else given.clone()
        inverse = weights.inverse_norms[rows]
        codes = weights.codes_of(rows)
        # ∂L/∂A through Â = A/‖A‖: what is along the row changes nothing.
        along = (chunk * codes).sum(dim=1, keepdim=True)
        chunk.addcmul_(along, codes, value=-1).mul_(inverse)
        if weights.within is not None:
            chunk.mul_(weights.within[rows])
        first.lerp_(chunk, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(chunk, chunk, value=1 - BETAS[1])
        # ε is compared with the bias-corrected √v̂ = √v / root.
        denominator = torch.sqrt(second, out=codes).add_(EPSILON * root)
        values.addcdiv_(first, denominator, value=-by_momentum)
        values.addcdiv_(chunk, denominator, value=-by_gradient)
        weights.normalize(rows)
