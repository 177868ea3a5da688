import itertools

import numpy as np
import pytest
import torch

import elsa_index as ei
from elsa_index.training.loop import _outputs
from elsa_index.training.model import SparseAutoencoder, initial_weights
from elsa_index.training.schedules import exponential, nonzeros_by_epoch


def test_config_survives_json_and_refuses_what_is_out_of_range():
    config = ei.TrainingConfig(dims=128, nnz=4, restart=False)
    assert ei.TrainingConfig.model_validate_json(config.model_dump_json()) == config
    for values, message in [
        ({"dims": 0}, "dims: .* got 0"),
        ({"nnz": 8, "dims": 4}, r"nnz must be at most dims \(4\), got 8"),
        ({"epochs": -1}, "epochs"),
        ({"schedule": "none"}, "schedule"),
    ]:
        with pytest.raises(ei.UsageError, match=message):
            ei.TrainingConfig.checked(**values)


def test_exponential_schedule_is_the_papers():
    schedule = exponential(4096, 16, 10)
    assert schedule[0] == 4096
    assert schedule[10] == 1024  # ⌊d · 2^-(10/10 + 1)⌋
    assert schedule[-10:] == [16] * 10
    assert len(schedule) == 10 * 8 + 10
    assert all(a >= b for a, b in itertools.pairwise(schedule))
    assert len(exponential(1024, 16, 5)) == 35
    assert nonzeros_by_epoch(ei.TrainingConfig(dims=64, dense=True, epochs=3)) == [64] * 3


def test_loss_is_the_equation(log):
    weights = initial_weights(40, 16, 0)
    model = SparseAutoencoder(weights.clone())
    model.prune(5)
    batch = log.matrix[:8]
    outputs = np.arange(40)
    given = model.loss(
        torch.from_numpy(batch.indices.astype(np.int64)),
        torch.from_numpy(batch.indptr[:-1].astype(np.int64)),
        torch.from_numpy(outputs),
        torch.from_numpy(batch.toarray()),
    )
    masked = weights.numpy().copy()
    smallest = np.argsort(-np.abs(masked), axis=1)[:, 5:]
    np.put_along_axis(masked, smallest, 0, axis=1)
    codes = masked / np.linalg.norm(masked, axis=1, keepdims=True)
    x = batch.toarray()
    predicted = np.clip(x @ codes @ codes.T - x, 0, 6)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (predicted, x)]
    assert given.item() == pytest.approx(np.mean((unit[0] - unit[1]) ** 2), rel=1e-4)


def test_what_was_pruned_stays_pruned():
    model = SparseAutoencoder(initial_weights(20, 16, 0))
    model.prune(8)
    before = model.mask.clone()
    with torch.no_grad():
        model.weights.add_(torch.randn(20, 16) * before)
    model.prune(4)
    assert (model.mask.sum(dim=1) == 4).all()
    assert not (model.mask & ~before).any()


@pytest.mark.parametrize("restart", [True, False])
def test_codes_have_the_asked_shape_and_rank_a_taste_above_others(log, restart):
    config = ei.TrainingConfig(dims=32, nnz=4, epochs=6, batch_size=16, restart=restart)
    losses = []
    codes = ei.train(log, config, lambda at: losses.append((at.nonzeros, at.loss)))
    assert (codes.dims, codes.nnz, codes.is_unit_norm) == (32, 4, True)
    assert (np.diff(codes.weights.indptr) == 4).all()
    assert losses[-1][1] < losses[0][1]
    assert codes.origin["log_fingerprint"] == log.fingerprint
    dense = codes.weights.toarray()
    same = [dense[codes.ids.rows(f"i{10 * taste + at}" for at in range(10))] for taste in range(4)]
    within = np.mean([np.mean(part @ part.T) for part in same])
    across = np.mean([np.mean(same[a] @ same[b].T) for a in range(4) for b in range(a)])
    assert within > across + 0.2


def test_dense_training_keeps_all_weights(log):
    codes = ei.train(log, ei.TrainingConfig(dims=8, dense=True, epochs=2, batch_size=16))
    assert codes.nnz == 8
    assert codes.origin["model"] == "ELSA"


def test_same_seed_same_codes_and_another_seed_others(log):
    config = {"dims": 16, "nnz": 4, "epochs": 2, "batch_size": 16, "max_output": 20}
    first, again, other = (ei.train(log, ei.TrainingConfig(**config, seed=seed)) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_sampled_outputs_hold_all_of_the_batch_and_others(log):
    rng = np.random.default_rng(0)
    batch = log.matrix[:1]
    outputs = _outputs(batch, 40, 20, rng)
    assert len(outputs) == len(set(outputs.tolist())) == 20
    assert set(batch.indices.tolist()) <= set(outputs.tolist())
    assert len(_outputs(log.matrix, 40, 20, rng)) == 40
    assert _outputs(batch, 40, 50, rng).tolist() == list(range(40))


def test_a_device_that_is_not_there_is_named(log):
    with pytest.raises(ei.UsageError, match="device must be auto, cpu or a device"):
        ei.train(log, ei.TrainingConfig(dims=4, nnz=2, device="warp"))
