"""Items that came after a training get the codes that a training of the whole log would have given them."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.training.fold_in import fold_in

from ..support.catalogues import make_taste_log, without_items

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
    before = without(whole, ["i59"])
    found = fold_in(before, log)
    assert found.without_code == ["i59"]
    assert (found.codes, len(found.added), len(found.improved)) == (before, 0, 0)


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


def elsa_codes(log, **choices: Any) -> ei.ItemCodes:
    return ei.train(log, ei.TrainingConfig(dims=16, nnz=4, epochs=2, **choices))


@pytest.mark.parametrize("choices", [{}, {"budgets": "even", "popularity": 0.0}, {"history_popularity": -0.3}])
def test_the_code_of_a_new_item_is_the_best_of_its_budget(log, choices):
    """Of norm 1 and as many nonzeros, none has larger cosines with the histories of its users, taken together."""
    new = ["i03", "i21", "i40"]
    before = elsa_codes(without_items(log, new), **choices)
    found = fold_in(before, log)
    codes = found.codes
    assert [codes.ids[row] for row in found.added] == new
    assert (codes.weights[: len(before.ids)] != before.weights).nnz == 0
    assert codes.space == before.space
    rows = np.arange(len(before.ids))
    np.testing.assert_array_equal(codes.history_weights_of(rows), before.history_weights_of(rows))
    weights = before.weights.toarray() * before.history_weights_of(rows)[:, None]
    sizes = np.diff(before.weights.indptr)
    for row in found.added:
        name = codes.ids[row]
        histories = []
        for items in log.pairs().group_by("user_id").agg("item_id")["item_id"].to_list():
            own = [item for item in items if item in before.ids]
            if name in items and own:
                history = weights[before.ids.rows(own)].sum(axis=0)
                histories.append(history / np.linalg.norm(history))
        total = np.sum(histories, axis=0)
        given = codes.weights[[row]].toarray()[0]
        kept = np.flatnonzero(given)
        assert sizes.min() <= len(kept) <= sizes.max()
        assert set(kept) == set(np.argsort(-np.abs(total))[: len(kept)])
        cosine = given[kept] @ total[kept] / np.linalg.norm(given) / np.linalg.norm(total[kept])
        assert cosine == pytest.approx(1, abs=1e-6)
        brought = given * codes.history_weights_of(np.array([row]))[0]
        assert codes.item_counts is not None
        assert before.item_counts is not None
        relative = codes.item_counts[row] / np.exp(np.log(before.item_counts).mean())
        assert np.linalg.norm(brought) == pytest.approx(relative ** choices.get("history_popularity", 0.0), rel=1e-5)


def test_new_items_score_for_those_who_have_them_what_old_ones_do(log):
    new = [f"i{at:02}" for at in range(0, 58, 5)]
    before = elsa_codes(without_items(log, new), popularity=0.0)
    codes = fold_in(before, log).codes
    unit, plain = before.weights.toarray(), codes.weights.toarray()
    scores: dict[str, list[float]] = {}
    for items in log.pairs().group_by("user_id").agg("item_id")["item_id"].to_list():
        history = unit[before.ids.rows([item for item in items if item in before.ids])].sum(axis=0)
        for item in items if history.any() else []:
            row = codes.ids.rows([item])[0]
            itself = 0.0 if item in new else unit[row] @ unit[row]
            scores.setdefault(item, []).append((history @ plain[row] - itself) / np.linalg.norm(history))
    means = {item: np.mean(values) for item, values in scores.items()}
    old = np.mean([mean for item, mean in means.items() if item in before.ids])
    assert old > 0
    assert np.mean([means[item] for item in new]) == pytest.approx(old, rel=1e-4)


def test_new_items_that_nobody_has_beside_a_known_one_are_left_out(log):
    before = elsa_codes(without_items(log, ["i03"]))
    pairs = log.pairs().select("user_id", "item_id")
    alone = pl.DataFrame({"user_id": ["x", "x"], "item_id": ["alone", "too"]})
    both = pl.concat([pairs, alone])
    found = fold_in(before, ei.Interactions.from_pairs(both["user_id"], both["item_id"]))
    assert found.without_code == ["alone", "too"]
    assert list(found.codes.ids)[-1] == "i03"
    found = fold_in(before, ei.Interactions.from_pairs(alone["user_id"], alone["item_id"]))
    assert (found.codes, len(found.added), found.without_code) == (before, 0, ["alone", "too"])


def test_an_item_comes_when_somebody_has_it_beside_another(log):
    """Two logs, one after the other, end as both at once."""
    pairs = log.pairs().select("user_id", "item_id")
    beside = pl.DataFrame({"user_id": [f"u{at:03}" for at in range(12)], "item_id": ["i59"] * 12})
    both = pl.concat([pairs, beside])
    later = ei.Interactions.from_pairs(both["user_id"], both["item_id"])
    before = without(ei.train(log, ei.SlimConfig(**CONFIG)), ["i59"])
    found, at_once = fold_in(fold_in(before, log).codes, later), fold_in(before, later)
    assert found.codes.ids.take(found.added).tolist() == ["i59"]
    assert (found.codes.weights != at_once.codes.weights).nnz == 0


def test_what_cannot_be_folded_into_is_refused(log):
    imported = ei.ItemCodes(log.items, csr_array(np.eye(len(log.items)) * 0.5 + 0.1), history_codes="items")
    with pytest.raises(ei.UsageError, match="train --model slim made; these are of the model 'unknown'"):
        fold_in(imported, log)
    towers = replace(imported, history_codes=csr_array(np.eye(len(log.items))))
    with pytest.raises(ei.UsageError, match="bring codes of their own"):
        fold_in(towers, log)
    whole = ei.train(log, ei.SlimConfig(**CONFIG))
    older = replace(whole, origin={name: value for name, value in whole.origin.items() if name != "least_saliency"})
    with pytest.raises(ei.UsageError, match="train it again"):
        fold_in(older, log)
    with pytest.raises(ei.UsageError, match="The log must be an Interactions"):
        fold_in(whole, "log.csv")
