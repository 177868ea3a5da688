"""What changed between two models."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.codes.difference import compare_codes

from ..support.catalogues import make_codes, make_item_codes, make_two_matrices


@pytest.mark.parametrize("make", [make_codes, make_item_codes, make_two_matrices])
def test_nothing_changes_where_items_only_change_places(make):
    codes = make(60)
    order = np.random.default_rng(3).permutation(60)

    def moved(matrix):
        rows = csr_array(matrix)[order]
        return rows[:, order] if codes.history_kind == "items" else rows

    history = codes.history_codes if isinstance(codes.history_codes, str) else moved(codes.history_codes)
    other = replace(
        codes,
        ids=ei.IdMap(codes.ids.take(order)),
        weights=moved(codes.weights),
        history_codes=history,
        item_counts=None,
    )
    found = compare_codes(codes, other)
    assert (found.added, found.removed) == ([], [])
    assert len(found.kept) == 60
    assert not found.code_change.any()
    assert not found.history_change.any()
    assert len(found.changed()) == 0


def test_changes_are_measured_as_dense_arithmetic_has_them():
    codes, rng = make_codes(50), np.random.default_rng(4)
    dense = codes.weights.toarray()
    noisy = dense * (1 + 0.1 * rng.normal(size=dense.shape))
    found = compare_codes(codes, replace(codes, weights=csr_array(noisy)))
    expected = np.linalg.norm(noisy - dense, axis=1)
    expected /= np.maximum(np.linalg.norm(dense, axis=1), np.linalg.norm(noisy, axis=1))
    np.testing.assert_allclose(found.code_change, expected, rtol=1e-5)
    assert found.changed(0.1).tolist() == np.flatnonzero(expected > 0.1).tolist()


def test_weights_in_histories_and_history_codes_count():
    codes = make_codes(20)
    shares = np.ones(20, np.float32)
    shares[7] = 0.5
    found = compare_codes(codes, replace(codes, history_weights=shares))
    assert found.changed().tolist() == [7]
    assert found.history_change[7] == 0.5
    two = make_two_matrices(20)
    encoder = two.history_codes.copy()
    encoder[3] = 2 * encoder[3]
    assert compare_codes(two, replace(two, history_codes=encoder)).changed().tolist() == [3]


def test_an_item_that_is_no_more_is_a_change_of_whom_it_spoke_for():
    weights = csr_array([[0, 0.6, 0.8], [0.5, 0, 0], [0.3, 0, 0]])
    before = ei.ItemCodes(ei.IdMap("abc"), weights, history_codes="items")
    after = ei.ItemCodes(ei.IdMap("ba"), csr_array([[0, 0.5], [0.6, 0]]), history_codes="items")
    found = compare_codes(before, after)
    assert found.removed == ["c"]
    assert found.kept.tolist() == [0, 1]
    np.testing.assert_allclose(found.code_change, [0, 0.8], rtol=1e-6)


def test_models_that_have_nothing_in_common_are_refused():
    with pytest.raises(ei.UsageError, match="of different kinds"):
        compare_codes(make_codes(30), make_item_codes(30))
    with pytest.raises(ei.UsageError, match="64 and 16 dimensions"):
        compare_codes(make_codes(30), make_codes(30, dims=16))
