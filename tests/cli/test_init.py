"""train --init, as a user types it."""

import json

import polars as pl

from ..support.command_line import run


def test_training_goes_on_from_yesterdays_model_and_an_index_takes_what_changed(log, tmp_path):
    log.pairs().write_csv(tmp_path / "today.csv")
    log.pairs().filter(pl.col("item_id") != "i3").write_csv(tmp_path / "yesterday.csv")
    run("train", tmp_path / "yesterday.csv", "-o", tmp_path / "m", "--dims", 16, "--nnz", 4, "--epochs", 2)
    run("build", tmp_path / "m", "-o", tmp_path / "i", "--engine", "exact", "--no-segments")
    on = ("train", tmp_path / "today.csv", "--init", tmp_path / "m")
    done = run(*on, "-o", tmp_path / "next", "--tolerance", 0.5)
    assert "epoch 2/2" in done.stderr
    assert f"codes are those of {tmp_path / 'm'}: they moved by 0.5 or less" in done.stderr
    changed = json.loads(run("upsert", tmp_path / "i", tmp_path / "next", "--json").stdout)
    assert changed["added"] == 1
    anew = json.loads(run(*on, "-o", tmp_path / "more", "--epochs", 10, "--json").stdout)
    assert (anew["config"]["dims"], anew["config"]["epochs"], anew["epochs"]) == (16, 10, 7)
    for options, message in (
        (("--model", "slim"), "--init is a model of --model elsa, and --model slim was asked for"),
        (("--neighbours", 5), "--neighbours is for --model slim; the model is elsa"),
        (("--paper",), "--paper is for a training from nothing"),
        (("--dims", 32), "cannot go on from codes of 16 dimensions"),
        (("--tolerance", 2), "tolerance must be from 0 to 1, got 2"),
    ):
        assert message in run(*on, "-o", tmp_path / "x", *options, status=2).stderr
        assert not (tmp_path / "x").exists()
    alone = run("train", tmp_path / "today.csv", "-o", tmp_path / "x", "--tolerance", 0.5, status=2)
    assert "--tolerance is for --init" in alone.stderr
