"""What trained codes say of their training."""

from typing import Any

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
