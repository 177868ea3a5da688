"""The training loop: epochs, masks, restarts."""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from ...codes.item_codes import ItemCodes
from ...data.interactions import Interactions
from ...errors import TrainingInterrupted, UsageError
from ..config import DEFAULT_POPULARITY, TrainingConfig
from .batches import Batch, batches, steps_per_epoch
from .budgets import budgets_of
from .checkpoint import SECONDS_BETWEEN, Position, load, save, stop_requests
from .loss import loss_and_gradient
from .memory import refuse_too_large
from .nadam import update
from .popularity import relative, scaled
from .products import DenseProducts, Products, SparseProducts, Transpose, use_sparse
from .schedules import first_of_last_mask, nonzeros_by_epoch
from .validation import Validation
from .weights import Weights

SAMPLE_HISTORIES = 1000
"""How many histories of the log stay with the codes, for later calibration and checks."""


@dataclass(frozen=True)
class EpochReport:
    """One epoch that has ended: its number from 1, how many there are, nonzeros an item, mean loss, seconds,
    about how many seconds are left (this epoch's time for each one to come: too many while nonzeros shrink), and
    nDCG@100 of the validation users, None without any."""

    epoch: int
    epochs: int
    nonzeros: int
    loss: float
    seconds: float
    seconds_left: float
    ndcg: float | None = None


def train(
    interactions: Interactions,
    config: TrainingConfig | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    *,
    on_start: Callable[[int], None] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> ItemCodes:
    """Learns one code an item from a log (paper, Compressed ELSA; dense ELSA where `config.dense`).

    Returns codes: (items, dims) CSR with `nnz` nonzeros a row (on average, with budgets by interactions), of norm
    p^popularity, history weights that make up for it, the training's configuration and log fingerprint in `origin`,
    item counts, and a sample of 1,000 histories.

    on_start: called with the bytes that the run is expected to take, before it takes them.
    checkpoint: a directory to keep the state in, every two minutes or so and when Ctrl-C or SIGTERM stops the run,
    which raises TrainingInterrupted; with `resume` the run goes on from it to the same codes. It stays when the
    run is done: remove it once the codes are saved.

    Raises UsageError where the device cannot be used, and where the run would need more memory than there is.
    """
    config = config or TrainingConfig()
    device = _device(config.device)
    dtype = compute_dtype(config, device)
    matrix, validation = interactions.matrix, None
    if config.validation_users:
        matrix, validation = Validation.hold_out(matrix, config.validation_users, config.seed)
    users, items = matrix.shape
    counts = np.bincount(matrix.indices, minlength=items)
    popularity = relative(counts)
    needed = refuse_too_large(users, items, config, device, dtype)
    if on_start:
        on_start(needed)
    weights = Weights(items, config.dims, config.seed, device)
    schedule = nonzeros_by_epoch(config)
    steps = steps_per_epoch(users, config)
    identity = {"log": interactions.fingerprint, "precision": str(dtype).removeprefix("torch.")} | config.model_dump()
    at = Position(nonzeros=config.dims)
    if checkpoint and resume:
        at = load(checkpoint, weights, identity)
    started = time.perf_counter() - at.seconds
    written = time.perf_counter()
    transpose: Transpose | None = None
    loss = float("nan")
    last_mask = first_of_last_mask(schedule)
    exponents = (config.history_popularity, DEFAULT_POPULARITY if config.popularity == "auto" else config.popularity)
    with stop_requests() if checkpoint else nullcontext(threading.Event()) as stop:
        while at.epoch <= len(schedule):
            wanted = schedule[at.epoch - 1]
            if wanted != at.nonzeros:
                transpose = None
                weights.prune(budgets_of(wanted, counts, config), restart=config.restart)
                at.nonzeros = wanted
            if transpose is None and use_sparse(weights.kept, config.dims):
                transpose = Transpose(weights)
            epoch_started = time.perf_counter()
            for batch in batches(matrix, config, at.epoch, device, first=at.step):
                rate = learning_rate(config, schedule, at.epoch, at.step / steps)
                at.losses.append(float(train_step(weights, batch, transpose, dtype, rate)))
                at.step += 1
                if stop.is_set() and checkpoint:
                    at.seconds = time.perf_counter() - started
                    save(checkpoint, weights, at, identity)
                    raise TrainingInterrupted(
                        f"Stopped in epoch {at.epoch} of {len(schedule)}; {checkpoint} holds the state: "
                        "the same command with --resume goes on from there."
                    )
            loss = float(np.mean(at.losses))
            now = time.perf_counter()
            seconds = now - epoch_started
            ndcg = validation.ndcg(weights, popularity, [exponents])[0] if validation else None
            if on_epoch:
                left = seconds * (len(schedule) - at.epoch)
                on_epoch(EpochReport(at.epoch, len(schedule), at.nonzeros, loss, seconds, left, ndcg))
            best = at.best
            if config.patience and ndcg is not None and at.epoch >= last_mask:
                if best is None or ndcg > best[1]:
                    best = (at.epoch, ndcg)
                    weights.best = weights.values.clone()
                elif at.epoch - best[0] >= config.patience:
                    break
            at = Position(at.epoch + 1, nonzeros=at.nonzeros, seconds=now - started, best=best)
            if checkpoint and at.epoch <= len(schedule) and now - written > SECONDS_BETWEEN:
                save(checkpoint, weights, at, identity)
                written = time.perf_counter()
    if weights.best is not None:
        weights.values = weights.best
        weights.normalize()
    if validation and config.popularity == "auto":
        exponents = validation.choose(weights, popularity)
    alpha, beta = exponents
    origin: dict[str, Any] = {
        "model": "ELSA" if config.dense else "Compressed ELSA",
        "config": config.model_dump(),
        "log_fingerprint": interactions.fingerprint,
        "log": {"users": users, "items": items, "interactions": int(matrix.nnz)},
        "popularity": {"history": alpha, "output": beta},
        "batch_size": config.users_a_step(users),
        "epochs": at.best[0] if at.best else len(schedule),
        "final_loss": loss,
        "seconds": round(time.perf_counter() - started, 1),
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
    }
    if validation:
        origin["validation"] = {
            "users": config.validation_users,
            "ndcg@100": validation.ndcg(weights, popularity, [exponents])[0],
        }
    codes, history_weights = scaled(weights.to_csr(), popularity, beta, alpha)
    return ItemCodes(
        interactions.items,
        codes,
        origin=origin,
        item_counts=interactions.item_counts,
        sample_histories=_sample(interactions.matrix, config.seed),
        history_weights=history_weights,
    )


@torch.no_grad()
def train_step(
    weights: Weights, batch: Batch, transpose: Transpose | None, dtype: torch.dtype, learning_rate: float
) -> torch.Tensor:
    """One batch: scores, loss, gradient, Nadam. Returns the loss.

    transpose: of these weights' columns where the products are sparse, None where they are dense in `dtype`.
    """
    outputs = torch.from_numpy(batch.outputs).to(weights.device)
    products: Products
    if transpose is None:
        products = DenseProducts(weights, outputs, dtype)
    else:
        products = SparseProducts(weights, outputs, transpose)
    latent = products.latent(batch)
    scores = products.scores(latent)
    loss = loss_and_gradient(scores, batch)
    gradient = products.gradient(scores, latent, batch)
    update(weights, batch.outputs, gradient, learning_rate)
    return loss


def learning_rate(config: TrainingConfig, schedule: list[int], epoch: int, done: float) -> float:
    """Of Nadam when a share `done` of `epoch` (from 1) has passed."""
    first = first_of_last_mask(schedule)
    if not config.final_decay or epoch < first:
        return config.learning_rate
    return config.learning_rate * (1 - (epoch - first + done) / (len(schedule) - first + 1))


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


def _device(name: str) -> torch.device:
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


def _sample(matrix: csr_array, seed: int) -> csr_array:
    """A fixed sample of users' rows: items only, no ids of users."""
    rng = np.random.default_rng(seed)
    users = np.sort(rng.choice(matrix.shape[0], min(SAMPLE_HISTORIES, matrix.shape[0]), replace=False))
    return matrix[users]
