"""A training that goes on from yesterday's codes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.codes.difference import compare_codes
from elsa_index.data.interactions import Interactions
from elsa_index.fold_in_evaluation import ndcg_of
from elsa_index.training.settled import settled

from ..support.catalogues import make_taste_log, without_items

ELSA = ei.TrainingConfig(dims=64, nnz=4, epochs=3, device="cpu")
SLIM = ei.SlimConfig(nnz=4, neighbours=20)


@pytest.fixture(scope="module")
def today() -> Interactions:
    return make_taste_log()


@pytest.fixture(scope="module")
def yesterday(today) -> Interactions:
    """Without the last tenth of the users and without two items."""
    frame = without_items(today, ["i07", "i21"]).pairs()
    users = frame["user_id"].unique(maintain_order=True).to_list()
    kept = frame.filter(frame["user_id"].is_in(users[: 9 * len(users) // 10]))
    return Interactions.from_pairs(kept["user_id"], kept["item_id"])


@pytest.fixture(scope="module", params=[ELSA, SLIM], ids=["elsa", "slim"])
def init(request, yesterday) -> ei.ItemCodes:
    return ei.train(yesterday, request.param)


def test_all_items_of_the_log_have_codes_that_go_with_those_before(init, today, tmp_path):
    codes = ei.train(today, init=init)
    assert sorted(codes.ids) == sorted(today.items)
    if codes.history_kind == "same":
        assert (np.diff(codes.weights.indptr) > 0).all()
    assert codes.origin["config"]["nnz"] == 4
    with ei.Index.build(init, tmp_path / "i", engine="exact", segments=None):
        pass
    done = ei.upsert(tmp_path / "i", codes)
    assert done.added == 2
    assert done.replaced == len(init.ids) - codes.origin["settled"]


def test_codes_that_hardly_moved_stay_and_the_others_are_of_today(init, today):
    free = ei.train(today, init=init, tolerance=0)
    codes = ei.train(today, init=init, tolerance=0.2)
    moved = compare_codes(init, free)
    change = np.maximum(moved.code_change, moved.history_change)
    stay = codes.ids.names_of(moved.kept[change <= 0.2])
    assert 0 < len(stay) == codes.origin["settled"]
    for name in codes.ids:
        source = init if name in stay else free
        weights = codes.weights[codes.ids.rows([name])].toarray().ravel()
        expected = source.weights[source.ids.rows([name])].toarray().ravel()
        if codes.history_kind == "items":
            by_name = dict(zip(source.ids, expected, strict=True))
            expected = np.array([by_name.get(other, 0) for other in codes.ids], np.float32)
        np.testing.assert_array_equal(weights, expected)


def test_few_epochs_are_trained_and_most_weights_stay_where_they_were(yesterday, today):
    init, reports = ei.train(yesterday, ELSA), []
    codes = ei.train(today, init=init, on_epoch=reports.append, tolerance=0)
    assert [report.nonzeros for report in reports] == [16, 4, 4]
    rows = init.ids.find(codes.ids)
    there = np.flatnonzero(rows >= 0)
    before, after = (part.toarray() != 0 for part in (init.weights[rows[there]], codes.weights[there]))
    again = ei.train(today, ELSA)
    anew = again.weights[again.ids.rows(codes.ids.names_of(there))].toarray() != 0
    assert np.count_nonzero(before & after) > 2 * np.count_nonzero(before & anew)
    assert codes.space == init.space


def test_the_regularisation_that_was_found_is_taken(yesterday, today):
    init = ei.train(yesterday, SLIM)
    codes = ei.train(today, init=init, tolerance=0)
    again = ei.train(today, SLIM.model_copy(update={"regularisation": init.origin["regularisation"]}))
    np.testing.assert_array_equal(codes.weights.toarray(), again.weights.toarray())
    assert "validation" not in codes.origin


@pytest.mark.parametrize("config", [ELSA, SLIM], ids=["elsa", "slim"])
def test_it_gains_most_of_what_training_again_gains(today, config):
    """For users that no training saw."""
    frame = today.pairs()
    users = frame["user_id"].unique(maintain_order=True).to_list()
    logs = [frame.filter(frame["user_id"].is_in(part)) for part in (users[:15], users[: len(users) // 2])]
    first, more = (Interactions.from_pairs(part["user_id"], part["item_id"]) for part in logs)
    rest = frame.filter(frame["user_id"].is_in(users[len(users) // 2 :]))
    asked = [(items[2:].to_list(), items[:2].to_list()) for items in rest.group_by("user_id").agg("item_id")["item_id"]]
    init = ei.train(first, config)
    before, after, again = (
        ndcg_of(codes, asked).mean() for codes in (init, ei.train(more, init=init), ei.train(more, config))
    )
    assert after - before > 0.7 * (again - before) > 0


def test_an_interrupted_one_goes_on_to_the_same_codes(yesterday, today, tmp_path):
    init, state = ei.train(yesterday, ELSA), tmp_path / "state"
    whole = ei.train(today, init=init)
    ei.train(today, init=init, checkpoint=state, checkpoint_seconds=0)
    resumed = ei.train(today, init=init, checkpoint=state, resume=True)
    np.testing.assert_array_equal(whole.weights.toarray(), resumed.weights.toarray())
    other = ei.train(yesterday, ELSA.model_copy(update={"seed": 1}))
    with pytest.raises(ei.UsageError, match="is of a training with init"):
        ei.train(today, init=other, checkpoint=state, resume=True)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ei.TrainingConfig(dims=32, nnz=4), r"of 32 dimensions cannot go on from codes of 64 dimensions"),
        (SLIM, "A training of SLIM cannot go on from codes of the model 'Compressed ELSA'"),
        (ei.TrainingConfig(dims=64, dense=True), "A training of ELSA cannot go on from"),
        (ELSA.model_copy(update={"validation_users": 5}), "validation_users 5 cannot be kept from codes"),
    ],
)
def test_what_cannot_go_on_is_refused(yesterday, today, config, message):
    with pytest.raises(ei.UsageError, match=message):
        ei.train(today, config, init=ei.train(yesterday, ELSA))


def test_tolerances_that_make_no_sense_are_refused(yesterday, today):
    init = ei.train(yesterday, SLIM)
    for tolerance in (-0.1, 1.5, float("nan")):
        with pytest.raises(ei.UsageError, match="tolerance must be"):
            ei.train(today, init=init, tolerance=tolerance)
    with pytest.raises(ei.UsageError, match="do not say how they were trained"):
        ei.train(today, init=replace(init, origin={}))


def test_what_refers_to_items_that_are_gone_is_left_out():
    before = ei.ItemCodes(ei.IdMap("abc"), csr_array([[0, 1.0, 0.01], [1.0, 0, 0], [0, 1.0, 0]]), history_codes="items")
    now = ei.ItemCodes(ei.IdMap("ba"), csr_array([[0, 1.0], [1.0, 0]]), history_codes="items")
    found = settled(now, before, 0.1)
    assert found.weights.toarray().tolist() == [[0, 1], [1, 0]]
    assert found.origin["settled"] == 2
