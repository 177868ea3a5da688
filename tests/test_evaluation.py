import numpy as np
import pytest
import pytrec_eval

import elsa_index as ei


@pytest.fixture(scope="module")
def trained(log, tmp_path_factory):
    split = ei.split(log, users=15, folds=3)
    codes = ei.train(split.train, ei.TrainingConfig(dims=32, nnz=4, epochs=3, batch_size=16))
    index = ei.Index.build(codes, tmp_path_factory.mktemp("e") / "i", engine="lucene")
    return index, split


def test_metrics_agree_with_trec_eval(trained):
    index, split = trained
    found = ei.evaluate(index, split, (5, 20), folds=1)
    hidden = split.hidden.filter(split.hidden["fold"] == 0).group_by("user_id", maintain_order=True).agg("item_id")
    histories = split.histories.filter(split.histories["fold"] == 0).group_by("user_id").agg("item_id")
    asked = dict(histories.rows())
    relevant = {user: dict.fromkeys(items, 1) for user, items in hidden.rows()}
    result = index.search([asked[user] for user in relevant], 20)
    run = {
        user: {name: float(20 - rank) for rank, name in enumerate(ids) if name is not None}
        for user, ids in zip(relevant, result.ids, strict=True)
    }
    theirs = pytrec_eval.RelevanceEvaluator(relevant, {"ndcg_cut.5,20", "recall.5,20"}).evaluate(run)
    for k in (5, 20):
        for ours, name in (("ndcg", "ndcg_cut"), ("plain_recall", "recall")):
            expected = np.mean([values[f"{name}_{k}"] for values in theirs.values()])
            assert found.metrics[f"{ours}@{k}"].mean == pytest.approx(expected, abs=1e-9)
        capped = [
            values[f"recall_{k}"] * len(relevant[user]) / min(k, len(relevant[user])) for user, values in theirs.items()
        ]
        assert found.metrics[f"recall@{k}"].mean == pytest.approx(np.mean(capped), abs=1e-9)


def test_intervals_hold_the_mean_and_coverage_is_a_share(trained):
    index, split = trained
    found = ei.evaluate(index, split, (5,))
    for metric in found.metrics.values():
        assert metric.low <= metric.mean <= metric.high
        assert len(metric.values) == 15
    assert 0 < found.coverage["coverage@5"] <= 1
    assert found.folds == 3


def test_an_index_trained_on_the_evaluated_users_is_refused(log, trained, tmp_path):
    _, split = trained
    codes = ei.train(log, ei.TrainingConfig(dims=8, nnz=2, epochs=1))
    with (
        ei.Index.build(codes, tmp_path / "i", engine="exact") as index,
        pytest.raises(ei.DataError, match="trained on another log"),
    ):
        ei.evaluate(index, split)


def test_random_codes_are_worse_than_trained_ones(trained, tmp_path):
    index, split = trained
    rng = np.random.default_rng(0)
    random = ei.ItemCodes(index.ids, rng.normal(size=(len(index), 8)))
    with ei.Index.build(random, tmp_path / "i", engine="exact") as other:
        assert (
            ei.evaluate(index, split, (5,)).metrics["ndcg@5"].mean
            > ei.evaluate(other, split, (5,)).metrics["ndcg@5"].high
        )
