"""Checkpoints: a training that stops, by Ctrl-C or otherwise, goes on to the result it would have had."""

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from ...errors import StorageError, UsageError
from ...storage.files import checksum, read_json, refuse_existing, staged_directory, write_json
from .weights import Weights

FORMAT = "elsa-index checkpoint 1"
SECONDS_BETWEEN = 120
"""A checkpoint is written at the end of an epoch when the last is older than this."""
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
    """Writes a directory in one step. identity: what a run that goes on from it must have in common with this one."""
    with staged_directory(path, overwrite=True, is_ours=is_checkpoint) as staged:
        sums = {}
        for name in _ARRAYS:
            array = getattr(weights, name)
            if array is not None:
                np.save(staged / f"{name}.npy", array.cpu().numpy())
                sums[name] = checksum(staged / f"{name}.npy")
        write_json(
            staged / "checkpoint.json",
            {
                "format": FORMAT,
                "position": vars(position),
                "optimizer": {"steps": weights.steps, "momentum_product": weights.momentum_product},
                "arrays": sums,
                "identity": identity,
            },
        )


def load(path: Path, weights: Weights, identity: dict[str, Any]) -> Position:
    """Puts a saved state into `weights`. Raises StorageError where there is none or it is damaged, and UsageError
    where it belongs to another log or another configuration."""
    if not is_checkpoint(path):
        raise StorageError(f"There is no checkpoint {path} to resume from; train without --resume.")
    saved = read_json(path / "checkpoint.json")
    if saved.get("format") != FORMAT:
        raise StorageError(f"{path} has the format {saved.get('format')!r}; this version reads {FORMAT!r}.")
    for name, value in identity.items():
        there = saved["identity"].get(name)
        if there != value:
            raise UsageError(
                f"{path} is of a training with {name} {there!r}, this one has {value!r}: "
                "resume with the same log and options, or begin anew with --overwrite."
            )
    for name in _ARRAYS:
        array = None
        if name in saved["arrays"]:
            file = path / f"{name}.npy"
            if not file.is_file() or checksum(file) != saved["arrays"][name]:
                raise StorageError(f"{file} is missing or damaged; begin anew with --overwrite.")
            array = torch.from_numpy(np.load(file, allow_pickle=False)).to(weights.device)
        setattr(weights, name, array)
    weights.steps = saved["optimizer"]["steps"]
    weights.momentum_product = saved["optimizer"]["momentum_product"]
    return Position(**saved["position"])


def is_checkpoint(path: Path) -> bool:
    return (path / "checkpoint.json").is_file()


def path_beside(model: Path) -> Path:
    """Where the checkpoint of a training that will write `model` lies."""
    return model.with_name(model.name + ".checkpoint")


def refuse_unfinished(path: Path, *, overwrite: bool) -> None:
    """Raises StorageError where a checkpoint would be lost."""
    if is_checkpoint(path) and not overwrite:
        raise StorageError(
            f"{path} is of a training that did not finish: go on with --resume, or begin anew with --overwrite."
        )
    refuse_existing(path, overwrite=overwrite, is_ours=is_checkpoint)


def discard(path: Path) -> None:
    """Removes a checkpoint, and nothing else."""
    if is_checkpoint(path):
        shutil.rmtree(path)


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set instead of breaking into a step. A second Ctrl-C breaks in."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
