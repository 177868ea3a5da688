"""What a training of codes over items needs, told before it begins."""

from ...errors import UsageError
from ...processors import usable_processors
from ..memory import free_memory
from .config import SlimConfig

_OVERHEAD = 0.4e9
"""Bytes that Python, its libraries and the compiled loops hold beside the arrays: measured."""


def forecast(users: int, items: int, interactions: int, config: SlimConfig) -> int:
    """About how many bytes a run takes at its peak: the log three times, what each neighbour is worth, and the choice
    among them; beside it what each thread counts in."""
    logs = 3 * interactions * 20 + (users + items) * 16
    pairs = items * config.neighbours * (4 + 4 + 4 + 4 + 4 + 1) + items * config.nnz * 40
    return int(logs + pairs + usable_processors() * (4 * users + 12 * items) + _OVERHEAD)


def refuse_too_large(users: int, items: int, interactions: int, config: SlimConfig) -> int:
    """The forecast. Raises UsageError, with what it would need, for a run that does not fit into memory."""
    needed, free = forecast(users, items, interactions, config), free_memory()
    if needed > free:
        raise UsageError(
            f"This training needs about {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free "
            f"({items:,} items x {config.neighbours} neighbours). Use fewer --neighbours."
        )
    return needed
