"""Where a training runs, and in which precision."""

import torch

from ..errors import UsageError
from .config import TrainingConfig


def resolve_device(name: str) -> torch.device:
    """The device of a configuration: for `auto` CUDA where there is one, otherwise the CPU.

    Raises UsageError where torch cannot use it here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"device must be auto, cpu or a device that torch can use here, got {name!r}: {reason}"
        ) from None
    return device


def compute_dtype(config: TrainingConfig, device: torch.device) -> torch.dtype:
    """The type of the large products: bfloat16 only where the processor or GPU multiplies it natively."""
    if config.precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[config.precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capable = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        native = device.type == "cpu" and bool(capable())
    return torch.bfloat16 if native else torch.float32
