"""Popular items, given to users whom the index does not know, are told apart from recommendations."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

import elsa_index as ei

from ..support.command_line import run


@pytest.fixture(scope="module")
def index(codes, tmp_path_factory):
    path = tmp_path_factory.mktemp("fallback") / "i"
    plain = replace(codes, ids=ei.IdMap(f"i{row}" for row in range(len(codes.ids))))  # a TREC run holds no blanks
    ei.Index.build(plain, path, engine="exact", segments=None).close()
    return path


@pytest.fixture
def histories(tmp_path):
    (tmp_path / "h.csv").write_text("user_id,item_id\nold,i20\nold,i30\nnew,zz\n")
    return tmp_path / "h.csv"


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_column_says_which_are_popular(index, histories, tmp_path, kind):
    out = tmp_path / f"o.{kind}"
    run("search", index, "--histories", histories, "--fallback", "popular", "-k", 3, "-o", out)
    readers: dict[str, Callable[..., pl.DataFrame]]
    readers = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}
    frame = readers[kind](out)
    assert frame.columns == ["user_id", "rank", "item_id", "score", "popular"]
    assert frame.select("user_id", "popular").unique().sort("user_id").rows() == [("new", True), ("old", False)]
    run("search", index, "--histories", histories, "-k", 3, "-o", tmp_path / f"p.{kind}")
    assert "popular" not in (tmp_path / f"p.{kind}").read_bytes().decode("latin-1")


def test_in_a_trec_run_they_are_of_another_run(index, histories, tmp_path):
    run("search", index, "--histories", histories, "--fallback", "popular", "-k", 3, "-o", tmp_path / "o.trec")
    runs = {line.split()[0]: line.split()[5] for line in (tmp_path / "o.trec").read_text().splitlines()}
    assert runs == {"old": "elsa-index", "new": "elsa-index-popular"}


def test_the_table_of_one_history_calls_them_counts(index):
    assert "users that have it" in run("search", index, "--items", "zz", "--fallback", "popular").stdout
    assert "score" in run("search", index, "--items", "i20").stdout
