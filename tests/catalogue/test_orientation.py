"""Which way round an item–item model reads, measured on histories."""

import json

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array, save_npz

import elsa_index as ei
from elsa_index.catalogue.orientation import Orientations, compare_orientations

from ..support.command_line import run

ITEMS = 40


@pytest.fixture(scope="module")
def follows() -> tuple[ei.ItemCodes, list[list[str]]]:
    """Each item speaks for the next one alone, and histories hold runs of neighbours."""
    weights = np.zeros((ITEMS, ITEMS), dtype=np.float32)
    weights[np.arange(1, ITEMS), np.arange(ITEMS - 1)] = np.linspace(1, 2, ITEMS - 1)
    ids = ei.IdMap(f"i{row}" for row in range(ITEMS))
    histories = [[f"i{at}", f"i{at + 1}", "stranger"] for at in range(0, 30, 2)]
    return ei.ItemCodes(ids, csr_array(weights), history_codes="items"), histories


def test_a_hidden_item_is_found_by_what_speaks_for_it(follows):
    codes, histories = follows
    found = compare_orientations(codes, histories)
    assert found is not None
    assert found.histories == 15
    # Of two neighbours either the first or the second is hidden: one way finds the second, the other way the first.
    assert found.given + found.turned == 1
    assert 0 < found.given < 1
    turned = ei.ItemCodes(codes.ids, csr_array(codes.weights.T), history_codes="items")
    assert compare_orientations(turned, histories) == Orientations(found.turned, found.given, 15)


def test_ranks_are_those_of_a_dense_product(log):
    codes = ei.train(log, ei.SlimConfig(nnz=4, neighbours=8, regularisation=10))
    histories = [log.items.take(log.matrix[[user]].indices).tolist() for user in range(log.matrix.shape[0])]
    found = compare_orientations(codes, histories, seed=5)
    rng, weights, gains = np.random.default_rng(5), codes.weights.toarray().astype(float), []
    for history in histories:
        rows = np.sort(log.items.rows(history))
        hidden = rng.choice(rows)
        given = np.setdiff1d(rows, [hidden])
        scores = weights[:, given].sum(axis=1)
        scores[given] = -np.inf
        gains.append(1 / np.log2(2 + (scores > scores[hidden]).sum()) if scores[hidden] > 0 else 0)
    assert found is not None
    assert found.given == pytest.approx(np.mean(gains))
    assert found.given > 0.3


def test_without_two_known_items_there_is_nothing_to_measure(follows):
    codes, _ = follows
    assert compare_orientations(codes, [["i1"], ["x", "y"], []]) is None
    with pytest.raises(ei.UsageError, match="Only codes over items can be turned"):
        compare_orientations(ei.ItemCodes(codes.ids, csr_array(np.eye(ITEMS))), [])


def test_build_says_which_way_round_histories_speak_for(follows, tmp_path):
    codes, histories = follows
    save_npz(tmp_path / "m.npz", codes.weights)
    (tmp_path / "ids.txt").write_text("\n".join(codes.ids))
    pairs = [(str(user), item) for user, history in enumerate(histories) for item in history]
    pl.DataFrame(pairs, schema=["user_id", "item_id"], orient="row").write_csv(tmp_path / "h.csv")
    options = ("--item-ids", tmp_path / "ids.txt", "--history-codes", "items", "--histories", tmp_path / "h.csv")
    built = run("build", tmp_path / "m.npz", "-o", tmp_path / "i", "--json", "--no-segments", *options)
    assert json.loads(built.stdout)["items"] == ITEMS
    assert "an item hidden in each of 15 histories: nDCG@100 " in built.stderr
    assert "with --rows history" in built.stderr
