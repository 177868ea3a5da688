"""Checkpoints: a training that stops, by Ctrl-C or otherwise, goes on to the result it would have had."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import StorageError, UsageError
from ..storage.files import load_array, read_json
from ..storage.seal import check_sealed, write_sealed
from ..storage.staging import refuse_existing, staged_directory

FORMAT = "elsa-index checkpoint 2"
_NAME = "checkpoint.json"
_ADVICE = "Begin anew with --overwrite."
SECONDS_BETWEEN = 120
"""A checkpoint is written when the last is older than this."""


def save(path: Path, arrays: Mapping[str, npt.NDArray], state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Writes a directory in one step. identity: what a run that goes on from it must have in common with this one."""
    with staged_directory(path, overwrite=True, is_ours=is_checkpoint) as staged:
        for name, array in arrays.items():
            np.save(staged / f"{name}.npy", array)
        write_sealed(staged / _NAME, {"format": FORMAT, **state, "identity": identity})


def load(path: Path, identity: dict[str, Any]) -> tuple[dict[str, npt.NDArray], dict[str, Any]]:
    """Arrays and state. Raises StorageError where there is none or it is damaged, and UsageError where it belongs to
    another log or another configuration."""
    if not is_checkpoint(path):
        raise StorageError(f"There is no checkpoint {path} to resume from; train without --resume.")
    saved = read_json(path / _NAME)
    if saved.get("format") != FORMAT:
        raise StorageError(f"{path} has the format {saved.get('format')!r}; this version reads {FORMAT!r}.")
    files = check_sealed(path / _NAME, saved, _ADVICE)
    for name, value in identity.items():
        there = saved["identity"].get(name)
        if there != value:
            raise UsageError(
                f"{path} is of a training with {name} {there!r}, this one has {value!r}: "
                "resume with the same log and options, or begin anew with --overwrite."
            )
    return {name.removesuffix(".npy"): np.array(load_array(path / name)) for name in files}, saved


def is_checkpoint(path: Path) -> bool:
    return (path / _NAME).is_file()


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
