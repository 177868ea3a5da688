"""The Recommender: in memory, over the same code; and beside implicit, whose scripts look alike."""

import pickle
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

import elsa_index as ei

from .support.catalogues import make_taste_log

SLIM = ei.SlimConfig(nnz=4, neighbours=20, regularisation=5.0)
ELSA = ei.TrainingConfig(dims=32, nnz=4, epochs=2, device="cpu")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Users and items as integers."""
    pairs = make_taste_log().pairs().filter(pl.col("user_id").str.starts_with("u"))
    numbers = pairs.select(pl.all().str.slice(1).cast(pl.Int64))
    return pd.DataFrame(numbers.to_dict(as_series=False))


@pytest.fixture(scope="module", params=[SLIM, ELSA], ids=["slim", "elsa"])
def model(request, frame) -> ei.Recommender:
    return ei.Recommender(request.param).fit(frame)


def test_users_get_what_an_index_of_the_same_codes_gives_them(model, frame, tmp_path):
    found = model.recommend(k=5)
    assert found.schema == {"user_id": pl.Int64, "rank": pl.Int32, "item_id": pl.Int64, "score": pl.Float32}
    assert found["user_id"].n_unique() == frame["user_id"].nunique()
    own = set(zip(frame["user_id"], frame["item_id"], strict=True))
    assert not own & set(found.select("user_id", "item_id").rows())
    codes = ei.train(frame, model.config)
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None) as index:
        history = frame[frame["user_id"] == 3]["item_id"]
        expected = index.search([history], 5).rankings[0]
    one = model.recommend([3], k=5)
    assert one["item_id"].cast(pl.String).to_list() == expected.items
    assert one["score"].to_list() == expected.scores.tolist()
    again = model.recommend(histories=[history], k=5)
    assert again["item_id"].equals(one["item_id"])
    assert again["user_id"].unique().to_list() == [0]


def test_similar_items_are_not_the_item_itself(model):
    found = model.similar([4, 5], k=3)
    assert found.columns == ["item_id", "rank", "similar", "score"]
    assert found.schema["similar"] == pl.Int64
    assert (found["item_id"] != found["similar"]).all()
    with pytest.raises(ei.UnknownIdError, match="999"):
        model.similar([999])


def test_it_learns_on_from_a_log_that_grew(frame):
    model = ei.Recommender(SLIM).fit(frame[frame["item_id"] != 7])
    assert 7 not in model.recommend(k=20)["item_id"]
    model.partial_fit(frame)
    assert 7 in model.recommend(k=20)["item_id"]


def test_what_is_saved_answers_the_same(model, frame, tmp_path):
    model.save(tmp_path / "r")
    with pytest.raises(ei.StorageError, match="exists"):
        model.save(tmp_path / "r")
    loaded = ei.Recommender.load(tmp_path / "r")
    assert loaded.recommend(k=4).equals(model.recommend(k=4))
    assert type(loaded.config) is type(model.config)
    for name in ("String'", "__loader__"):
        about = (tmp_path / "r" / "recommender.json").read_text().replace('"Int64"', f'"{name}"')
        (tmp_path / "r" / "recommender.json").write_text(about)
        with pytest.raises(ei.StorageError, match="is damaged: ids are of the types"):
            ei.Recommender.load(tmp_path / "r")
        model.save(tmp_path / "r", overwrite=True)


def test_tags_and_exclusions_filter(frame):
    tags = [(str(item), "even") for item in range(0, 58, 2)]
    model = ei.Recommender(SLIM).fit(frame, tags=tags)
    found = model.recommend([1, 2], k=5, tags=["even"], exclude=[4])["item_id"]
    assert len(found)
    assert (found % 2 == 0).all()
    assert 4 not in found


def test_wrong_calls_are_one_sentence(model, tmp_path):
    with pytest.raises(ei.UsageError, match="knows nothing yet: fit it on a log first"):
        ei.Recommender().recommend([1])
    with pytest.raises(ei.DataError, match="The log has no user '12345'"):
        model.recommend([12345])
    with pytest.raises(ei.UsageError, match="a history for each of 2 users, got 1"):
        model.recommend([1, 2], histories=[["3"]])
    with pytest.raises(ei.UsageError, match="config must be a TrainingConfig"):
        ei.Recommender("slim")  # type: ignore[arg-type]
    with pytest.raises(ei.StorageError, match="is no saved Recommender"):
        ei.Recommender.load(tmp_path)


def test_nothing_is_left_on_disk(frame, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = ei.Recommender(SLIM).fit(frame)
    assert any(Path(tmp_path).iterdir())
    model.partial_fit(frame)
    assert len(list(tmp_path.iterdir())) == 1
    model.close()
    assert not list(tmp_path.iterdir())


def test_six_lines_of_a_script_for_implicit_with_ours_in_their_place(frame):
    """Both are fitted on a sparse matrix and asked for a user's items; both find the items of a user's taste."""
    from implicit.nearest_neighbours import CosineRecommender

    matrix = csr_matrix(ei.read_interactions(frame).matrix)
    theirs = CosineRecommender(K=20)
    theirs.fit(matrix, show_progress=False)
    ids, scores = theirs.recommend(3, matrix[3], N=5)

    ours = ei.Recommender(SLIM)
    ours.fit(matrix)
    found = ours.recommend([3], k=5)

    assert len(found) == len(ids) == len(scores) == 5
    assert len(set(found["item_id"].cast(pl.Int64).to_list()) & set(np.asarray(ids).tolist())) >= 2


def test_other_processes_get_what_save_writes(frame):
    tags = [(str(item), "even") for item in range(0, 58, 2)]
    model = ei.Recommender(SLIM).fit(frame, tags=tags)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    found, expected = (one.recommend([1, 2], k=4, tags=["even"]) for one in (again, model))
    assert found.equals(expected)
    assert again.config == SLIM
    empty = pickle.loads(pickle.dumps(ei.Recommender(SLIM, engine="faiss-flat")))  # noqa: S301
    assert (empty.config, empty.engine) == (SLIM, "faiss-flat")


def test_options_of_a_search_and_ages_are_heard(frame):
    timed = pl.DataFrame(frame).with_columns(time=pl.int_range(pl.len()).cast(pl.Float64))
    log = ei.read_interactions(timed, time_column="time")
    model = ei.Recommender(SLIM).fit(log)
    plain, aged = (model.recommend(k=9, half_life=half_life) for half_life in (None, 2))
    assert not plain["item_id"].equals(aged["item_id"])
    assert (
        model.recommend(["1"], k=3, offset=2)["item_id"].to_list()
        == model.recommend(["1"], k=5)["item_id"].to_list()[2:]
    )
    assert set(model.similar(["3"], k=2, only=["5", "7"])["similar"]) == {"5", "7"}
    with pytest.raises(ei.UsageError, match="half_life is for users of the log"):
        model.recommend(histories=[["3"]], half_life=2)
    with pytest.raises(ei.UsageError, match="needs a log with times"):
        ei.Recommender(SLIM).fit(frame).recommend([1], half_life=2)


def test_an_interrupt_keeps_what_there_is(frame, monkeypatch):
    model = ei.Recommender(SLIM).fit(frame)
    before = model.recommend([1, 2], k=4)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("elsa_index.recommender.train", interrupted)
    for again in (model.fit, model.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            again(frame.head(100))
        assert model.recommend([1, 2], k=4).equals(before)


@pytest.mark.parametrize("config", [SLIM, ei.TrainingConfig(dims=16, nnz=4, epochs=1, batch_size=64)])
def test_progress_is_shown_if_it_is_asked_for(frame, config, capsys):
    ei.Recommender(config).fit(frame)
    assert not capsys.readouterr().err
    ei.Recommender(config, progress=True).fit(frame)
    assert capsys.readouterr().err


def test_results_are_tables_of_pandas_too(frame, tmp_path):
    codes = ei.train(ei.read_interactions(frame), SLIM)
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None) as index:
        found = index.search([["3"], ["4"]], 2).to_pandas(["a", "b"])
    assert list(found.columns) == ["user_id", "rank", "item_id", "score"]
    assert list(found["user_id"]) == ["a", "a", "b", "b"]


def test_a_table_has_times_weights_tags_and_numbers(frame, tmp_path):
    timed = pl.DataFrame(frame).with_columns(time=pl.int_range(pl.len()), stars=pl.lit(2.0))
    items = timed["item_id"].unique().sort()
    known = pl.DataFrame({"item_id": items, "title": items.cast(pl.String), "price": items})
    tags = pl.DataFrame({"item_id": items[:20], "tag": ["new"] * 20})
    model = ei.Recommender(SLIM).fit(
        timed, time_column="time", weight_column="stars", tags=tags, metadata=known, numbers=["price"]
    )
    model.save(tmp_path / "r")
    for one in (model, ei.Recommender.load(tmp_path / "r")):
        found = one.recommend([1, 2], k=5, ranges={"price": (10, 30)}, half_life=5)
        assert found["item_id"].dtype == pl.Int64
        assert found["item_id"].is_between(10, 30).all()
        assert set(one.recommend([1], k=30, tags=["new"])["item_id"]) <= set(items[:20])
    with pytest.raises(ei.UsageError, match="weights go with histories"):
        model.recommend([1], weights=[[1.0]])
    users: Any
    for users in (1, "12"):
        with pytest.raises(ei.UsageError, match="is a sequence of names"):
            model.recommend(users)
        with pytest.raises(ei.UsageError, match="is a sequence of names"):
            model.similar(users)
    with pytest.raises(ei.UsageError, match="name columns of a table; the log is none"):
        model.fit(ei.read_interactions(frame), time_column="time")
    for wrong in ({"1": "new"}, [("1", "new", "x")], ["1n"]):
        with pytest.raises(ei.UsageError, match="Tags are pairs of item id and tag"):
            model.fit(frame, tags=wrong)
    assert len(model.recommend([1], k=2, tags=["new"]))  # as it was


def test_ids_that_are_held_as_floats_are_those_of_the_log(frame):
    numbered = frame.astype(float)
    model = ei.Recommender(SLIM).fit(numbered)
    by_log = model.recommend(numbered.user_id.unique(), 3)
    assert by_log.schema["user_id"] == by_log.schema["item_id"] == pl.Float64
    histories = numbered.groupby("user_id", sort=False).item_id.agg(list)
    assert model.recommend(histories.index, 3, histories=histories).equals(by_log)
    assert model.similar(numbered.item_id.unique()[:2], 2).height == 4


def test_metadata_that_is_no_table_is_told(frame, tmp_path):
    items = frame["item_id"].unique().tolist()
    with pytest.raises(ei.DataError, match=r"of one length, got \{'item_id': 2, 'title': 1\}"):
        ei.Recommender(SLIM).fit(frame, metadata={"item_id": items[:2], "title": ["a"]})
    with pytest.warns(ei.DataWarning, match="2 rows of the metadata are of items that it had described before"):
        model = ei.Recommender(SLIM).fit(frame, metadata={"item_id": [*items, *items[:2]],
                                                          "title": [*map(str, items), "x", "y"]})  # fmt: skip
    assert model.recommend(k=1).height


def test_a_fit_that_fails_leaves_what_was_learned(frame):
    known = frame.astype({"user_id": str, "item_id": str})
    model = ei.Recommender(SLIM).fit(known)
    before = model.recommend(k=2)
    with pytest.raises(ei.ElsaIndexError):
        model.fit(frame, tags=[("nobody", "x")])
    assert model.recommend(k=2).equals(before)


def test_metadata_of_any_type_is_saved(frame, tmp_path):
    items = frame["item_id"].unique()[:3]
    table = pd.DataFrame({
        "item_id": items, "title": ["a", "b", pd.NA], "out": pd.to_datetime(["2020-01-01", "2021-01-01", None]),
        "price": [Decimal("1.5"), Decimal(3), None], "raw": [b"x", b"y", b"z"],
    })  # fmt: skip
    model = ei.Recommender(SLIM).fit(frame, metadata=table, numbers=["out", "price"])
    model.save(tmp_path / "r")
    wanted: dict[str, Any] = {"ranges": {"out": ("2020-06-01", None), "price": (2, None)}, "keep_seen": True}
    of = model.recommend(k=3, **wanted)
    assert set(of["item_id"]) == {items[1]}
    loaded = ei.Recommender.load(tmp_path / "r")
    assert loaded.recommend(k=3, **wanted).equals(of)


def test_users_that_the_log_does_not_know_may_be_of_another_kind(frame):
    item = frame["item_id"].iloc[0]
    model = ei.Recommender(SLIM).fit(frame)
    assert set(model.recommend(["anon"], k=2, histories=[[item]])["user_id"]) == {"anon"}
    some = frame.astype({"user_id": "uint8"}) if frame["user_id"].max() < 256 else frame
    model = ei.Recommender(SLIM).fit(some)
    assert set(model.recommend([1000], k=2, histories=[[item]])["user_id"]) <= {1000, "1000"}


def test_columns_called_by_numbers_are_read(frame):
    numbered = frame[["user_id", "item_id"]].set_axis([0, 1], axis=1)
    model = ei.Recommender(SLIM).fit(numbered, user_column=0, item_column=1)
    assert model.recommend(k=1).schema["user_id"] == pl.Int64


@pytest.mark.parametrize("of", [lambda at: at + 0.5, lambda at: uuid.UUID(int=at)], ids=["fractions", "uuids"])
def test_ids_of_other_types_can_be_asked_for(of):
    pairs = [(of(at % 9), of(at % 5)) for at in range(40)]
    model = ei.Recommender(SLIM).fit(pd.DataFrame(pairs, columns=["user_id", "item_id"]))
    assert len(model.recommend([of(1)], k=2)) <= 2
    assert len(model.similar([of(2)], k=2))
    assert len(model.recommend(histories=[[of(2)]], k=2))
