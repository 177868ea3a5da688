"""Item–item models of others: which side is which, and what pruning keeps."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array, save_npz

import elsa_index as ei
from elsa_index.codes.over_items import LEAST, pruned

ITEMS = 60


@pytest.fixture(scope="module")
def model():
    """EASE of a random log: (items, items), scores are history @ matrix; and the histories."""
    rng = np.random.default_rng(0)
    log = (rng.random((400, ITEMS)) < 0.15 / (1 + np.arange(ITEMS)) ** 0.3).astype(float)
    inverse = np.linalg.inv(log.T @ log + 5 * np.eye(ITEMS))
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 1.0)  # what a careless model may hold: an item says most for itself
    return weights, log


def test_rankings_are_those_of_history_times_matrix(model, tmp_path):
    weights, log = model
    ids = ei.IdMap(f"i{row}" for row in range(ITEMS))
    codes = ei.codes_over_items(csr_array(weights), ids, rows="history")
    turned = ei.codes_over_items(csr_array(weights.T), ids, rows="targets")
    assert codes.fingerprint == turned.fingerprint
    assert not codes.weights.diagonal().any()
    asked = [ids.take(np.flatnonzero(row)).tolist() for row in log[:40] if row.any()]
    with ei.Index.build(codes, tmp_path / "i", engine="exact", store="float32") as index:
        for history, ranking in zip(asked, index.search(asked, 10).rankings, strict=True):
            rows = ids.rows(history)
            scores = np.where(np.isin(np.arange(ITEMS), rows), -np.inf, weights[rows].sum(axis=0))
            np.testing.assert_allclose(ranking.scores, np.sort(scores)[::-1][:10], atol=1e-5)


def test_pruning_keeps_the_largest_of_all_and_some_of_every_item():
    weights = csr_array(random_array((50, 50), density=0.4, random_state=1, dtype=np.float32))
    weights.data = weights.data * 10
    weights = csr_array(np.vstack([weights.toarray()[:40], weights.toarray()[40:] / 1000]))
    kept = pruned(weights, 6)
    assert kept.nnz == 300
    dense, left = weights.toarray(), kept.toarray()
    assert (left[left != 0] == dense[left != 0]).all()
    assert (np.count_nonzero(left, axis=1) >= LEAST).all()
    # Beyond every row's LEAST largest, what is kept is not below what is dropped.
    ranked = np.sort(dense, axis=1)[:, ::-1][:, LEAST:]
    others = np.sort(ranked.ravel())[::-1]
    beyond = np.sort(left, axis=1)[:, ::-1][:, LEAST:]
    np.testing.assert_array_equal(np.sort(beyond.ravel())[::-1], np.where(np.arange(len(others)) < 150, others, 0))
    assert pruned(weights, 50).nnz == weights.nnz


def test_a_file_is_turned_and_pruned_on_the_way(model, tmp_path):
    weights, _ = model
    save_npz(tmp_path / "ease.npz", csr_array(weights))
    codes = ei.load_codes(tmp_path / "ease.npz", history_codes="items", rows="history", nnz=8)
    assert codes.weights.nnz == 8 * ITEMS
    assert codes.origin == {"imported_from": "ease.npz"}
    whole = ei.codes_over_items(csr_array(weights), codes.ids, rows="history").weights.toarray()
    kept = codes.weights.toarray()
    assert (kept[kept != 0] == whole[kept != 0]).all()


def test_what_does_not_fit_is_refused(model, tmp_path):
    weights, _ = model
    square, ids = csr_array(weights), ei.IdMap(map(str, range(ITEMS)))
    with pytest.raises(ei.UsageError, match="rows must be targets or history, got 'columns'"):
        ei.codes_over_items(square, ids, rows="columns")  # type: ignore[arg-type]
    with pytest.raises(ei.UsageError, match="nnz must be at least 1, got 0"):
        ei.codes_over_items(square, ids, nnz=0)
    with pytest.raises(ei.DataError, match="A model of 60 items is a matrix of 60 x 60, got 59 x 60"):
        ei.codes_over_items(square[:-1], ids)
    save_npz(tmp_path / "tall.npz", csr_array(weights[:, :50]))
    with pytest.raises(ei.DataError, match="must be a matrix of items x items, got 60 x 50"):
        ei.load_codes(tmp_path / "tall.npz", history_codes="items", rows="history")
    with pytest.raises(ei.UsageError, match=r"rows and nnz are for a \.npz of items x items"):
        ei.load_codes(tmp_path / "tall.npz", nnz=8)
