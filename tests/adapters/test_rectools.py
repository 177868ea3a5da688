"""Our model among those of RecTools: the same script, its metrics, cross-validation and files."""

import numpy as np
import pytest

import elsa_index as ei

from .support import required, taste_log

required("rectools")

import pandas as pd  # noqa: E402
from rectools import Columns  # noqa: E402
from rectools.dataset import Dataset  # noqa: E402
from rectools.metrics import NDCG, calc_metrics  # noqa: E402
from rectools.model_selection import TimeRangeSplitter, cross_validate  # noqa: E402
from rectools.models import PopularModel  # noqa: E402

from elsa_index.adapters.rectools import ElsaModel  # noqa: E402

SLIM = ei.SlimConfig(nnz=4, neighbours=20, regularisation=5)


@pytest.fixture(scope="module")
def frame():
    log = taste_log(pd)
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(log)) % 7, unit="D")
    return log.assign(weight=1.0, datetime=when)


def test_six_lines_of_a_script_for_rectools_with_ours_in_their_place(frame):
    dataset = Dataset.construct(frame)
    found = {}
    for model in (PopularModel(), ElsaModel(SLIM)):
        model.fit(dataset)
        found[type(model)] = model.recommend(users=["u3", "u4"], dataset=dataset, k=3, filter_viewed=True)
    theirs, ours = found[PopularModel], found[ElsaModel]
    assert list(ours.columns) == list(theirs.columns)
    assert ours[Columns.Item].dtype == theirs[Columns.Item].dtype
    assert list(ours[Columns.User]) == ["u3"] * 3 + ["u4"] * 3
    assert list(ours[Columns.Rank]) == [1, 2, 3] * 2
    assert (ours[Columns.Item][:3] // 10 == 13).all()  # the fourth taste's
    seen = frame[frame.user_id == "u3"].item_id
    assert not set(ours[Columns.Item][:3]) & set(seen)


def test_seen_items_white_lists_and_similar_items(frame):
    dataset = Dataset.construct(frame)
    model = ElsaModel(SLIM).fit(dataset)
    whole = model.recommend(users=["u3"], dataset=dataset, k=40, filter_viewed=False)
    assert set(frame[frame.user_id == "u3"].item_id) <= set(whole[Columns.Item])
    some = [101, 102, 131]
    few = model.recommend(users=["u3"], dataset=dataset, k=40, filter_viewed=False, items_to_recommend=some)
    assert set(few[Columns.Item]) == set(some)
    alike = model.recommend_to_items(target_items=[101], dataset=dataset, k=3)
    assert list(alike[Columns.TargetItem]) == [101] * 3
    assert 101 not in set(alike[Columns.Item])
    assert (alike[Columns.Item] // 10 == 10).all()
    with pytest.raises(ValueError, match="cold"):
        model.recommend(users=["nobody"], dataset=dataset, k=3, filter_viewed=True)


def test_cross_validation_finds_ours_better_than_popular_items(frame):
    found = cross_validate(
        dataset=Dataset.construct(frame), splitter=TimeRangeSplitter("1D", n_splits=2),
        metrics={"ndcg": NDCG(k=10)}, models={"popular": PopularModel(), "elsa": ElsaModel(SLIM)}, k=10,
        filter_viewed=True,
    )  # fmt: skip
    by_model = {name: [] for name in ("popular", "elsa")}
    for row in found["metrics"]:
        by_model[row["model"]].append(row["ndcg"])
    assert min(by_model["elsa"]) > max(by_model["popular"])


def test_a_saved_model_recommends_the_same_and_partial_fits_go_on(frame, tmp_path):
    dataset = Dataset.construct(frame)
    model = ElsaModel(SLIM).fit(dataset)
    asked = {"users": ["u3", "u7"], "dataset": dataset, "k": 5, "filter_viewed": True}
    before = model.recommend(**asked)
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(ElsaModel.load(tmp_path / "model").recommend(**asked), before)
    again = model.fit_partial(Dataset.construct(frame.iloc[::-1])).recommend(**asked)
    assert calc_metrics({"ndcg": NDCG(k=5)}, again, frame)["ndcg"] == 0  # still nothing that was seen
    assert model.recommender.config == SLIM
