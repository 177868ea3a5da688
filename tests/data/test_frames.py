"""Logs, histories and metadata as programs hold them."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import coo_matrix, csr_array

import elsa_index as ei

from ..support.catalogues import make_codes

ROWS = {"user_id": [3, 3, 1], "item_id": [10, 11, 10]}
PAIRS = {("3", "10"), ("3", "11"), ("1", "10")}


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS, index=[5, 5, 0]),
        pd.DataFrame(ROWS).astype({"user_id": "category", "item_id": "string"}),
        pd.DataFrame(ROWS | {"item_id": [10.0, 11.0, 10.0]}),
        pl.DataFrame(ROWS),
        pl.LazyFrame(ROWS),
        pa.table(ROWS),
    ],
    ids=["pandas", "pandas with an index", "pandas, categories", "pandas, floats", "polars", "polars, lazy", "arrow"],
)
def test_tables_are_logs(table):
    log = ei.read_interactions(table)
    assert set(log.pairs().rows()) == PAIRS
    made = ei.train(table, ei.SlimConfig(nnz=1, neighbours=1, regularisation=1.0))
    assert set(made.ids) == {"10", "11"}


@pytest.mark.parametrize("kind", [csr_array, coo_matrix])
def test_matrices_are_logs(kind):
    log = ei.read_interactions(kind(np.array([[0, 1.0, 2], [1, 0, 0]])))
    assert set(log.pairs().rows()) == {("0", "1"), ("0", "2"), ("1", "0")}
    assert ei.split(kind(np.ones((20, 5))), users=2).description["train_users"] == 18


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"user": [1], "item_id": [2]}), r"no column 'user_id'; its columns are 'user', 'item_id'. Is it"),
        (pd.DataFrame({"user_id": [1, None], "item_id": [2, 3]}), "The log given, row 2: user_id is empty"),
        (pd.DataFrame({"user_id": [1, "a"], "item_id": [2, 3]}), "a column is not of one type"),
        (pd.DataFrame({"user_id": [], "item_id": []}), "a header and no rows"),
    ],
)
def test_tables_that_are_no_logs_are_refused(table, message):
    with pytest.raises(ei.DataError, match=message):
        ei.read_interactions(table)


def test_what_is_no_log_is_named():
    for thing in ("log.csv", [("u", "i")], pd.Series(["a"]), None):
        with pytest.raises(ei.UsageError, match="The log must be an Interactions"):
            ei.split(thing)


@pytest.mark.parametrize(
    "of",
    [
        list, tuple, set, iter, dict.fromkeys, np.array, pl.Series, pa.array,
        lambda names: pd.Series(names, index=range(len(names), 0, -1)),
        lambda names: (name for name in names),
        lambda names: pd.Index(names),
    ],
    ids=["list", "tuple", "set", "iterator", "keys", "numpy", "polars", "arrow", "pandas", "generator", "index"],
)  # fmt: skip
def test_a_history_may_be_any_sequence(of, tmp_path):
    codes = make_codes(60)
    names = [codes.ids[40], "gone", codes.ids[20]]
    history = of(names)
    history = history.keys() if isinstance(history, dict) else history
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None) as index:
        found = index.search([history], 5)
        assert found.rankings[0].items == index.search([names], 5).rankings[0].items
        assert found.unknown == [["gone"]]


def test_metadata_may_be_a_table(tmp_path):
    codes = make_codes(60)
    table = pd.DataFrame({"item_id": [codes.ids[3], codes.ids[30]], "title": ["three", "thirty"]}, index=[9, 4])
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None, metadata=table) as index:
        assert [index.title(codes.ids[row]) for row in (3, 30)] == ["three", "thirty"]
