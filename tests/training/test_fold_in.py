"""Items that came after a training get the codes that a training of the whole log would have given them."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.training.slim.fold_in import fold_in

from ..support.catalogues import make_codes, make_taste_log

CONFIG = {"nnz": 4, "neighbours": 20, "regularisation": 5.0}


@pytest.fixture(scope="module")
def log():
    return make_taste_log()


def without(codes: ei.ItemCodes, names: list[str]) -> ei.ItemCodes:
    """What a training would have left that gave the others the same codes, but had never seen these items."""
    rows = np.flatnonzero([name not in names for name in codes.ids])
    shares = None if codes.history_weights is None else codes.history_weights[rows]
    return replace(
        codes, ids=ei.IdMap(codes.ids.take(rows)), weights=csr_array(codes.weights[rows][:, rows]),
        item_counts=codes.item_counts[rows], history_weights=shares, sample_histories=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "new", [["i07"], ["i00"], ["i03", "i21", "i40", "i55"], [f"i{at:02}" for at in range(0, 58, 3)]]
)
@pytest.mark.parametrize("choices", [{}, {"non_negative": True, "nnz": 8}, {"nnz": 2}])
def test_codes_are_those_of_a_training_of_the_whole_log(log, choices, new):
    whole = ei.train(log, ei.SlimConfig(**(CONFIG | choices)))
    found = fold_in(without(whole, new), log)
    assert [found.codes.ids[row] for row in found.added] == new
    order = found.codes.ids.rows(whole.ids)
    given = found.codes.weights[order][:, order]
    np.testing.assert_allclose(given.toarray(), whole.weights.toarray(), atol=1e-6)
    np.testing.assert_array_equal(found.codes.item_counts[order], whole.item_counts)
    spoken_for = {whole.ids[int(row)] for name in new for row in whole.weights[:, whole.ids.rows([name])].tocoo().row}
    assert {found.codes.ids[row] for row in found.improved} == spoken_for - set(new)


def test_popularity_counts_as_in_training(log):
    choices: dict[str, Any] = {"popularity": 0.3, "history_popularity": -0.2}
    whole = ei.train(log, ei.SlimConfig(**(CONFIG | choices)))
    before = without(whole, ["i07"])
    found = fold_in(before, log).codes
    row = found.ids.rows(["i07"])[0]
    counts = log.item_counts.astype(float)
    mean = np.exp(np.log(np.delete(counts, whole.ids.rows(["i07"]))).mean())
    relative = counts[whole.ids.rows(["i07"])[0]] / mean
    assert found.history_weights[row] == pytest.approx(relative**-0.2, rel=1e-6)
    plain = ei.train(log, ei.SlimConfig(**CONFIG))
    own = plain.weights[plain.ids.rows(["i07"])].toarray()[0]
    given = found.weights[found.ids.rows(["i07"])].toarray()[0][found.ids.rows(plain.ids)]
    np.testing.assert_allclose(given, own * relative**0.3, rtol=1e-5)


def test_an_item_that_occurs_with_no_other_has_no_code_yet(log):
    whole = ei.train(log, ei.SlimConfig(**CONFIG))
    found = fold_in(without(whole, ["i59"]), log)
    assert found.without_code.tolist() == found.added.tolist()
    assert len(found.improved) == 0


def test_twice_is_as_good_as_once(log):
    whole = ei.train(log, ei.SlimConfig(**CONFIG))
    pairs = log.pairs().filter(pl.col("item_id") != "i40")
    first = fold_in(
        without(whole, ["i07", "i40"]), ei.Interactions.from_pairs(pairs["user_id"], pairs["item_id"])
    ).codes
    assert first.origin["folded_in"] == 1
    second = fold_in(first, log).codes
    assert second.origin["folded_in"] == 2
    assert list(second.ids)[-2:] == ["i07", "i40"]
    with pytest.raises(ei.DataError, match="there is nothing new"):
        fold_in(second, log)


def test_what_cannot_be_folded_into_is_refused(log, codes):
    with pytest.raises(ei.UsageError, match="train --model slim made; these are of the model 'unknown'"):
        fold_in(make_codes(20), log)
    whole = ei.train(log, ei.SlimConfig(**CONFIG))
    older = replace(whole, origin={name: value for name, value in whole.origin.items() if name != "least_saliency"})
    with pytest.raises(ei.UsageError, match="train it again"):
        fold_in(older, log)
    with pytest.raises(ei.UsageError, match="The log must be an Interactions"):
        fold_in(whole, "log.csv")  # type: ignore[arg-type]
