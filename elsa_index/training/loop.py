"""The training loop: epochs, masks, restarts, sampled outputs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from ..codes import ItemCodes
from ..errors import UsageError
from ..interactions import Interactions
from .config import TrainingConfig
from .model import SparseAutoencoder, initial_weights
from .schedules import nonzeros_by_epoch

SAMPLE_HISTORIES = 1000
"""How many histories of the log stay with the codes, for later calibration and checks."""


@dataclass(frozen=True)
class EpochReport:
    """One epoch that has ended: its number from 1, how many there are, nonzeros an item, mean loss, seconds."""

    epoch: int
    epochs: int
    nonzeros: int
    loss: float
    seconds: float


def train(
    interactions: Interactions,
    config: TrainingConfig | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> ItemCodes:
    """Learns one code an item from a log (paper, Compressed ELSA; dense ELSA where `config.dense`).

    Returns codes of unit norm: (items, dims) CSR with `nnz` nonzeros a row, the training's configuration and log
    fingerprint in `origin`, item counts, and a sample of 1,000 histories.
    """
    config = config or TrainingConfig()
    device = _device(config.device)
    matrix = interactions.matrix
    items = matrix.shape[1]
    started = time.perf_counter()
    model = SparseAutoencoder(initial_weights(items, config.dims, config.seed).to(device))
    optimizer = _nadam(model, config)
    rng = np.random.default_rng(config.seed)
    schedule = nonzeros_by_epoch(config)
    nonzeros = config.dims
    loss = float("nan")
    for epoch, wanted in enumerate(schedule, start=1):
        if wanted != nonzeros:
            model.prune(wanted)
            nonzeros = wanted
            _reset(model, config)
            optimizer = _nadam(model, config)
        epoch_started = time.perf_counter()
        loss = _epoch(model, optimizer, matrix, config, rng)
        if on_epoch:
            on_epoch(EpochReport(epoch, len(schedule), nonzeros, loss, time.perf_counter() - epoch_started))
    origin = {
        "model": "ELSA" if config.dense else "Compressed ELSA",
        "config": config.model_dump(),
        "log_fingerprint": interactions.fingerprint,
        "log": {"users": matrix.shape[0], "items": items, "interactions": int(matrix.nnz)},
        "epochs": len(schedule),
        "final_loss": loss,
        "seconds": round(time.perf_counter() - started, 1),
        "device": str(device),
    }
    return ItemCodes(
        interactions.items,
        _to_csr(model, nonzeros),
        origin=origin,
        item_counts=interactions.item_counts,
        sample_histories=_sample(matrix, config.seed),
    )


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


def _nadam(model: SparseAutoencoder, config: TrainingConfig) -> torch.optim.Optimizer:
    """Nadam as in Keras: ε 1e-7, and a momentum schedule 1 - 0.96^t / 2, which torch spells momentum_decay=1."""
    return torch.optim.NAdam(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.999), eps=1e-7, momentum_decay=1.0
    )


@torch.no_grad()
def _reset(model: SparseAutoencoder, config: TrainingConfig) -> None:
    """Parameters after a new mask: initial values × mask with restarts, the current Â without."""
    assert model.mask is not None
    if config.restart:
        weights = initial_weights(len(model.weights), config.dims, config.seed).to(model.weights.device) * model.mask
    else:
        weights = model.codes()
    model.weights.copy_(weights)
    model.weights.grad = None


def _epoch(
    model: SparseAutoencoder,
    optimizer: torch.optim.Optimizer,
    matrix: csr_array,
    config: TrainingConfig,
    rng: np.random.Generator,
) -> float:
    """One pass over the users in random order; the mean loss of its steps."""
    device = model.weights.device
    order = rng.permutation(matrix.shape[0])
    losses = []
    for start in range(0, len(order), config.batch_size):
        batch = matrix[order[start : start + config.batch_size]]
        outputs = _outputs(batch, matrix.shape[1], config.max_output, rng)
        column_of = np.zeros(matrix.shape[1], dtype=np.int64)
        column_of[outputs] = np.arange(len(outputs))
        items = torch.from_numpy(batch.indices.astype(np.int64)).to(device)
        offsets = torch.from_numpy(batch.indptr[:-1].astype(np.int64)).to(device)
        users = torch.from_numpy(np.repeat(np.arange(batch.shape[0]), np.diff(batch.indptr))).to(device)
        targets = torch.zeros((batch.shape[0], len(outputs)), device=device)
        targets[users, torch.from_numpy(column_of[batch.indices]).to(device)] = 1.0
        loss = model.loss(items, offsets, torch.from_numpy(outputs).to(device), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def _outputs(batch: csr_array, items: int, max_output: int, rng: np.random.Generator) -> np.ndarray:
    """The items that a batch scores: all that occur in it, and uniformly drawn others up to `max_output`."""
    if items <= max_output:
        return np.arange(items)
    occurring = np.unique(batch.indices).astype(np.int64)
    if len(occurring) >= max_output:
        return occurring
    others = np.setdiff1d(np.arange(items), occurring, assume_unique=True)
    return np.concatenate([occurring, rng.choice(others, max_output - len(occurring), replace=False)])


@torch.no_grad()
def _to_csr(model: SparseAutoencoder, nonzeros: int) -> csr_array:
    """The codes Â as CSR, `nonzeros` columns a row, sorted."""
    codes = model.codes().cpu()
    if nonzeros == codes.shape[1]:
        columns = torch.arange(nonzeros).expand(len(codes), -1)
    else:
        columns = codes.abs().topk(nonzeros, dim=1).indices.sort(dim=1).values
    values = codes.gather(1, columns)
    indptr = np.arange(0, codes.shape[0] * nonzeros + 1, nonzeros)
    return csr_array(
        (values.numpy().ravel(), columns.numpy().ravel().astype(np.int32), indptr), shape=tuple(codes.shape)
    )


def _sample(matrix: csr_array, seed: int) -> csr_array:
    """A fixed sample of users' rows: items only, no ids of users."""
    rng = np.random.default_rng(seed)
    users = np.sort(rng.choice(matrix.shape[0], min(SAMPLE_HISTORIES, matrix.shape[0]), replace=False))
    return matrix[users]
