import numpy as np
import polars as pl
import pytest

import elsa_index as ei


def parts(split, fold=0):
    """user -> (history, hidden) of one fold."""
    table = {}
    for which, frame in enumerate((split.histories, split.hidden)):
        for user, item in frame.filter(pl.col("fold") == fold).select("user_id", "item_id").rows():
            table.setdefault(user, (set(), set()))[which].add(item)
    return table


def test_held_out_users_are_never_in_training_and_every_item_is_hidden_once(log):
    split = ei.split(log, users=10, folds=5)
    everything = {user: history | hidden for user, (history, hidden) in parts(split).items()}
    assert len(everything) == 10
    assert not set(everything) & set(split.train.users)
    for fold in range(5):
        for user, (history, hidden) in parts(split, fold).items():
            assert not history & hidden
            assert history | hidden == everything[user]
            assert len(hidden) == np.ceil(0.2 * len(everything[user]))
    for user, items in everything.items():
        assert set().union(*(parts(split, fold)[user][1] for fold in range(5))) == items


def test_temporal_training_sees_nothing_later_than_the_moment(log):
    split = ei.split(log, protocol="temporal", users=10)
    moment = split.description["moment"]
    assert split.train.times is not None
    assert np.max(split.train.times) < moment
    assert not set(split.hidden["user_id"]) & set(split.train.users)
    when = {(row["user_id"], row["item_id"]): row["time"] for row in log.pairs().to_dicts()}
    assert all(when[pair] >= moment for pair in split.hidden.select("user_id", "item_id").rows())
    assert all(when[pair] < moment for pair in split.histories.select("user_id", "item_id").rows())


def test_given_trains_on_the_rest(log):
    pairs = log.pairs().sample(50, seed=1)
    test = ei.Interactions.from_pairs(pairs["user_id"], pairs["item_id"])
    split = ei.split(log, protocol="given", test=test)
    assert split.train.matrix.nnz == log.matrix.nnz - 50
    assert set(split.hidden.select("user_id", "item_id").rows()) == set(pairs.select("user_id", "item_id").rows())


def test_saved_split_is_the_same(log, tmp_path):
    split = ei.split(log, users=5)
    split.save(tmp_path / "s")
    again = ei.Split.load(tmp_path / "s")
    assert again.train.fingerprint == split.train.fingerprint
    assert again.hidden.equals(split.hidden)
    with pytest.raises(ei.StorageError, match="pass --overwrite"):
        split.save(tmp_path / "s")


def test_a_changed_training_log_is_noticed(log, tmp_path):
    ei.split(log, users=5).save(tmp_path / "s")
    frame = pl.read_parquet(tmp_path / "s" / "train.parquet")
    frame.head(10).write_parquet(tmp_path / "s" / "train.parquet")
    with pytest.raises(ei.StorageError, match="not the log that this split was made with"):
        ei.Split.load(tmp_path / "s")


@pytest.mark.parametrize(("options", "message"), [
    ({"users": 60}, "choose at most 59"), ({"users": 0}, "users must be at least 1"), ({"hide": 1.0}, "hide must be"),
    ({"folds": 0}, "folds must be"), ({"protocol": "given"}, "needs a test log"),
    ({"protocol": "x"}, "protocol must be"),
])  # fmt: skip
def test_parameters_out_of_range_are_named(log, options, message):
    with pytest.raises(ei.UsageError, match=message):
        ei.split(log, **options)


def test_a_log_of_one_user_cannot_be_split():
    log = ei.read_interactions(pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"]}))
    with pytest.raises(ei.DataError, match="has one user, and at least one must be left for training: is the column"):
        ei.split(log)
