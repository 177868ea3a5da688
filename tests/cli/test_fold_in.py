"""Folding items in, as a user types it: into a model, into an index, and how good that is."""

import json

import polars as pl

from ..support.command_line import run


def test_items_are_folded_into_a_model(log, tmp_path):
    log.pairs().write_csv(tmp_path / "log.csv")
    log.pairs().filter(pl.col("item_id") != "i3").write_csv(tmp_path / "before.csv")
    choices = ("--model", "slim", "--nnz", 4, "--neighbours", 20, "--regularisation", 5)
    run("train", tmp_path / "before.csv", "-o", tmp_path / "m", *choices)
    done = run("fold-in", tmp_path / "m", tmp_path / "log.csv", "-o", tmp_path / "next")
    assert "1 item folded in, 40 in all; " in done.stdout
    again = ("fold-in", tmp_path / "m", tmp_path / "log.csv", "-o", tmp_path / "m", "--overwrite")
    made = json.loads(run(*again, "--json").stdout)
    assert made["added"] == ["i3"]
    assert made["improved"]
    assert json.loads(run("diff", tmp_path / "m", tmp_path / "next", "--json").stdout)["changes"]["the same"] == 40
    run("build", tmp_path / "m", "-o", tmp_path / "i", "--no-segments")
    assert "i3" in run("search", tmp_path / "i", "--items", ",".join(made["improved"][:3]), "-k", 40).stdout
    assert "Every one of the log's 40 items has a code already" in run(*again, status=1).stderr


def test_items_are_folded_into_an_index_and_how_good_that_is_is_measured(log, tmp_path):
    timed = log.pairs().select("user_id", "item_id").with_row_index("time").with_columns(pl.col("time").hash(1) % 1000)
    late = pl.col("item_id").is_in(["i3", "i5", "i8"])
    timed = timed.with_columns(time=pl.when(late).then(650 + pl.col("time") // 3).otherwise(pl.col("time")))
    timed.write_csv(tmp_path / "log.csv")
    timed.filter(pl.col("item_id") != "i3").write_csv(tmp_path / "before.csv")
    run("train", tmp_path / "before.csv", "-o", tmp_path / "m", "--dims", 16, "--nnz", 4, "--epochs", 1)
    run("build", tmp_path / "m", "-o", tmp_path / "i", "--engine", "exact", "--no-segments")
    fold = ("fold-in", tmp_path / "i", tmp_path / "log.csv")
    assert "leave --out away" in run(*fold, "-o", tmp_path / "x", status=2).stderr
    assert "say where, --out" in run("fold-in", tmp_path / "m", tmp_path / "log.csv", status=2).stderr
    done = run(*fold, "--time-column", "time")
    assert "1 item folded in, 40 in all; 0 other codes changed" in done.stdout
    for way in ("folded in", "trained again", "left out", "popularity"):
        assert way in done.stdout
    run("delete", tmp_path / "i", "i3")
    made = json.loads(run(*fold, "--json").stdout)
    assert (made["added"], made["commit"], made["items"]) == (["i3"], 3, 40)
    assert "i3" in run("search", tmp_path / "i", "--items", "i1,i2", "-k", 38).stdout
