"""A training run: its epochs and masks, when it stops, and where its codes come from."""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...codes.item_codes import ItemCodes
from ...data.interactions import Interactions
from ...errors import TrainingInterrupted
from ...forks import TORCH
from ..config import DEFAULT_POPULARITY, TrainingConfig
from ..device import compute_dtype, resolve_device
from ..held_out import hold_out
from ..histories import sample_histories
from ..popularity import relative, scaled
from ..stopping import stop_requests
from .batches import batches, steps_per_epoch
from .budgets import budgets_of
from .checkpoint import Position, load, save
from .continued import go_on_from, starting_codes
from .memory import refuse_too_large
from .products import Transpose, use_sparse
from .schedules import first_of_last_mask, learning_rate, nonzeros_by_epoch, nonzeros_going_on
from .step import train_step
from .validation import Validation
from .weights import Weights


@dataclass(frozen=True)
class EpochReport:
    """One epoch that has ended: its number from 1, how many there are, nonzeros per item, mean loss, seconds,
    about how many seconds are left (this epoch's time for each one to come: too many while nonzeros shrink), and
    nDCG@100 of the validation users, None without any."""

    epoch: int
    epochs: int
    nonzeros: int
    loss: float
    seconds: float
    seconds_left: float
    ndcg: float | None = None


class Run:
    """One training, from the initial weights or a checkpoint to codes.

    at: where it is. weights: as they are there.
    """

    def __init__(
        self,
        interactions: Interactions,
        config: TrainingConfig,
        on_start: Callable[[int], None] | None = None,
        init: ItemCodes | None = None,
    ) -> None:
        """init: codes to go on from. Raises UsageError where the run cannot be."""
        self.interactions, self.config = interactions, config
        self.device = resolve_device(config.device)
        self.dtype = compute_dtype(config, self.device)
        self.matrix, self.validation = interactions.weighted(config.half_life), None
        if config.validation_users:
            self.matrix, held = hold_out(self.matrix, config.validation_users, config.seed)
            self.validation = Validation(held.histories, held.hidden)
        self.users, self.items = self.matrix.shape
        self.counts = np.bincount(self.matrix.indices, minlength=self.items)
        self.popularity = relative(self.counts)
        self.schedule = nonzeros_by_epoch(config) if init is None else nonzeros_going_on(config)
        needed = refuse_too_large(self.users, self.items, config, self.device, self.dtype, self.schedule)
        if on_start:
            on_start(needed)
        self.init = init
        self.weights = Weights(self.items, config.dims, config.seed, self.device)
        self.at = Position(nonzeros=config.dims)
        if init is not None:
            go_on_from(
                self.weights, starting_codes(init, interactions, config.dims), interactions.weighted(config.half_life)
            )
        self._transpose: Transpose | None = None
        self._loss = float("nan")
        self._started = time.perf_counter()

    @property
    def precision(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def identity(self) -> dict[str, Any]:
        """What a run that goes on from a checkpoint must have in common with the one that wrote it."""
        init = None if self.init is None else self.init.fingerprint
        about = {
            "log": self.interactions.fingerprint_of_training(self.config.half_life),
            "precision": self.precision,
            "init": init,
        }
        return about | self.config.model_dump()

    @property
    def exponents(self) -> tuple[float, float]:
        """The powers of popularity, α of histories and β of scores, that epochs are validated with."""
        output = DEFAULT_POPULARITY if self.config.popularity == "auto" else self.config.popularity
        return self.config.history_popularity, output

    def resume(self, checkpoint: Path) -> None:
        """Goes back to where a stopped run was."""
        self.at = load(checkpoint, self.weights, self.identity)
        self._started = time.perf_counter() - self.at.seconds

    def train(
        self, on_epoch: Callable[[EpochReport], None] | None, checkpoint: Path | None, checkpoint_seconds: float
    ) -> None:
        """Runs the epochs that are left, to the last one or until patience ends."""
        TORCH.use()
        written = time.perf_counter()
        with stop_requests() if checkpoint else nullcontext(threading.Event()) as stop:
            while self.at.epoch <= len(self.schedule):
                self._enter_mask()
                report = self._epoch(stop, checkpoint)
                if on_epoch:
                    on_epoch(report)
                if self._patience_ends(report.ndcg):
                    break
                now = time.perf_counter()
                self.at = Position(
                    self.at.epoch + 1, nonzeros=self.at.nonzeros, seconds=now - self._started, best=self.at.best
                )
                if checkpoint and self.at.epoch <= len(self.schedule) and now - written > checkpoint_seconds:
                    save(checkpoint, self.weights, self.at, self.identity)
                    written = time.perf_counter()
        if self.weights.best is not None:
            self.weights.values = self.weights.best
            self.weights.normalize()

    def _enter_mask(self) -> None:
        """Prunes where the schedule keeps fewer weights from this epoch on."""
        wanted = self.schedule[self.at.epoch - 1]
        if wanted != self.at.nonzeros:
            self._transpose = None
            budgets = budgets_of(wanted, self.counts, self.config, self.device)
            self.weights.prune(budgets, restart=self.config.restart and self.init is None)
            self.at.nonzeros = wanted
        if self._transpose is None and use_sparse(self.weights.kept, self.config.dims):
            self._transpose = Transpose(self.weights)

    def _epoch(self, stop: threading.Event, checkpoint: Path | None) -> EpochReport:
        """All batches of an epoch that are left. Raises TrainingInterrupted where the run was asked to stop."""
        began = time.perf_counter()
        at, steps = self.at, steps_per_epoch(self.users, self.config)
        for batch in batches(self.matrix, self.config, at.epoch, self.device, first=at.step):
            rate = learning_rate(self.config, self.schedule, at.epoch, at.step / steps)
            at.losses.append(float(train_step(self.weights, batch, self._transpose, self.dtype, rate)))
            at.step += 1
            if stop.is_set() and checkpoint:
                self._interrupt(checkpoint)
        self._loss = float(np.mean(at.losses))
        seconds = time.perf_counter() - began
        left = seconds * (len(self.schedule) - at.epoch)
        return EpochReport(at.epoch, len(self.schedule), at.nonzeros, self._loss, seconds, left, self._ndcg())

    def _interrupt(self, checkpoint: Path) -> None:
        self.at.seconds = time.perf_counter() - self._started
        save(checkpoint, self.weights, self.at, self.identity)
        raise TrainingInterrupted(
            f"Stopped in epoch {self.at.epoch} of {len(self.schedule)}; {checkpoint} holds the state: "
            "the same command with --resume goes on from there."
        )

    def _ndcg(self) -> float | None:
        """nDCG@100 of the validation users, where there are any."""
        if self.validation is None:
            return None
        return self.validation.ndcg(self.weights, self.popularity, [self.exponents])[0]

    def _patience_ends(self, ndcg: float | None) -> bool:
        """Keeps the best epoch of the last mask; whether too many have passed since."""
        if not self.config.patience or ndcg is None or self.at.epoch < first_of_last_mask(self.schedule):
            return False
        if self.at.best is None or ndcg > self.at.best[1]:
            self.at.best = (self.at.epoch, ndcg)
            self.weights.best = self.weights.values.clone()
            return False
        return self.at.epoch - self.at.best[0] >= self.config.patience

    def codes(self) -> ItemCodes:
        """The trained codes, with what they come from."""
        exponents = self.exponents
        if self.validation and self.config.popularity == "auto":
            exponents = self.validation.choose(self.weights, self.popularity)
        alpha, beta = exponents
        codes, history_weights = scaled(self.weights.to_csr(), self.popularity, beta, alpha)
        return ItemCodes(
            self.interactions.items,
            codes,
            origin=self._origin(exponents),
            item_counts=self.interactions.item_counts,
            sample_histories=sample_histories(self.interactions.matrix, self.config.seed),
            history_weights=history_weights,
        )

    def _origin(self, exponents: tuple[float, float]) -> dict[str, Any]:
        alpha, beta = exponents
        origin: dict[str, Any] = {
            "model": "ELSA" if self.config.dense else "Compressed ELSA",
            "config": self.config.model_dump(),
            "log_fingerprint": self.interactions.fingerprint,
            "log": self.interactions.about | {"users": self.users, "interactions": int(self.matrix.nnz)},
            "popularity": {"history": alpha, "output": beta},
            "batch_size": self.config.users_a_step(self.users),
            "epochs": self.at.best[0] if self.at.best else len(self.schedule),
            "final_loss": self._loss,
            "seconds": round(time.perf_counter() - self._started, 1),
            "device": str(self.device),
            "precision": self.precision,
        }
        if self.init is not None:
            origin |= {"init": self.init.fingerprint, "space": self.init.space}
        if self.validation:
            ndcg = self.validation.ndcg(self.weights, self.popularity, [exponents])[0]
            origin["validation"] = {"users": self.config.validation_users, "ndcg@100": ndcg}
        return origin
