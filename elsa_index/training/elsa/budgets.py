"""How many nonzeros each item may keep."""

import numpy as np
import numpy.typing as npt
import torch

from ..config import TrainingConfig

SPREAD = (0.6, 2.0)
"""The smallest and the largest budget of an item, as a share of the mean."""


def budgets_of(
    nonzeros: int, item_counts: npt.NDArray[np.int64], config: TrainingConfig, device: torch.device
) -> int | torch.Tensor:
    """The mask's nonzeros: one number, or (items,) int64 with mean at most `nonzeros`, by log(1 + interactions)."""
    if config.budgets == "even":
        return nonzeros
    shares = np.log1p(np.maximum(item_counts, 1))
    low, high = max(1, int(SPREAD[0] * nonzeros)), min(config.dims, int(SPREAD[1] * nonzeros))
    # The factor for which the clipped budgets have the wanted mean: it grows with the factor, so halve the interval.
    below, above = 0.0, high / shares.min()
    for _ in range(60):
        factor = (below + above) / 2
        budgets = np.clip(np.floor(factor * shares), low, high)
        below, above = (factor, above) if budgets.mean() <= nonzeros else (below, factor)
    return torch.from_numpy(np.clip(np.floor(below * shares), low, high).astype(np.int64)).to(device)
