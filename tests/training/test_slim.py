"""Codes over items: what the compiled loops find is what the formulas say, written here with dense matrices."""

import os
import signal
import threading
from typing import Any

import numpy as np
import polars as pl
import pytest

import elsa_index as ei
from elsa_index.codes.over_items import LEAST
from elsa_index.training.held_out import hold_out
from elsa_index.training.slim import blocks, fit, grams, memory
from elsa_index.training.slim.log import Log
from elsa_index.training.slim.selection import select
from elsa_index.training.slim.validation import mean_ndcg

from ..support.catalogues import make_taste_log

ITEMS, NEIGHBOURS, LAMBDA = 60, 20, 5.0


@pytest.fixture(scope="module")
def log():
    return make_taste_log()


def train(log, **values: Any) -> ei.ItemCodes:
    given = {"nnz": 4, "neighbours": NEIGHBOURS, "regularisation": LAMBDA}
    return ei.train(log, ei.SlimConfig(**(given | values)))


def expected(log, nnz: int, *, non_negative: bool = False, user_power: float = 0.25) -> np.ndarray:
    """The model's matrix of items x items, by its formulas."""
    x = log.matrix.toarray().astype(np.float64)
    counts = x.sum(axis=1) ** -user_power
    x *= np.sqrt(counts * x.sum() / (counts @ x.sum(axis=1)))[:, None]
    gram = x.T @ x
    saliency, support = np.zeros((ITEMS, ITEMS)), {}
    for item in range(ITEMS):
        cosines = np.where(gram[item] > 0, gram[item] / np.sqrt(np.diag(gram)), -1)
        cosines[item] = -1
        chosen = np.sort(np.argsort(-cosines, kind="stable")[:NEIGHBOURS])
        support[item] = chosen[cosines[chosen] > 0]
        inverse = np.linalg.inv(gram[np.ix_(support[item], support[item])] + LAMBDA * np.eye(len(support[item])))
        weights = inverse @ gram[support[item], item]
        if non_negative:
            weights = np.maximum(weights, 0)
        saliency[item, support[item]] = weights**2 / np.diag(inverse)
    ranked = saliency.copy()
    for item in range(ITEMS):
        best = np.argsort(-saliency[item])[: min(LEAST, nnz)]
        ranked[item, best] = np.where(saliency[item, best] > 0, np.inf, 0)
    kept = ranked >= np.sort(ranked.ravel())[::-1][ITEMS * nnz - 1]
    result = np.zeros((ITEMS, ITEMS))
    for item in range(ITEMS):
        rows = np.flatnonzero(kept[item] & (ranked[item] > 0))
        while len(rows):
            ridge = gram[np.ix_(rows, rows)] + LAMBDA / 2 * np.eye(len(rows))
            weights = np.linalg.solve(ridge, gram[rows, item])
            if not non_negative or (weights > 0).all():
                result[item, rows] = weights
                break
            rows = rows[weights > 0]
    return result


@pytest.mark.parametrize("choices", [
    {}, {"nnz": 1}, {"nnz": 9}, {"non_negative": True, "nnz": 9}, {"user_power": 0.0}, {"user_power": 1.0},
])  # fmt: skip
def test_codes_are_what_the_formulas_say(log, choices):
    codes = train(log, **choices)
    assert codes.history_kind == "items"
    np.testing.assert_allclose(codes.weights.toarray(), expected(log, **({"nnz": 4} | choices)), atol=2e-6)
    if choices.get("non_negative"):
        assert (codes.weights.data > 0).all()


def test_nnz_is_the_mean_and_every_item_that_has_neighbours_gets_some(log):
    codes = train(log, nnz=5)
    lengths = np.diff(codes.weights.indptr)
    assert lengths.sum() == 5 * ITEMS
    assert (lengths[:58] >= LEAST).all()
    assert lengths[58:].tolist() == [0, 0]
    assert lengths.max() > 2 * np.median(lengths[:58])


def test_equal_weights_do_not_all_pass_because_one_does():
    """A rare item's neighbours, all of one user, are worth the same: it gets no more than its share."""
    saliency = np.ones((50, 20), dtype=np.float32)
    saliency[:5] = 2
    kept = select(saliency, 4).kept
    assert kept.sum() == 200
    assert (kept.sum(axis=1) >= LEAST).all()
    assert kept[:2].all()
    assert kept[10].tolist() == [True] * LEAST + [False] * (20 - LEAST)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_and_blocks_change_nothing(log, threads, monkeypatch):
    whole = train(log)
    monkeypatch.setattr(blocks, "usable_processors", lambda: threads)
    monkeypatch.setattr(blocks, "ITEMS", 7)
    monkeypatch.setattr(grams, "LARGEST", 700)
    assert train(log).fingerprint == whole.fingerprint


def test_values_of_interactions_count(log):
    matrix = log.matrix.copy()
    matrix.data = np.random.default_rng(1).choice([0.5, 1.0, 2.0], matrix.nnz).astype(np.float32)
    given = Log.of(matrix, 0.0)
    x = matrix.toarray() / np.sqrt(np.square(matrix.data).mean())
    fitted = fit.Fit(given, ei.SlimConfig(nnz=4, neighbours=NEIGHBOURS))
    fitted.weigh([LAMBDA], threading.Event(), None)
    codes = fitted.codes(LAMBDA, threading.Event(), None)
    np.testing.assert_allclose(given.norms, np.linalg.norm(x, axis=0)[given.order], rtol=1e-6)
    row = codes[[3]].toarray()[0]
    rows = np.flatnonzero(row)
    ridge = (x.T @ x)[np.ix_(rows, rows)] + LAMBDA / 2 * np.eye(len(rows))
    np.testing.assert_allclose(row[rows], np.linalg.solve(ridge, (x.T @ x)[rows, 3]), atol=1e-5)


def test_auto_keeps_the_regularisation_that_ranks_validation_users_best(log):
    codes = train(log, regularisation="auto", validation_users=60)
    figures = {float(name): found for name, found in codes.origin["validation"]["ndcg@100 by regularisation"].items()}
    best = codes.origin["regularisation"]
    assert figures[best] == max(figures.values())
    assert {best / 2, best * 2} <= set(figures)
    rest, held = hold_out(log.matrix, 60, 42)
    left = ei.Interactions(ei.IdMap(map(str, range(rest.shape[0]))), log.items, rest)
    assert mean_ndcg(train(left, regularisation=best).weights, held) == pytest.approx(figures[best], abs=1e-6)
    np.testing.assert_array_equal(codes.weights.toarray(), train(log, regularisation=best).weights.toarray())


def test_popularity_multiplies_scores_and_histories(log):
    plain, popular = train(log), train(log, popularity=0.5, history_popularity=0.25)
    counts = log.item_counts
    relative = counts / np.exp(np.log(counts).mean())
    expected = plain.weights.toarray() * np.sqrt(relative)[:, None]
    np.testing.assert_allclose(popular.weights.toarray(), expected, rtol=1e-5)
    assert popular.history_weights is not None
    np.testing.assert_allclose(popular.history_weights, relative**0.25, rtol=1e-5)
    chosen = train(log, popularity="auto", validation_users=60)
    assert set(chosen.origin["popularity"]) == {"history", "output"}


@pytest.mark.parametrize("when", ["neighbours", "weights", "last fit"])
@pytest.mark.parametrize("regularisation", [LAMBDA, "auto"])
def test_a_run_that_was_stopped_goes_on_to_the_same_codes(log, when, regularisation, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "ITEMS", 8)
    monkeypatch.setattr(blocks, "usable_processors", lambda: 1)
    config = ei.SlimConfig(nnz=4, neighbours=NEIGHBOURS, regularisation=regularisation)
    whole = ei.train(log, config)

    stopped = []

    def stop(stage: str, done: int, total: int) -> None:
        if stage == when and not stopped:
            stopped.append(done)
            os.kill(os.getpid(), signal.SIGINT)

    path = tmp_path / "m.checkpoint"
    with pytest.raises(ei.TrainingInterrupted, match="--resume"):
        ei.train(log, config, on_stage=stop, checkpoint=path)
    with pytest.raises(ei.UsageError, match="nnz 4, this one has 5"):
        ei.train(log, config.model_copy(update={"nnz": 5}), checkpoint=path, resume=True)
    done = []
    again = ei.train(log, config, on_stage=lambda *at: done.append(at), checkpoint=path, resume=True)
    assert again.fingerprint == whole.fingerprint
    assert not [stage for stage, *_ in done if stage.startswith("λ")]  # what was chosen is not chosen again


def test_checkpoints_are_written_on_the_way(log, tmp_path):
    config = ei.SlimConfig(nnz=4, neighbours=NEIGHBOURS, regularisation=LAMBDA)
    ei.train(log, config, checkpoint=tmp_path / "c", checkpoint_seconds=0)
    assert (tmp_path / "c" / "checkpoint.json").exists()


@pytest.mark.parametrize(("values", "message"), [
    ({"nnz": 0}, "nnz: .* got 0"),
    ({"nnz": 21}, r"nnz must be at most neighbours \(20\), got 21"),
    ({"neighbours": 5000}, "neighbours: .* got 5000"),
    ({"regularisation": 0}, "regularisation: must be a number from 0.01 to 1,000,000.0, or auto, got 0"),
    ({"regularisation": "much"}, "regularisation: .* got 'much'"),
    ({"regularisation": float("nan")}, "regularisation"),
    ({"popularity": 3}, "popularity: must be a number from 0 to 2, or auto, got 3"),
    ({"user_power": -1}, "user_power: .* got -1"),
    ({"validation_users": 5}, "validation_users 5 needs something to choose"),
    ({"dims": 5}, "dims"),
])  # fmt: skip
def test_choices_out_of_range_are_named(log, values, message):
    with pytest.raises(ei.UsageError, match=message):
        train(log, **values)


def test_more_weights_than_pairs_of_items_are_refused(log):
    pairs = ei.Interactions.from_pairs(pl.Series(["a", "a", "b", "b", "c"]), pl.Series(list("xyxyz")))
    with pytest.raises(ei.DataError, match=r"of 3 items, 2 pairs .* fewer than one per item"):
        train(pairs)
    with pytest.raises(ei.UsageError, match=r"nnz must be at most 19 here, got 20: .* More neighbours give more"):
        train(log, nnz=20)


def test_users_of_one_item_are_nobody_to_choose_on():
    """Of a hundred users only five have two items: a tenth of all cannot be kept from training."""
    users = [f"u{user}" for user in range(100)] + [f"u{user}" for user in range(5)]
    items = ["a"] * 100 + ["b"] * 5
    few = ei.Interactions.from_pairs(pl.Series(users), pl.Series(items))
    assert train(few, nnz=1, regularisation="auto").origin["validation"]["users"] == 1


def test_what_a_block_left_behind_that_was_stopped_in_its_midst_is_not_taken_for_neighbours(log):
    config = ei.SlimConfig(nnz=4, neighbours=NEIGHBOURS)
    clean, torn = (fit.Fit(Log.of(log.matrix, 0.25), config) for _ in range(2))
    torn.at.neighbours[:, -1] = 5
    for one in (clean, torn):
        one.weigh([LAMBDA], threading.Event(), None)
    np.testing.assert_array_equal(torn.at.neighbours, clean.at.neighbours)


def test_a_log_where_no_two_items_occur_together_is_refused():
    alone = ei.Interactions.from_pairs(pl.Series(list("abc")), pl.Series(list("xyz")))
    with pytest.raises(ei.DataError, match="users has two items, so that nothing can be learnt: is the column"):
        train(alone)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_taken(log, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 1e8)
    with pytest.raises(ei.UsageError, match=r"needs about 0\.6 GB, and 0\.1 GB are free .*Use fewer --neighbours"):
        train(log)


def test_they_are_built_searched_and_explained(log, tmp_path):
    codes = train(log)
    codes.save(tmp_path / "m")
    with ei.Index.build(ei.load_codes(tmp_path / "m"), tmp_path / "i") as index:
        history = ["i00", "i04", "i08"]
        found = index.search([history], 5).rankings[0]
        assert found.proven
        own = expected(log, 4)[:, codes.ids.rows(history)].sum(axis=1)
        own[codes.ids.rows(history)] = -np.inf
        np.testing.assert_allclose(found.scores, np.sort(own)[::-1][:5], atol=1e-3)
        (why,) = index.explain(history, found.items[:1])
        assert {name for name, _ in why.history} == set(history)
