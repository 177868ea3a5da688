"""What a training of codes over items needs, told before it begins."""

from ...errors import UsageError
from ...processors import usable_processors
from ..memory import free_memory
from .choice import FIRST
from .config import SlimConfig
from .grams import LARGEST

_OVERHEAD = 0.6e9
"""Bytes that Python, its libraries and the compiled loops hold beside the arrays: measured."""


def forecast(users: int, items: int, interactions: int, config: SlimConfig) -> int:
    """About how many bytes a run takes at its peak: the log, as it came, by users, by items, and again for what is
    chosen; what each neighbour is worth, for each λ tried at once, and the choice among them; a block's inner products;
    beside it what each thread counts in."""
    logs = (60 if config.chooses else 40) * interactions + (users + items) * 32
    levels = len(FIRST) + 1 if config.regularisation == "auto" else 1
    pairs = items * (config.neighbours * (4 * levels + 4 + 4 + 4 + 1) + config.nnz * 40)
    blocks = min(4 * LARGEST, 2 * items * config.neighbours**2) + items * 4 * usable_processors()
    return int(logs + pairs + blocks + usable_processors() * 16 * items + _OVERHEAD)


def refuse_too_large(users: int, items: int, interactions: int, config: SlimConfig) -> int:
    """The forecast. Raises UsageError, with what it would need, for a run that does not fit into memory."""
    needed, free = forecast(users, items, interactions, config), free_memory()
    if needed > free:
        raise UsageError(
            f"This training needs about {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free "
            f"({items:,} items x {config.neighbours} neighbours). Use fewer --neighbours."
        )
    return needed
