"""What interactions count: by event, by column, by age; in logs, splits and histories."""

import numpy as np
import polars as pl
import pytest

import elsa_index as ei

DAY = 86_400.0
EVENTS = pl.DataFrame(
    {
        "user_id": ["u1", "u1", "u1", "u2", "u2"],
        "item_id": ["a", "a", "b", "a", "b"],
        "event": ["view", "buy", "view", "cart", "spam"],
        "time": [0.0, 2 * DAY, DAY, 4 * DAY, 3 * DAY],
    }
)
WEIGHTS = {"view": 1, "cart": 3, "buy": 10, "spam": 0}


def by_pair(log, values):
    pairs = log.pairs()
    return dict(zip(zip(pairs["user_id"], pairs["item_id"], strict=True), np.asarray(values).tolist(), strict=True))


@pytest.mark.parametrize("named", [{}, {"weight_column": "event"}])
def test_events_count_what_they_were_given_and_the_largest_of_them_stays(named):
    log = ei.read_interactions(EVENTS, weights=WEIGHTS, **named)
    assert by_pair(log, log.weights) == {("u1", "a"): 10, ("u1", "b"): 1, ("u2", "a"): 3}
    assert log.summary["dropped_by_weight"] == 1


def test_a_column_of_numbers_counts(tmp_path):
    (tmp_path / "l.csv").write_text("user_id,item_id,rating\nu1,a,4.5\nu1,b,2\nu2,a,1\nu2,b,0\n")
    log = ei.read_interactions(tmp_path / "l.csv", weight_column="rating")
    assert by_pair(log, log.weights) == {("u1", "a"): 4.5, ("u1", "b"): 2, ("u2", "a"): 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"view": 1, "buy": 10}}, "The log given: no weight was given for the event .* rows"),
        (
            {"weights": {"view": -1}},
            "The weight of 'view' must be 0, .* or a number from 1e-06 to 1,000,000, got -1",
        ),
        ({"weights": {"view": 1}, "weight_column": "kind"}, "has no column 'kind'"),
        ({"weight_column": "event"}, "row 1: event must be a finite number, got 'view'"),
        (
            {"weight_column": "user_id", "weights": {"u1": 1}},
            r"for the user_id 'u2' \(2 rows\); give it one, 0",
        ),
    ],
)
def test_weights_that_cannot_be_are_named(options, message):
    with pytest.raises((ei.DataError, ei.UsageError), match=message):
        ei.read_interactions(EVENTS, **options)
    with pytest.raises(ei.UsageError, match=r"no column of events.*--weight-column"):
        ei.read_interactions(EVENTS.drop("event"), weights={"view": 1})
    with pytest.raises(ei.DataError, match=r"row 2: rating must be 0, .* to 1,000,000, got '-1'"):
        ei.read_interactions(pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "rating": [1, -1]}),
                             weight_column="rating")  # fmt: skip


def test_ages_halve_what_was_seen_last_at_a_time():
    log = ei.read_interactions(EVENTS, time_column="time")
    assert by_pair(log, log.times)["u1", "a"] == 0
    left = {("u1", "a"): 0.25, ("u1", "b"): 0.125, ("u2", "a"): 1, ("u2", "b"): 0.5}
    found = by_pair(log, log.weighted(half_life=DAY).data)
    scale = np.sqrt(np.mean(np.square(list(left.values()))))
    assert found == pytest.approx({pair: value / scale for pair, value in left.items()})
    both = ei.read_interactions(EVENTS, time_column="time", weights=WEIGHTS)
    assert by_pair(both, both.weighted(half_life=DAY).data)["u1", "a"] == pytest.approx(
        by_pair(both, both.weighted(half_life=DAY).data)["u2", "a"] * 10 * 0.25 / 3
    )
    with pytest.raises(ei.UsageError, match=r"--time-column \(time_column\)"):
        ei.read_interactions(EVENTS).weighted(half_life=DAY)


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e9])
def test_times_in_smaller_units_are_told_by_their_size(factor):
    now = 1_700_000_000
    frame = pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "time": [int(now * factor), int((now + 60) * factor)]})
    log = ei.read_interactions(frame, time_column="time")
    assert log.times.tolist() == [now, now + 60]
    assert "seconds" in str(log.summary["notes"])
    digits = frame.with_columns(time=pl.Series([20240131100000, 20240131100100]))
    log = ei.read_interactions(digits, time_column="time")
    assert log.times[1] - log.times[0] == 60


@pytest.mark.parametrize("config", [ei.SlimConfig(nnz=4, neighbours=20, regularisation=5),
                                    ei.TrainingConfig(dims=32, nnz=4, epochs=2, batch_size=16)])  # fmt: skip
def test_a_half_life_trains_as_weights_of_the_same_size_do(log, config):
    half_life = 2.0
    aged = ei.train(log, type(config)(**config.model_dump() | {"half_life": half_life}))
    weights = pl.Series(np.exp2((log.times - log.times.max()) / half_life))
    weighed = ei.Interactions.from_pairs(log.pairs()["user_id"], log.pairs()["item_id"], weights=weights)
    same = ei.train(weighed, config)
    np.testing.assert_allclose(aged.weights.toarray(), same.weights.toarray(), atol=1e-6)
    assert aged.fingerprint != ei.train(log, config).fingerprint
    assert aged.origin["config"]["half_life"] == half_life


def test_spans_are_written_as_people_write_them():
    assert ei.SlimConfig(half_life="30d").half_life == 30 * DAY
    assert ei.TrainingConfig(half_life="1.5h").half_life == 5400
    for wrong in ("soon", "30 days ago", 0, -1, "0d", float("nan"), True):
        with pytest.raises(ei.UsageError, match=r"half_life: a span of time must be .* such as 30d"):
            ei.SlimConfig(half_life=wrong)


def test_a_split_keeps_what_is_known_and_tells_nothing_of_later(tmp_path):
    """Everybody comes back to item `a` after the moment: training and histories know the time before it alone."""
    rows = [(f"u{user}", item, 10.0 * user + at) for user in range(8) for at, item in enumerate("abc")]
    rows += [(f"u{user}", item, 100.0 + user) for user in range(8) for item in "ad"] + [("u9", "d", 1), ("u9", "a", 2)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "time"], orient="row")
    log = ei.read_interactions(frame.with_columns(weight=pl.lit(2.0)), time_column="time", weight_column="weight")
    split = ei.split(log, protocol="temporal", users=4, hide=0.25)
    moment = split.description["moment"]
    assert split.train.weighted(half_life=5).nnz
    assert split.train.latest is None
    assert np.max(split.histories["time"].to_numpy()) < moment
    split.save(tmp_path / "s")
    loaded = ei.Split.load(tmp_path / "s")
    assert loaded.histories.equals(split.histories)
    np.testing.assert_array_equal(loaded.train.times, split.train.times)
    np.testing.assert_array_equal(loaded.train.weights, split.train.weights)
    fold = loaded.fold(0, half_life=1)
    assert [max(own) for own in fold.weights] == [2.0] * 4
    assert sorted(fold.weights[0]) == [0.5, 1, 2]
    assert loaded.fold(0, weights=False).weights is None
    assert ei.read_interactions(tmp_path / "s" / "train.parquet").fingerprint == split.train.fingerprint


def test_a_saved_training_log_has_first_and_last_times(log, tmp_path):
    again = pl.concat([log.pairs(), log.pairs().with_columns(pl.col("time") + 50)])
    twice = ei.Interactions.from_pairs(again["user_id"], again["item_id"], again["time"])
    split = ei.split(twice, users=6)
    split.save(tmp_path / "s")
    loaded = ei.Split.load(tmp_path / "s").train
    assert loaded.times is not None
    np.testing.assert_array_equal(loaded.latest, loaded.times + 50)
    assert np.min(split.histories["time"].to_numpy()) >= 50


def test_histories_are_weighed_as_logs_are(tmp_path):
    EVENTS.with_columns(pl.col("time").cast(pl.Int64)).write_csv(tmp_path / "h.csv")
    read = ei.read_histories(tmp_path / "h.csv", time_column="time", half_life="1d", weights=WEIGHTS)
    assert read.items == [["a", "a", "b"], ["a"]]
    assert read.weights == [[0.25, 10, 0.5], [3]]
    assert ei.read_histories(EVENTS).weights is None
    with pytest.raises(ei.UsageError, match="A half-life needs times"):
        ei.read_histories(EVENTS, half_life="1d")


def test_evaluation_weighs_histories(log, tmp_path):
    split = ei.split(log, users=15)
    codes = ei.train(split.train, ei.SlimConfig(nnz=4, neighbours=20, regularisation=5))
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None) as index:
        plain, aged = (
            ei.evaluate(index, split, [5], folds=1, half_life=half_life).metrics for half_life in (None, 0.5)
        )
        assert plain["ndcg@5"].mean != aged["ndcg@5"].mean
        fold = split.fold(0, half_life=0.5)
        tops = index.search(fold.histories, 5, weights=fold.weights)
        hits = [
            len(set(ranking.items) & set(hidden)) for ranking, hidden in zip(tops.rankings, fold.hidden, strict=True)
        ]
        assert aged["plain_recall@5"].mean == pytest.approx(
            np.mean([found / len(hidden) for found, hidden in zip(hits, fold.hidden, strict=True)])
        )
    untimed = ei.split(ei.Interactions.from_pairs(log.pairs()["user_id"], log.pairs()["item_id"]), users=5)
    with pytest.raises(ei.UsageError, match="half-life needs times"):
        untimed.fold(0, half_life="1d")


@pytest.mark.parametrize("spread", [1e-6, 1e6])
def test_weights_far_from_each_other_train(log, spread):
    weights = pl.Series(np.where(np.arange(log.matrix.nnz) % 2, spread, 1.0))
    pairs = log.pairs()
    weighed = ei.Interactions.from_pairs(pairs["user_id"], pairs["item_id"], pairs["time"], weights=weights)
    codes = ei.train(weighed, ei.SlimConfig(nnz=4, neighbours=20, regularisation=5, half_life=1e-3))
    assert np.isfinite(codes.weights.data).all()
    for wrong in (1e-7, 1e7, -1, float("inf")):
        with pytest.raises(ei.UsageError, match=r"a number from 1e-06 to 1,000,000"):
            ei.read_interactions(EVENTS, weights={"view": wrong})
    frame = pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "rating": ["1", "1e300"]})
    with pytest.raises(ei.DataError, match=r"rating must be 0, .* to 1,000,000, got '1e300'"):
        ei.read_interactions(frame, weight_column="rating")


def test_what_counts_nothing_is_in_no_history():
    read = ei.read_histories(EVENTS.filter(pl.col("user_id") == "u2"), weights=WEIGHTS)
    assert (read.users, read.items, read.weights) == (["u2"], [["a"]], [[3.0]])


def test_a_temporal_split_tells_no_weight_of_later(tmp_path):
    """Everybody views item `a` before the moment and buys it afterwards: until then it is a view."""
    rows = [(f"u{user}", item, "view", 10.0 * user + at) for user in range(8) for at, item in enumerate("abc")]
    rows += [(f"u{user}", item, "buy", 1000.0 + user) for user in range(8) for item in "ad"]
    rows += [("u9", "d", "view", 1.0), ("u9", "a", "view", 2.0)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "event", "time"], orient="row")
    log = ei.read_interactions(frame, time_column="time", weights={"view": 1, "buy": 10})
    split = ei.split(log, protocol="temporal", users=4, hide=0.23)
    assert 80 < split.description["moment"] <= 1000
    for known in (split.train.pairs(), split.histories):
        assert set(known.filter(pl.col("item_id") == "a")["weight"]) == {1.0}
    again = ei.Interactions.from_table(log.pairs(last_times=True))
    np.testing.assert_array_equal(again.weights, log.weights)
    np.testing.assert_array_equal(again.first_weights, log.first_weights)
    bought = by_pair(log, log.weights)
    assert {bought[f"u{user}", "a"] for user in range(8)} == {10.0}


def test_only_chosen_rows_need_a_weight():
    frame = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [1, 2, 1], "event": ["buy", "view", "buy"],
                          "price": ["3", "", "4"], "country": ["US", "US", "DE"]})  # fmt: skip
    log = ei.read_interactions(frame, where={"event": ["buy"]}, weight_column="price")
    assert by_pair(log, log.weights) == {("1", "1"): 3, ("2", "1"): 4}
    log = ei.read_interactions(frame, where={"country": ["US"]}, weights={"view": 1, "buy": 10})
    assert by_pair(log, log.weights) == {("1", "1"): 10, ("1", "2"): 1}
