"""What interactions count, as a user types it: in training, histories and evaluation."""

import json

import polars as pl

import elsa_index as ei

from ..support.command_line import run


def test_events_and_ages_count_in_training_histories_and_evaluation(log, tmp_path):
    timed = (
        log.pairs()
        .with_row_index("n")
        .with_columns(event=pl.when(pl.col("n") % 3 == 0).then(pl.lit("buy")).otherwise(pl.lit("view")))
    )
    timed.drop("n").write_csv(tmp_path / "log.csv")
    slim = ("--model", "slim", "--nnz", 4, "--neighbours", 20, "--regularisation", 5)
    given = ("--time-column", "time", "--weight", "view=1,buy=5")
    hint = run("train", tmp_path / "log.csv", "-o", tmp_path / "m", *slim, "--overwrite").stderr
    assert "all kinds of event count alike (view 280, buy 140" in hint
    run("split", tmp_path / "log.csv", "-o", tmp_path / "s", "--users", 10, "--folds", 2, *given)
    ages = ("--time-column", "time", "--half-life", "3s")
    trained = ("train", tmp_path / "s" / "train.parquet", "-o", tmp_path / "aged", *slim)
    made = json.loads(run(*trained, *ages, "--weight-column", "weight", "--json").stdout)
    assert made["config"]["half_life"] == 3
    run("build", tmp_path / "aged", "-o", tmp_path / "i", "--engine", "exact", "--no-segments")
    found = {
        options: json.loads(run("evaluate", tmp_path / "i", tmp_path / "s", "-k", 5, *options, "--json").stdout)
        for options in ((), ("--half-life", "1s"), ("--no-weights",))
    }
    assert len({made["metrics"]["ndcg@5"]["mean"] for made in found.values()}) == 3
    asked = ("search", tmp_path / "i", "--histories", tmp_path / "log.csv", "-k", 3, "--json")
    answers = json.loads(run(*asked, *given, "--half-life", "1s").stdout)["results"]
    read = ei.read_histories(tmp_path / "log.csv", time_column="time", half_life=1, weights={"view": 1, "buy": 5})
    with ei.Index.open(tmp_path / "i") as index:
        expected = index.search(read.items, 3, weights=read.weights)
    assert [[item["item_id"] for item in one["items"]] for one in answers] == [r.items for r in expected.rankings]
    assert answers != json.loads(run(*asked).stdout)["results"]


def test_what_cannot_be_weighed_is_told(log, tmp_path):
    log.pairs().write_csv(tmp_path / "log.csv")
    train = ("train", tmp_path / "log.csv", "-o", tmp_path / "m", "--model", "slim")
    assert "pass --time-column" in run(*train, "--half-life", "3d", status=2).stderr
    assert "such as 30d or 12h" in run(*train, "--half-life", "a month", status=2).stderr
    assert "for example view=1,buy=10; got 'view'" in run(*train, "--weight", "view", status=2).stderr
    assert "has no column of events" in run(*train, "--weight", "view=1", status=2).stderr
    assert not (tmp_path / "m").exists()
    assert (
        "--half-life, --seen-after, --weight and --weight-column are for --histories"
        in run("search", tmp_path, "--items", "a", "--half-life", "3d", status=2).stderr
    )
