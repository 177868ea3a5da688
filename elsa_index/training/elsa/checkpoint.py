"""What a checkpoint of ELSA holds: where the run is, its weights and their optimiser."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...storage.ranges import check_range, check_shape
from .. import checkpoints
from .weights import Weights

_ARRAYS = ("values", "first", "second", "inverse_norms", "columns", "within", "best")


@dataclass
class Position:
    """Where a run is: epoch from 1, batches of it that are done, their losses, the mask's nonzeros, seconds so far,
    and the epoch that was best for the validation users with its nDCG@100, once one is kept."""

    epoch: int = 1
    step: int = 0
    losses: list[float] = field(default_factory=list)
    nonzeros: int = 0
    seconds: float = 0.0
    best: tuple[int, float] | None = None


def save(path: Path, weights: Weights, position: Position, identity: dict[str, Any]) -> None:
    """Writes a checkpoint; see `checkpoints.save`."""
    present = {name: getattr(weights, name) for name in _ARRAYS if getattr(weights, name) is not None}
    state = {
        "position": vars(position),
        "optimizer": {"steps": weights.steps, "momentum_product": weights.momentum_product},
    }
    checkpoints.save(path, {name: array.cpu().numpy() for name, array in present.items()}, state, identity)


def load(path: Path, weights: Weights, identity: dict[str, Any]) -> Position:
    """Puts a saved state into `weights`; raises as `checkpoints.load`."""
    arrays, saved = checkpoints.load(path, identity)
    for name, array in arrays.items():
        shape = (weights.items, 1 if name == "inverse_norms" else arrays["values"].shape[-1])
        check_shape(array, shape, "ib" if name in ("columns", "within") else "f", f"The array {name} in {path}")
    if "columns" in arrays:
        check_range(arrays["columns"], weights.dims, f"The array columns in {path}")
    for name in _ARRAYS:
        setattr(weights, name, torch.from_numpy(arrays[name]).to(weights.device) if name in arrays else None)
    weights.steps = saved["optimizer"]["steps"]
    weights.momentum_product = saved["optimizer"]["momentum_product"]
    return Position(**saved["position"])
