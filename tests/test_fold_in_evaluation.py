"""How good folding in is: what is asked, and that it tells good codes from bad ones."""

import numpy as np
import polars as pl
import pytest

import elsa_index as ei
from elsa_index.fold_in_evaluation import AGAIN, FOLDED, POPULARITY, WITHOUT, Case

from .support.catalogues import make_taste_log

CONFIG = ei.SlimConfig(nnz=4, neighbours=20, regularisation=5.0)


@pytest.fixture(scope="module")
def log():
    """Some of the items are new in the second half."""
    pairs = make_taste_log().pairs().select("user_id", "item_id")
    number = pairs["item_id"].str.slice(1).cast(pl.Int64).to_numpy()
    drawn = np.random.default_rng(4).random(pairs.height)
    times = pl.Series(np.where((number % 5 == 1) & (number > 8), 0.5 + drawn / 2, drawn))
    return ei.Interactions.from_pairs(pairs["user_id"], pairs["item_id"], times)


def test_new_items_are_asked_for_after_the_part_they_are_folded_in_from(log):
    case = Case.of(log, 0.4, 0.7)
    known, there = set(case.before.items), set(case.so_far.items)
    later = log.pairs().sort("time")[int(0.7 * log.matrix.nnz) :]
    assert case.of_new
    for history, hidden in case.of_new:
        assert set(history) <= known
        assert set(hidden) <= there - known
    of_all = {item for _, hidden in case.of_all for item in hidden}
    assert of_all & known
    assert of_all - known
    assert of_all <= there & set(later["item_id"])
    assert not any(set(history) & set(hidden) for history, hidden in (*case.of_new, *case.of_all))


@pytest.mark.parametrize("config", [CONFIG, ei.TrainingConfig(dims=16, nnz=4, epochs=2)])
def test_folded_in_beats_leaving_out_and_popularity_for_new_items(log, config):
    said: list[str] = []
    found = ei.fold_in_quality(log, config, 0.4, 0.7, said.append)
    new = {name: way.new.mean for name, way in found.ways.items()}
    assert new[WITHOUT] == 0
    assert new[FOLDED] > new[POPULARITY]
    assert len(said) == 4
    figures = found.to_json()
    assert figures["ndcg@100"][AGAIN]["all"]["mean"] == found.ways[AGAIN].all.mean
    assert figures["new_items"] == len(
        set(Case.of(log, 0.4, 0.7).so_far.items) - set(Case.of(log, 0.4, 0.7).before.items)
    )


def test_a_log_that_cannot_show_it_is_refused(log):
    with pytest.raises(ei.UsageError, match="pass --time-column"):
        ei.fold_in_quality(make_taste_log(), CONFIG)
    pairs = make_taste_log().pairs()
    nothing_new = ei.Interactions.from_pairs(
        pairs["user_id"], pairs["item_id"], pl.Series(np.random.default_rng(4).random(pairs.height))
    )
    with pytest.raises(ei.DataError, match="beside an older one; how good"):
        ei.fold_in_quality(nothing_new, CONFIG, 0.9, 0.95)
