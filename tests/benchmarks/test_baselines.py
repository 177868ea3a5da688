"""What the comparisons stand on: baselines as their definitions read, and the ranking against the product's own."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

import elsa_index as ei
from benchmarks import baselines, others
from benchmarks.ideas import IDEAS
from benchmarks.ranking import Held, Scorer, by_codes, by_matrix, metrics_of


@pytest.fixture
def split(log):
    return ei.split(log, users=12, folds=2)


def test_ease_is_the_inverse_of_the_definition(log):
    x = log.matrix.toarray().astype(np.float64)
    inverse = np.linalg.inv(x.T @ x + 100 * np.eye(x.shape[1]))
    expected = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(expected, 0)
    weights = baselines.ease(log.matrix)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    scores = by_matrix(weights)(log.matrix[:3])
    np.testing.assert_allclose(scores, x[:3] @ expected, atol=1e-4)
    kept = baselines.pruned_matrix(weights, 4).toarray()
    assert ((kept != 0).sum(axis=1) == 4).all()
    assert (np.sort(np.abs(kept), axis=1)[:, -4:] == np.sort(np.abs(weights), axis=1)[:, -4:]).all()


def test_ease_that_does_not_fit_is_refused_with_what_it_needs():
    with pytest.raises(ei.UsageError, match=r"EASE of 5,000,000 items needs about 220,000\.0 GB"):
        baselines.ease(csr_array((2, 5_000_000), dtype=np.float32))


def test_item_knn_keeps_the_nearest_by_cosine(log):
    x = log.matrix.toarray().astype(np.float64)
    cosines = x.T @ x / np.sqrt(np.outer(x.sum(axis=0), x.sum(axis=0)))
    np.fill_diagonal(cosines, 0)
    found = baselines.item_knn(log.matrix, neighbours=5).toarray()
    np.testing.assert_allclose(np.sort(found, axis=1)[:, -5:], np.sort(cosines, axis=1)[:, -5:], atol=1e-6)


def test_pruned_codes_are_the_largest_weights_to_norm_one(log):
    dense = ei.train(log, ei.TrainingConfig(dims=16, dense=True, epochs=2, popularity=0)).weights
    pruned = baselines.pruned_codes(dense, 3).toarray()
    assert ((pruned != 0).sum(axis=1) == 3).all()
    np.testing.assert_allclose(np.linalg.norm(pruned, axis=1), 1, atol=1e-6)
    largest = np.sort(np.abs(dense.toarray()), axis=1)[:, -3:]
    largest /= np.linalg.norm(largest, axis=1, keepdims=True)
    np.testing.assert_allclose(np.sort(np.abs(pruned), axis=1)[:, -3:], largest, atol=1e-6)


@pytest.mark.slow
def test_the_autoencoder_gives_codes_of_the_asked_size(log):
    dense = ei.train(log, ei.TrainingConfig(dims=16, dense=True, epochs=2, popularity=0)).weights
    codes = baselines.autoencoder_codes(dense, 4, seed=1, epochs=3)
    assert codes.shape == dense.shape
    assert (np.diff(codes.indptr) <= 4).all()
    np.testing.assert_allclose(np.linalg.norm(codes.toarray(), axis=1), 1, atol=1e-5)


def test_rankings_score_as_the_products_evaluation_does(split, tmp_path):
    codes = ei.train(split.train, ei.TrainingConfig(dims=16, nnz=4, epochs=2, popularity=0.4))
    with ei.Index.build(codes, tmp_path / "i", engine="exact", store="float32") as index:
        expected = ei.evaluate(index, split, (20, 50))
    found = metrics_of(Held.of(split), by_codes(codes))
    for name in ("recall@20", "plain_recall@20", "ndcg@20", "recall@50"):
        assert found[name]["mean"] == pytest.approx(expected.metrics[name].mean, abs=1e-9), name


def test_the_most_popular_come_first_for_everybody(split):
    scores = baselines.most_popular(split.train.matrix)(split.train.matrix[:2])
    assert torch.equal(scores[0], scores[1])
    assert scores[0].argmax() == split.train.item_counts.argmax()


@pytest.mark.parametrize("name", [name for name, idea in IDEAS.items() if idea.patch])
def test_ideas_that_replace_a_part_of_training_give_codes_of_the_asked_size(log, name):
    from unittest import mock

    idea, small = IDEAS[name], {"dims": 32, "nnz": 4, "epochs": 1, "popularity": 0}
    with mock.patch.object(*idea.patch):
        codes = ei.train(log, ei.TrainingConfig.paper(**(idea.changes | small)))
    assert codes.weights.nnz / len(codes.ids) <= 4
    assert codes.is_unit_norm


def test_others_are_tuned_as_far_as_validation_users_gain(log):
    tried: list[float] = []

    def fit(matrix: csr_array, seed: int, strength: float) -> Scorer:
        tried.append(strength)
        noise = 10 * abs(np.log2(strength / 64)) * np.random.default_rng(0).random(matrix.shape[1])
        scores = torch.from_numpy((matrix.T @ matrix).toarray() - noise)
        return lambda histories: torch.from_numpy(histories.toarray()).double() @ scores

    best, found = others.best_for_validation(log.matrix, 1, {"strength": 4.0}, fit)
    assert sorted(tried) == [1, 4, 16, 64, 256]  # each once, one beyond the best
    assert best == {"strength": 64.0}
    assert max(found, key=lambda row: row["ndcg@100"])["strength"] == 64
