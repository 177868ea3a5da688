"""What trained codes say of their training."""

from typing import Any

from ..codes.item_codes import ItemCodes
from ..errors import UsageError, shorten
from .config import TrainingConfig
from .slim.config import SlimConfig


def config_of(origin: dict[str, Any]) -> TrainingConfig | SlimConfig:
    """The choices of a training, to train another log alike: with the λ that was found where it was `auto`, on whatever
    device there is. Raises UsageError where nothing says how the codes were trained.

    >>> config_of({"model": "SLIM", "config": {"nnz": 8, "regularisation": "auto"}, "regularisation": 50.0}).nnz
    8
    """
    model, config = origin.get("model"), origin.get("config")
    if model not in ("SLIM", "ELSA", "Compressed ELSA") or not isinstance(config, dict):
        raise UsageError(
            f"The codes (model {shorten(model or 'unknown')}) do not say how they were trained, so that no log can "
            "be trained like theirs."
        )
    if model == "SLIM":
        return SlimConfig(**(config | {"regularisation": origin["regularisation"], "validation_users": None}))
    return TrainingConfig(**(config | {"device": "auto"}))


def continued_config(origin: dict[str, Any]) -> TrainingConfig | SlimConfig:
    """The choices of a training that goes on from codes, with what was found where something was `auto`: nobody is left
    to choose for whom the codes do not know. Raises UsageError as `config_of`.

    >>> found = {"history": 0.0, "output": 0.1}
    >>> origin = {"model": "ELSA", "config": {"popularity": "auto", "validation_users": 9}, "popularity": found}
    >>> continued_config(origin).popularity
    0.1
    """
    config, found = config_of(origin), origin.get("popularity", {})
    update: dict[str, Any] = {"popularity": float(found.get("output", 0.0))}
    update["history_popularity"] = float(found.get("history", 0.0))
    if isinstance(config, SlimConfig):
        return SlimConfig(**(config.model_dump() | update))
    return TrainingConfig(**(config.model_dump() | update | {"validation_users": 0, "patience": None}))


def refuse_going_on(config: TrainingConfig | SlimConfig, init: ItemCodes) -> None:
    """Raises UsageError where no training of `config` goes on from the codes."""
    model = "SLIM" if isinstance(config, SlimConfig) else "ELSA" if config.dense else "Compressed ELSA"
    there = init.origin.get("model", "unknown")
    if there != model:
        raise UsageError(f"A training of {model} cannot go on from codes of the model {shorten(there)}.")
    if isinstance(config, TrainingConfig) and config.validation_users:
        raise UsageError(
            f"validation_users {config.validation_users} cannot be kept from codes that were trained on them; choose "
            "without init, or evaluate afterwards."
        )
