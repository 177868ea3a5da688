"""Logs, histories and metadata as programs hold them."""

import uuid
from datetime import date, datetime
from functools import partial

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
        (pd.DataFrame([[1, 2, 3]], columns=["user_id", "item_id", "item_id"]), "'item_id' more than once; rename one"),
        (
            pl.DataFrame({"user_id": [1], "item_id": [[2, 3]]}),
            "row 1: item_id holds a list or an object, and one value",
        ),
        (pd.DataFrame({"user_id": [1], "item_id": [{"id": 2}]}), "item_id holds a list or an object"),
        (pd.DataFrame({"user_id": ["u", "u"], "item_id": ["a", ["b"]]}), "row 2: item_id holds a list or an object"),
        (pd.DataFrame({"user_id": [], "item_id": []}), "The log given has no rows"),
        (csr_array(np.array([[1.0, np.nan]])), "must be finite numbers"),
        (csr_array(np.array([[1j, 0]])), "must be numbers, got complex128"),
    ],
)
def test_tables_that_are_no_logs_are_refused(table, message):
    with pytest.raises(ei.DataError, match=message):
        ei.read_interactions(table)


@pytest.mark.filterwarnings("error")
def test_a_column_of_numbers_and_texts_is_one_of_texts():
    table = pd.DataFrame({"user_id": [1, 1], "item_id": [7.0, "x7"], "note": [5, "five"], "list": [[1], [2]]})
    assert set(ei.read_interactions(table).pairs().rows()) == {("1", "7"), ("1", "x7")}


@pytest.mark.parametrize(("values", "ids"), [
    ([2**64, 5], {"18446744073709551616", "5"}), ([b"a", "c"], {"a", "c"}), ([np.float32(7), "x"], {"7", "x"}),
    ([uuid.UUID(int=1), "x"], {str(uuid.UUID(int=1)), "x"}),
])  # fmt: skip
def test_columns_of_any_objects_are_read_or_left_alone(values, ids):
    others = {"note": [1j, 2j], "number": np.array([2**63, 1], object), "missing": [1, pd.NA], "more": ["a", pd.NaT]}
    table = pd.DataFrame({"user_id": [1, 1], "item_id": values} | others)
    assert set(ei.read_interactions(table).items) == ids


def test_columns_called_by_numbers_are_no_header():
    table = pd.DataFrame([[0, 1], [1, 0], [5, 1]])
    assert ei.read_interactions(table, user_column="0", item_column="1").matrix.nnz == 3


def test_days_and_moments_of_one_column_are_both_read():
    table = pd.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "time": [date(2024, 1, 1), datetime(2024, 1, 1, 5)]})
    times = ei.read_interactions(table, time_column="time").times
    assert times is not None
    assert np.diff(times).tolist() == [5 * 3600]


def test_small_integers_of_a_matrix_do_not_begin_again():
    matrix = coo_matrix((np.array([200, 56], np.uint8), ([0, 0], [0, 0])), shape=(1, 1))
    assert ei.read_interactions(matrix).matrix.nnz == 1


@pytest.mark.parametrize(("where", "rows"), [
    ({"event": ["buy"]}, 1), ({"event": {"buy", "cart"}}, 2), ({"new": [True]}, 2), ({"n": [1.0, 2]}, 2),
])  # fmt: skip
def test_rows_are_chosen_by_values_of_any_type(where, rows):
    table = pd.DataFrame({"user_id": [1, 2, 3], "item_id": [1, 2, 3], "event": ["buy", "b", "cart"],
                          "new": [True, True, False], "n": [1, 2, 3]})  # fmt: skip
    assert ei.read_interactions(table, where=where).matrix.nnz == rows


@pytest.mark.parametrize(
    ("where", "said"), [({"event": "buy"}, r"are several, \['buy'\]"), ({"event": [None]}, "got None")]
)
def test_what_rows_cannot_be_chosen_by_is_told(where, said):
    table = pd.DataFrame({"user_id": [1], "item_id": [1], "event": ["b"]})
    with pytest.raises(ei.UsageError, match=said):
        ei.read_interactions(table, where=where)


def test_what_is_no_log_is_named():
    for thing in ([("u", "i")], pd.Series(["a"]), None, {"user_id": [1]}, 7):
        with pytest.raises(ei.UsageError, match="The log must be a file, several, or a table"):
            ei.read_interactions(thing)
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


def test_ids_of_tables_are_those_of_files(tmp_path):
    codes = make_codes(60)
    table = pd.DataFrame({"item_id": [f" {codes.ids[3]} "], "title": ["three"], "tag": ["new"]})
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None, metadata=table, tags=table) as index:
        assert index.title(codes.ids[3]) == "three"
        assert index.search([[codes.ids[5]]], 5, tags=["new"]).rankings[0].items == [codes.ids[3]]
    none = pd.DataFrame({"item_id": [codes.ids[3], pd.NA], "title": ["a", "b"], "tag": ["a", "b"]})
    for name in ("metadata", "tags"):
        with pytest.raises(ei.DataError, match=f"Row 2 of the {name} has no item_id"):
            ei.Index.build(codes, tmp_path / "j", engine="exact", segments=None, **{name: none})


def test_metadata_may_be_columns_of_a_table_in_another_order(tmp_path):
    """Of which pandas keeps the rows they were."""
    codes = make_codes(60)
    table = pd.DataFrame({"item_id": [codes.ids[row] for row in (3, 30, 40)], "title": ["3", "30", pd.NA],
                          "year": [2003, 2030.0, None], "price": [1.5, 3, pd.NA], "new": [True, pd.NA, pd.NaT],
                          "out": pd.to_datetime(["2003-01-01", "2030-01-01", None])})  # fmt: skip
    columns = dict(table.sort_values("year", ascending=False).items())
    build = partial(ei.Index.build, engine="exact", segments=None, numbers=["year", "price", "out"])
    with build(codes, tmp_path / "i", metadata=columns) as index:
        assert [index.title(codes.ids[row]) for row in (3, 30, 40)] == ["3", "30", codes.ids[40]]
        assert index.metadata.item(3)["year"] == "2003"
        assert index.metadata.item(3)["new"] == "true"
        assert index.search([[codes.ids[5]]], 60, ranges={"price": (2, None)}).rankings[0].items == [codes.ids[30]]
        assert index.search([[codes.ids[5]]], 60, ranges={"out": (None, "2003-01-01")}).rankings[0].items == [
            codes.ids[3]
        ]
