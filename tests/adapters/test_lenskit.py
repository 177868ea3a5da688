"""Our scorer in pipelines of LensKit: the same script, its batches and metrics."""

import pickle

import numpy as np
import pytest

import elsa_index as ei

from .support import required, taste_log

required("lenskit")

import pandas as pd  # noqa: E402
from lenskit import batch  # noqa: E402
from lenskit.basic import PopScorer  # noqa: E402
from lenskit.data import ItemList, from_interactions_df  # noqa: E402
from lenskit.metrics import NDCG, RunAnalysis  # noqa: E402
from lenskit.pipeline import topn_pipeline  # noqa: E402
from lenskit.splitting import SampleN, crossfold_users  # noqa: E402

from elsa_index.adapters.lenskit import ElsaScorer, ElsaScorerConfig  # noqa: E402

SLIM = ei.SlimConfig(nnz=4, neighbours=20, regularisation=5)


@pytest.fixture(scope="module")
def data():
    return from_interactions_df(taste_log(pd))


def scorer():
    return ElsaScorer(ElsaScorerConfig(training=SLIM))


def test_six_lines_of_a_script_for_lenskit_with_ours_in_their_place(data):
    found = {}
    for name, model in (("popular", PopScorer()), ("ours", scorer())):
        pipeline = topn_pipeline(model, n=3)
        pipeline.train(data)
        found[name] = pipeline.run("recommender", query="u3")
    assert len(found["ours"]) == len(found["popular"]) == 3
    items = found["ours"].ids()
    assert (items // 10 == 13).all()  # the fourth taste's
    assert not set(items.tolist()) & set(data.user_row("u3").ids().tolist())
    assert (np.diff(found["ours"].scores()) <= 0).all()


def test_scores_are_those_of_the_index_and_nan_for_strangers(data):
    model = scorer()
    model.train(data)
    history = data.user_row("u3")
    scored = model(history, ItemList([131, 101, 999]))
    index = model.recommender
    found = index.recommend(histories=[[str(item) for item in history.ids().tolist()]], k=40, keep_seen=True)
    expected = dict(zip(found["item_id"].to_list(), found["score"].to_list(), strict=True))
    np.testing.assert_allclose(scored.scores()[:2], [expected[131], expected[101]], rtol=1e-6)
    assert np.isnan(scored.scores()[2])
    assert np.isnan(model(ItemList([]), ItemList([131])).scores()).all()
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  # what LensKit sends to its workers
    np.testing.assert_array_equal(again(history, ItemList([131, 101])).scores(), scored.scores()[:2])


def test_an_experiment_finds_ours_better_than_popular_items(data):
    quality = {}
    for name, made in (("popular", PopScorer), ("ours", scorer)):
        values = []
        for split in crossfold_users(data, 3, SampleN(2), rng=1):
            pipeline = topn_pipeline(made(), n=10)
            pipeline.train(split.train)
            lists = batch.recommend(pipeline, split.test.keys(), n=10, n_jobs=1)
            run = RunAnalysis()
            run.add_metric(NDCG())
            values.append(float(run.measure(lists, split.test).list_summary().loc["NDCG", "mean"]))
        quality[name] = np.mean(values)
    assert quality["ours"] > quality["popular"]
