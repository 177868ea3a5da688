import gzip

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array, save_npz

import elsa_index as ei

from ..support.catalogues import ODD_IDS

PAIRS = pl.DataFrame({"user_id": ["u2", "u1", "u1", "u1"], "item_id": ["b", "a", "b", "a"], "rating": [5.0, 4, 1, 3]})


def write(path, frame=PAIRS):
    if path.suffix == ".gz":
        plain = write(path.with_suffix(""), frame)
        path.write_bytes(gzip.compress(plain.read_bytes()))
        return path
    if ".parquet" in path.name:
        frame.write_parquet(path)
    else:
        frame.write_csv(path, separator="\t" if ".tsv" in path.name else ",")
    return path


@pytest.mark.parametrize("name", ["l.csv", "l.tsv", "l.parquet", "l.csv.gz", "l.tsv.gz", "l.parquet.gz"])
def test_every_format_gives_the_same_matrix(name, tmp_path):
    log = ei.read_interactions(write(tmp_path / name))
    assert (list(log.users), list(log.items)) == (["u1", "u2"], ["a", "b"])
    np.testing.assert_array_equal(log.matrix.toarray(), [[1, 1], [0, 1]])
    assert log.summary["merged_duplicates"] == 1


def test_the_order_of_rows_changes_nothing(tmp_path):
    shuffled = write(tmp_path / "s.csv", PAIRS.sample(fraction=1, shuffle=True, seed=3))
    assert ei.read_interactions(shuffled).fingerprint == ei.read_interactions(write(tmp_path / "l.csv")).fingerprint


def test_values_and_small_users_are_filtered(tmp_path):
    log = ei.read_interactions(write(tmp_path / "l.csv"), value_column="rating", min_value=3)
    assert log.matrix.nnz == 2
    assert log.summary["dropped_by_value"] == 1
    both = ei.read_interactions(tmp_path / "l.csv", min_user_items=2)
    assert list(both.users) == ["u1"]


def test_a_scipy_matrix_is_a_log(tmp_path):
    save_npz(tmp_path / "l.npz", csr_array([[0, 3.0], [1, -1]]))
    log = ei.read_interactions(tmp_path / "l.npz")
    assert sorted(log.pairs().select("user_id", "item_id").rows()) == [("0", "1"), ("1", "0")]


def test_odd_ids_survive_csv(tmp_path):
    frame = pl.DataFrame({"user_id": ["u"] * len(ODD_IDS), "item_id": ODD_IDS})
    assert list(ei.read_interactions(write(tmp_path / "l.csv", frame)).items) == sorted(ODD_IDS)


@pytest.mark.parametrize(("text", "options", "message"), [
    ("user,item\n1,2\n", {}, r"no column 'user_id', 'item_id'; its columns are 'user', 'item'"),
    ("", {}, "is empty"),
    ("user_id,item_id\n", {}, "a header and no rows"),
    ("user_id,item_id,r\nu,a,3\nu,b,good\n", {"value_column": "r"}, r"row 2: r must be a finite number, got 'good'"),
    ("user_id,item_id,r\nu,a,nan\n", {"value_column": "r"}, "row 1: r must be a finite number, got 'nan'"),
    ("user_id,item_id,r\nu,a,\n", {"value_column": "r"}, "row 1: r must be a finite number"),
    ("user_id,item_id\nu,a\nu,\n", {}, "row 2: item_id is empty"),
    ("user_id,item_id,r\nu,a,1\n", {"value_column": "r", "min_value": 4}, "no interaction is left of 1 rows"),
    ("user_id,item_id\nu,a,b,c\n", {}, "row 1: it has 4 fields, and there are 2 columns: 'u | a | b | c'. Say what"),
])  # fmt: skip
def test_bad_logs_name_file_row_and_value(text, options, message, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ei.DataError, match=message) as caught:
        ei.read_interactions(path, **options)
    assert "log.csv" in str(caught.value)


@pytest.mark.parametrize(("name", "content"), [
    ("l.parquet", b"PAR1 not really"), ("l.csv.gz", b"no gzip"), ("l.csv", b"\xff\xfe\x00user_id"), 
    ("l.npz", b"PK zip"),
    ("l.txt", b"user_id"),
])  # fmt: skip
def test_files_that_are_something_else(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ei.DataError, match=name):
        ei.read_interactions(tmp_path / name)


def test_a_minimum_without_a_value_column_is_a_wrong_call(tmp_path):
    with pytest.raises(ei.UsageError, match="no value column is named"):
        ei.read_interactions(write(tmp_path / "l.csv"), min_value=3)
