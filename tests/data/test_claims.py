"""Small files that stand for more than any log: refused, and without the memory that they ask for."""

import gzip
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import elsa_index as ei

MOST = 900  # MB of memory: torch, Polars and Arrow, imported, are half of it
READ = """
import re, sys
from pathlib import Path
import elsa_index as ei
try:
    {read}(Path(sys.argv[1]))
except ei.DataError as error:
    print("refused", error)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def one_text_for_many_rows(path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * 10**6]))
    table = pa.table({"user_id": ["u"] * 3000, "item_id": texts})
    pq.write_table(table, path, compression="zstd", store_schema=False, dictionary_pagesize_limit=2**30)


def categories_of_one_text(path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * 10**6]))
    pq.write_table(pa.table({"user_id": ["u"] * 3000, "item_id": texts}), path, compression="zstd")


def texts_as_differences(path: Path) -> None:
    table = pa.table({"user_id": ["u"] * 100, "item_id": ["x" * 10**6 + str(at) for at in range(100)]})
    encoded = dict.fromkeys(table.column_names, "DELTA_BYTE_ARRAY")
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding=encoded)


def many_empty_rows(path: Path) -> None:
    count = 300_000
    zeros = np.zeros(count, np.int8)
    np.savez_compressed(path, format=np.array(b"coo"), shape=np.array([count * 1000, 2]), data=zeros + 1, row=zeros,
                        col=zeros)  # fmt: skip


def many_columns(path: Path) -> None:
    commas = b"," * 1_000_000
    with gzip.open(path, "wb") as file:
        file.write(b"user_id,item_id" + commas + b"\na,b" + commas + b"\n")


def one_value_for_a_matrix(path: Path) -> None:
    import io

    import torch

    from elsa_index.codes.compresso_recsys import FORMAT, MODEL, VERSION

    state = io.BytesIO()
    torch.save({"A": torch.ones(1, 1).expand(10_000, 10_000)}, state)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", f'{{"format": "{FORMAT}", "version": {VERSION}, "model_type": "{MODEL}"}}')
        archive.writestr("config.json", '{"latent_dim": 10000, "compression": null}')
        archive.writestr("identity/source_item_ids.json", "[" + ",".join(['{"value": 1}'] * 3) + "]")
        archive.writestr("state/model.pt", state.getvalue())


@pytest.mark.parametrize(("name", "write", "read"), [
    ("log.parquet", one_text_for_many_rows, "ei.read_interactions"),
    ("log.parquet", categories_of_one_text, "ei.read_interactions"),
    ("log.parquet", texts_as_differences, "ei.read_interactions"),
    ("log.npz", many_empty_rows, "ei.read_interactions"),
    ("log.csv.gz", many_columns, "ei.read_interactions"),
    ("model.zip", one_value_for_a_matrix, "ei.load_codes"),
])  # fmt: skip
def test_a_claim_is_refused(tmp_path, name, write, read):
    write(tmp_path / name)
    assert (tmp_path / name).stat().st_size < 5000
    command = [sys.executable, "-c", READ.format(read=read), tmp_path / name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *said, peak = done.stdout.splitlines()
    assert said, "it was read"
    assert said[0].startswith("refused")
    assert int(peak) < MOST


def test_texts_that_are_stored_as_differences_are_told(tmp_path):
    table = pa.table({"user_id": ["u1", "u2"], "item_id": ["i1", "i2"]})
    pq.write_table(
        table,
        tmp_path / "l.parquet",
        use_dictionary=False,
        column_encoding={"item_id": "DELTA_BYTE_ARRAY", "user_id": "PLAIN"},
    )
    with pytest.raises(ei.DataError, match=r"DELTA_BYTE_ARRAY.*write it again as pandas"):
        ei.read_interactions(tmp_path / "l.parquet")


def test_texts_that_rows_share_are_read(tmp_path):
    """As many programs write ids: as categories."""
    ids = [f"item{at % 50}" for at in range(5000)]
    users = [f"u{at // 20}" for at in range(5000)]
    table = pa.table({"user_id": pa.array(users).dictionary_encode(), "item_id": pa.array(ids).dictionary_encode(),
                      "seen": pa.array([[1]] * 5000)})  # fmt: skip
    pq.write_table(table, tmp_path / "log.parquet")
    (tmp_path / "log.csv").write_text(
        "user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in zip(users, ids, strict=True))
    )
    one, other = (ei.read_interactions(tmp_path / name) for name in ("log.parquet", "log.csv"))
    assert one.fingerprint == other.fingerprint


def test_what_polars_panics_over_is_an_error(tmp_path):
    far = pa.array([2**31 - 1, 0], pa.int32()).cast(pa.date32())
    path = tmp_path / "films.parquet"
    pq.write_table(pa.table({"item_id": ["1", "2"], "title": ["One", "Two"], "made": far}), path)
    with pytest.raises(ei.DataError, match=re.escape(str(path))):
        ei.read_metadata(path)
    pq.write_table(pa.table({"user_id": far, "item_id": ["1", "2"]}), path)
    with pytest.raises(ei.DataError, match=re.escape(str(path))):
        ei.read_interactions(path)
