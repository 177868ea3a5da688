"""What a training run needs, told before it begins."""

from collections.abc import Sequence

import torch

from ...errors import UsageError
from ..config import TrainingConfig
from ..memory import free_memory
from .products import use_sparse
from .schedules import nonzeros_by_epoch

_OVERHEAD = 0.6e9
"""Bytes that Python, torch and its libraries hold beside the arrays: measured."""


def forecast(
    users: int, items: int, config: TrainingConfig, dtype: torch.dtype, schedule: Sequence[int] | None = None
) -> int:
    """About how many bytes a run takes at its peak, which is at its largest mask or on the way to the next.

    schedule: nonzeros by epoch; None: those of a run from nothing.
    """
    wide = 2 if config.budgets == "log" else 1
    outputs = min(items, config.max_output)
    batch = min(users, config.users_a_step(users))
    peak = 4 * items * config.dims  # the start
    previous = config.dims
    for nonzeros in dict.fromkeys(schedule or nonzeros_by_epoch(config)):
        kept = min(config.dims, nonzeros * (wide if nonzeros < config.dims else 1))
        columns = 0 if kept == config.dims else 4
        state = (12 + columns + (4 if config.patience else 0)) * items * kept
        if use_sparse(kept, config.dims):
            # Gradient and codes of the outputs, their transpose and its order, cells of a batch's pairs, scores.
            step = outputs * kept * 24 + items * kept * 20 + 4 * batch * outputs + 16 * batch * config.dims
        else:
            width = torch.finfo(dtype).bits // 8
            step = 3 * outputs * config.dims * width + width * batch * (outputs + 3 * config.dims)
        step += batch * outputs  # where scores were cut
        passing = (8 if previous < config.dims else 4) * items * previous + 12 * items * kept
        peak = max(peak, state + step, passing)
        previous = kept
    return int(peak + _OVERHEAD)


def available(device: torch.device) -> int:
    """Bytes that a run may take: of the GPU, or of memory, within the container's limit where there is one."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_memory()


def refuse_too_large(
    users: int,
    items: int,
    config: TrainingConfig,
    device: torch.device,
    dtype: torch.dtype,
    schedule: Sequence[int] | None = None,
) -> int:
    """The forecast. Raises UsageError, with what it would need, for a run that does not fit into memory."""
    needed, there = forecast(users, items, config, dtype, schedule), available(device)
    if needed > there:
        raise UsageError(
            f"This training needs about {needed / 1e9:,.1f} GB on {device}, where {there / 1e9:,.1f} GB are free "
            f"({items:,} items x {config.dims:,} dims). Use fewer --dims, or a smaller --batch-size or --max-output."
        )
    return needed
