import itertools
import os
import signal
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

import elsa_index as ei
from benchmarks.straightforward import SparseAutoencoder, nadam
from elsa_index.metrics import hits_of, ndcg
from elsa_index.training.elsa import run
from elsa_index.training.elsa.batches import Batch, sample_outputs
from elsa_index.training.elsa.budgets import budgets_of
from elsa_index.training.elsa.loss import loss_and_gradient
from elsa_index.training.elsa.products import Transpose
from elsa_index.training.elsa.schedules import constant, exponential, linear, nonzeros_by_epoch, stepwise
from elsa_index.training.elsa.step import train_step
from elsa_index.training.elsa.weights import Weights
from elsa_index.training.held_out import hold_out


def test_config_survives_json_and_refuses_what_is_out_of_range():
    config = ei.TrainingConfig(dims=128, nnz=4, restart=False)
    assert ei.TrainingConfig.model_validate_json(config.model_dump_json()) == config
    values: Any
    for values, message in [
        ({"dims": 0}, "dims: .* got 0"),
        ({"nnz": 8, "dims": 4}, r"nnz must be at most dims \(4\), got 8"),
        ({"epochs": -1}, "epochs"),
        ({"schedule": "none"}, "schedule"),
        ({"popularity": "often"}, "popularity: must be a number from 0 to 2, or auto, got 'often'"),
        ({"popularity": -0.1}, r"popularity: .* got -0\.1"),
        ({"popularity": float("nan")}, "popularity"),
    ]:
        with pytest.raises(ei.UsageError, match=message):
            ei.TrainingConfig(**values)


def test_exponential_schedule_is_the_papers():
    schedule = nonzeros_by_epoch(ei.TrainingConfig())
    assert schedule[0] == 4096
    assert schedule[10] == 1024  # ⌊d · 2^-(10/10 + 1)⌋
    assert schedule[-10:] == [16] * 10
    assert len(schedule) == 10 * 8 + 10
    assert all(a >= b for a, b in itertools.pairwise(schedule))
    assert len(exponential(1024, 16, 5)) == 30
    assert nonzeros_by_epoch(ei.TrainingConfig(dims=64, dense=True, epochs=3)) == [64] * 3


def both_models(dims, nonzeros, budgets=None, items=40):
    """The product's weights and the straightforward model, with the same values and mask."""
    weights = Weights(items, dims, 0, torch.device("cpu"))
    plain = SparseAutoencoder(weights.values.clone())
    if nonzeros < dims:
        weights.prune(nonzeros, restart=True)
        plain.prune(nonzeros)
    return weights, plain


def dense(weights):
    return torch.from_numpy(weights.to_csr().toarray())


def test_loss_is_the_equation(log):
    weights, _ = both_models(16, 5)
    batch = Batch.make(log.matrix[:8], np.arange(40), torch.device("cpu"))
    codes = dense(weights).numpy()
    given = train_step(weights, batch, None, torch.float32, 0.1)
    x = log.matrix[:8].toarray()
    predicted = np.clip(x @ codes @ codes.T - x, 0, 6)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (predicted, x)]
    assert given.item() == pytest.approx(np.mean((unit[0] - unit[1]) ** 2), rel=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("max_output", [40, 25])
@pytest.mark.parametrize("nonzeros", [32, 3])
def test_steps_are_those_of_the_straightforward_model(log, nonzeros, max_output, sparse, weighted):
    if sparse and nonzeros == 32:
        nonzeros = 31
    weights, plain = both_models(32, nonzeros)
    optimizer = nadam(plain, 0.05)
    transpose = Transpose(weights) if sparse else None
    rng = np.random.default_rng(3)
    matrix = log.matrix.copy()
    if weighted:
        matrix.data = rng.choice([0.25, 1, 3], matrix.nnz).astype(np.float32)
    for step in range(6):
        users = rng.choice(60, 2 if max_output < 40 else 20, replace=False)
        outputs = sample_outputs(matrix[users], max_output, rng)
        batch = Batch.make(matrix[users], outputs, torch.device("cpu"))
        x = matrix[users].toarray()
        shares = np.sqrt(np.square(x).sum(axis=1) / (x > 0).sum(axis=1)).astype(np.float32)
        expected = plain.loss(
            torch.from_numpy(x / shares[:, None]),
            torch.from_numpy(outputs),
            torch.from_numpy(shares),
        )
        optimizer.zero_grad()
        expected.backward()
        optimizer.step()
        given = train_step(weights, batch, transpose, torch.float32, 0.05)
        assert given.item() == pytest.approx(expected.item(), rel=1e-3), step
    np.testing.assert_allclose(dense(weights), plain.codes().detach(), atol=5e-3)


def test_scores_above_six_are_cut_and_pass_no_gradient():
    # One user has all of 30 items with the same code: every score is 29 after x is taken off.
    rows = csr_array(np.concatenate([np.ones((1, 30)), np.zeros((1, 10))], axis=1, dtype=np.float32)[:1])
    batch = Batch.make(rows, np.arange(40), torch.device("cpu"))
    scores = torch.full((1, 40), 30.0)
    scores[0, 30:] = 3.0
    by_autograd = scores.clone().requires_grad_()
    x = torch.from_numpy(rows.toarray())
    predicted = (by_autograd - x).clamp(0, 6)
    loss = (predicted / predicted.norm() - x / x.norm()).square().mean()
    loss.backward()
    assert loss_and_gradient(scores, batch).item() == pytest.approx(loss.item(), rel=1e-5)
    assert scores[0, 0] == 0
    torch.testing.assert_close(scores, by_autograd.grad, atol=1e-8, rtol=1e-4)


def test_what_was_pruned_stays_pruned():
    weights, _ = both_models(16, 8, items=20)
    before = dense(weights) != 0
    weights.values.add_(torch.randn(20, 8))
    largest = weights.values.abs().topk(4, dim=1).indices.sort(dim=1).values
    expected = weights.columns.long().gather(1, largest)
    weights.prune(4, restart=False)
    after = dense(weights) != 0
    assert (after.sum(dim=1) == 4).all()
    assert not (after & ~before).any()
    assert (weights.columns == expected).all()


def test_uneven_budgets_keep_the_total_and_give_popular_items_more(log):
    config = ei.TrainingConfig(dims=32, nnz=4, epochs=2, batch_size=16, budgets="log", popularity=0)
    counts = np.arange(1, 41)
    budgets = budgets_of(8, counts, config, torch.device("cpu"))
    assert 7 < budgets.double().mean() <= 8
    assert (budgets.diff() >= 0).all()
    assert budgets[0] < budgets[-1] <= 16
    codes = ei.train(log, config)
    assert 3 <= codes.weights.nnz / 40 <= 4
    assert codes.is_unit_norm


def test_bfloat16_learns_what_float32_learns(log):
    losses = {}
    for precision in ("float32", "bfloat16"):
        config = ei.TrainingConfig(dims=32, nnz=16, epochs=5, batch_size=16, precision=precision)
        ei.train(log, config, lambda at, name=precision: losses.__setitem__(name, at.loss))
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.1)


def test_the_learning_rate_falls_only_over_the_last_mask(log):
    config = {"dims": 32, "nnz": 8, "epochs": 3, "batch_size": 16}
    losses = {False: [], True: []}
    for decay, found in losses.items():
        ei.train(log, ei.TrainingConfig(**config, final_decay=decay), lambda at, found=found: found.append(at.loss))
    schedule = nonzeros_by_epoch(ei.TrainingConfig(**config))
    last = schedule.index(8)
    assert losses[False][:last] == losses[True][:last]
    assert losses[False][last:] != losses[True][last:]


def test_what_does_not_fit_into_memory_is_refused_at_once(log, monkeypatch):
    monkeypatch.setattr("elsa_index.training.elsa.memory.available", lambda device: 5e9)
    message = r"needs about \d+\.\d GB on cpu, where 5.0 GB are free \(40 items x 16,777,216 dims\)"
    with pytest.raises(ei.UsageError, match=message):
        ei.train(log, ei.TrainingConfig(dims=2**24, nnz=2))


def test_the_other_schedules_are_the_papers():
    assert stepwise(4096, 16, 1) == [4096, 1024, 512, 256, 128, 64, 32]
    assert linear(4096, 16, 10)[:3] == [4096, 4045, 3994]
    assert len(linear(4096, 16, 10)) == len(constant(4096, 16, 10)) == 80
    assert set(constant(4096, 16, 10)) == {16}
    for schedule in ("linear", "stepwise", "constant", "exponential"):
        found = nonzeros_by_epoch(ei.TrainingConfig(dims=100, nnz=7, epochs=3, schedule=schedule))
        assert found[-3:] == [7] * 3
        assert all(a >= b for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("schedule", ["exponential", "linear", "stepwise", "constant"])
@pytest.mark.parametrize("restart", [True, False])
def test_codes_have_the_asked_shape_and_rank_a_taste_above_others(log, restart, schedule):
    config = ei.TrainingConfig.paper(dims=32, nnz=4, epochs=6, batch_size=16, restart=restart, schedule=schedule)
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
    outputs = sample_outputs(batch, 20, rng)
    assert len(outputs) == len(set(outputs.tolist())) == 20
    assert set(batch.indices.tolist()) <= set(outputs.tolist())
    assert len(sample_outputs(log.matrix, 20, rng)) == 40
    assert sample_outputs(batch, 50, rng).tolist() == list(range(40))


def test_a_device_that_is_not_there_is_named(log):
    with pytest.raises(ei.UsageError, match="device must be auto, cpu or a device"):
        ei.train(log, ei.TrainingConfig(dims=4, nnz=2, device="warp"))


@pytest.mark.parametrize("stop_after", [1, 7, 13])
@pytest.mark.parametrize("budgets", ["even", "log"])
def test_a_run_that_was_stopped_goes_on_to_the_same_codes(log, tmp_path, monkeypatch, stop_after, budgets):
    config = ei.TrainingConfig(
        dims=64, nnz=3, epochs=2, batch_size=16, max_output=30, budgets=budgets, validation_users=5, patience=1
    )
    whole = ei.train(log, config)
    step, done = train_step, []

    def stopped(*arguments):
        done.append(1)
        if len(done) == stop_after:
            os.kill(os.getpid(), signal.SIGINT)
        return step(*arguments)

    path = tmp_path / "m.checkpoint"
    monkeypatch.setattr(run, "train_step", stopped)
    with pytest.raises(ei.TrainingInterrupted, match="--resume"):
        ei.train(log, config, checkpoint=path)
    assert len(done) == stop_after
    other = config.model_copy(update={"learning_rate": 0.2})
    with pytest.raises(ei.UsageError, match=r"learning_rate 0\.1, this one has 0\.2"):
        ei.train(log, other, checkpoint=path, resume=True)
    assert ei.train(log, config, checkpoint=path, resume=True).fingerprint == whole.fingerprint


def test_a_damaged_checkpoint_and_none_are_named(log, tmp_path):
    config = ei.TrainingConfig(dims=8, nnz=2, epochs=2, batch_size=16)
    with pytest.raises(ei.StorageError, match="no checkpoint"):
        ei.train(log, config, checkpoint=tmp_path / "none", resume=True)
    ei.train(log, config, checkpoint=tmp_path / "kept", checkpoint_seconds=0)
    values = tmp_path / "kept" / "values.npy"
    values.write_bytes(values.read_bytes()[:-1] + b"?")
    with pytest.raises(ei.StorageError, match=r"values\.npy is damaged: its checksum"):
        ei.train(log, config, checkpoint=tmp_path / "kept", resume=True)


def test_popularity_gives_codes_norms_and_leaves_histories_as_they_were(log):
    plain, scaled = (
        ei.train(log, ei.TrainingConfig(dims=32, nnz=4, epochs=2, batch_size=16, popularity=power))
        for power in (0, 0.5)
    )
    assert plain.is_unit_norm
    assert plain.history_weights is None
    counts = log.item_counts
    expected = np.sqrt(counts / np.exp(np.log(counts).mean()))
    np.testing.assert_allclose(scaled.norms, expected, rtol=1e-5)
    histories = scaled.history_weights[:, None] * scaled.weights.toarray()
    np.testing.assert_allclose(histories, plain.weights.toarray(), atol=1e-6)


def test_validation_users_are_kept_from_training_and_ranked_as_evaluate_ranks_them(log, tmp_path):
    config = ei.TrainingConfig(dims=16, nnz=4, epochs=2, batch_size=16, validation_users=12, history_popularity=0.3)
    rest, held = hold_out(log.matrix, 12, config.seed)
    assert rest.shape[0] == 48
    assert held.histories.shape == held.hidden.shape == (12, 40)
    sizes = np.diff((held.histories + held.hidden).indptr)
    assert (np.diff(held.hidden.indptr) == np.ceil(0.2 * sizes)).all()
    users = {tuple(row) for row in log.matrix.toarray()}
    assert {tuple(row) for row in (held.histories + held.hidden).toarray()} <= users
    found = []
    codes = ei.train(log, config, lambda at: found.append(at.ndcg))
    assert codes.origin["log"]["users"] == 48
    assert codes.origin["validation"] == {"users": 12, "ndcg@100": found[-1]}

    def rows(matrix):
        return [matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]] for at in range(12)]

    with ei.Index.build(codes, tmp_path / "i.index", engine="exact", store="float32") as index:
        result = index.search([log.items.take(row).tolist() for row in rows(held.histories)], k=40)
    hits = hits_of([ranking.rows for ranking in result.rankings], rows(held.hidden), 100)
    assert ndcg(hits, np.diff(held.hidden.indptr), 100).mean() == pytest.approx(found[-1], abs=1e-6)


def test_auto_chooses_the_powers_that_rank_validation_users_best(log):
    config = {"dims": 16, "nnz": 4, "epochs": 2, "batch_size": 16, "validation_users": 12}
    chosen = ei.train(log, ei.TrainingConfig(**config, popularity="auto")).origin
    for power in (0, 0.2, 0.4):
        other = ei.train(log, ei.TrainingConfig(**config, popularity=power)).origin
        assert chosen["validation"]["ndcg@100"] >= other["validation"]["ndcg@100"]


def test_patience_keeps_the_best_epoch(log):
    found: list[Any] = []
    config = {"dims": 16, "dense": True, "batch_size": 60, "validation_users": 12, "learning_rate": 3}
    codes = ei.train(log, ei.TrainingConfig(**config, epochs=30, patience=2), lambda at: found.append(at.ndcg))
    assert len(found) < 30
    assert codes.origin["epochs"] == int(np.argmax(found)) + 1 == len(found) - 2
    assert codes.origin["validation"]["ndcg@100"] == pytest.approx(max(found), abs=1e-6)


def test_validation_is_checked(log):
    with pytest.raises(ei.UsageError, match="patience 2 needs validation_users above 0"):
        ei.TrainingConfig(dims=8, nnz=2, patience=2)
    with pytest.raises(ei.UsageError, match="popularity auto needs validation_users above 0"):
        ei.TrainingConfig(dims=8, nnz=2, popularity="auto")
    with pytest.raises(ei.UsageError, match="validation_users is 60, but of 60 users"):
        ei.train(log, ei.TrainingConfig(dims=8, nnz=2, validation_users=60))
