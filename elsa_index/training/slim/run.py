"""A training of codes over items: the choice of what is left open, and the fit."""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ...codes.item_codes import ItemCodes
from ...data.interactions import Interactions
from ...data.scipy_matrix import with_norms
from ...errors import TrainingInterrupted
from .. import checkpoints
from ..held_out import HeldOut, hold_out
from ..histories import sample_histories
from ..popularity import relative
from ..stopping import stop_requests
from .blocks import Stopped
from .choice import Choice
from .config import SlimConfig
from .fit import Fit, OnStage, Progress
from .log import Log
from .memory import refuse_too_large
from .validation import best_exponents, mean_ndcg


class SlimRun:
    """One training, from a log or a checkpoint to codes."""

    def __init__(
        self, interactions: Interactions, config: SlimConfig, on_start: Callable[[int], None] | None = None
    ) -> None:
        """Raises UsageError where it would need more memory than there is."""
        self.interactions, self.config = interactions, config
        self.matrix = interactions.weighted(config.half_life)
        self.counts = interactions.item_counts
        self.popularity = relative(self.counts)
        users, items = interactions.matrix.shape
        needed = refuse_too_large(users, items, int(interactions.matrix.nnz), config)
        if on_start:
            on_start(needed)
        self.choice = Choice()
        self.exponents = (config.history_popularity, 0.0 if config.popularity == "auto" else float(config.popularity))
        self.at = Progress.of(len(self.counts), config.neighbours)
        self._seconds_before = 0.0
        self._started = time.perf_counter()
        self._written = self._started

    @property
    def identity(self) -> dict[str, Any]:
        """What a run that goes on from a checkpoint must have in common with the one that wrote it."""
        return {
            "model": "slim",
            "log": self.interactions.fingerprint_of_training(self.config.half_life),
        } | self.config.model_dump()

    @property
    def seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started

    def resume(self, checkpoint: Path) -> None:
        """Goes back to where a stopped run was."""
        arrays, state = checkpoints.load(checkpoint, self.identity)
        self.at = Progress(**arrays)
        self.choice = Choice({float(name): value for name, value in state["choice"].items()})
        self._seconds_before = state["seconds"]

    def train(self, on_stage: OnStage | None, checkpoint: Path | None, checkpoint_seconds: float) -> ItemCodes:
        """Everything that is left to do. Raises TrainingInterrupted where it was asked to stop."""
        with stop_requests() if checkpoint else nullcontext(threading.Event()) as stop:
            try:
                held = self._choose(stop, on_stage)
                regularisation = self.choice.best if self.choice.figures else float(self.config.regularisation)

                def keep(done: int) -> None:
                    now = time.perf_counter()
                    if checkpoint and now - self._written > checkpoint_seconds:
                        self._save(checkpoint)

                fit = Fit(Log.of(self.matrix, self.config.user_power), self.config, self.at)
                fit.weigh([regularisation], stop, on_stage, keep)
                chosen = fit.selected(regularisation)
                weights = fit.refitted(chosen.kept, regularisation, stop, on_stage)
            except Stopped:
                assert checkpoint is not None
                self._save(checkpoint)
                raise TrainingInterrupted(
                    f"Stopped; {checkpoint} holds the state: the same command with --resume goes on from there."
                ) from None
        return self._codes(weights, regularisation, chosen.least, held)

    def _choose(self, stop: threading.Event, on_stage: OnStage | None) -> HeldOut | None:
        """Finds the best of what is `auto`, for users kept from training."""
        users = self.config.users_held_out(int(np.count_nonzero(np.diff(self.interactions.matrix.indptr) > 1)))
        if not users:
            return None
        matrix, held = hold_out(self.matrix, users, self.config.seed)
        wanted = self.config.regularisation
        fit = Fit(Log.of(matrix, self.config.user_power), self.config)
        while trying := self.choice.next() if wanted == "auto" else ():
            fit.weigh(trying, stop, on_stage and _named(on_stage, f"λ = {', '.join(f'{one:g}' for one in trying)}: "))
            for one in trying:
                self.choice.figures[one] = mean_ndcg(fit.codes(one, stop, None), held)
        if self.config.popularity == "auto":
            chosen = self.choice.best if wanted == "auto" else float(wanted)
            fit.weigh([chosen], stop, on_stage and _named(on_stage, "popularity, "))
            self.exponents = best_exponents(fit.codes(chosen, stop, None), held, self.popularity)
        return held

    def _save(self, checkpoint: Path) -> None:
        choice = {str(name): value for name, value in self.choice.figures.items()}
        state = {"choice": choice, "seconds": self.seconds}
        checkpoints.save(checkpoint, vars(self.at), state, self.identity)
        self._written = time.perf_counter()

    def _codes(self, weights: csr_array, regularisation: float, least: float, held: HeldOut | None) -> ItemCodes:
        alpha, beta = self.exponents
        origin: dict[str, Any] = {
            "model": "SLIM",
            "config": self.config.model_dump(),
            "log_fingerprint": self.interactions.fingerprint,
            "log": self.interactions.about,
            "regularisation": regularisation,
            "least_saliency": least if np.isfinite(least) else None,
            "popularity": {"history": alpha, "output": beta},
            "seconds": round(self.seconds, 1),
        }
        if held is not None:
            figures = {f"{tried:g}": round(found, 6) for tried, found in sorted(self.choice.figures.items())}
            origin["validation"] = {"users": held.histories.shape[0], "ndcg@100 by regularisation": figures}
        return ItemCodes(
            self.interactions.items,
            with_norms(weights, self.popularity**beta) if beta else weights,
            origin,
            self.interactions.item_counts,
            sample_histories(self.interactions.matrix, self.config.seed),
            (self.popularity**alpha).astype(np.float32) if alpha else None,
            "items",
        )


def _named(on_stage: OnStage, prefix: str) -> OnStage:
    return lambda stage, done, total: on_stage(prefix + stage, done, total)
