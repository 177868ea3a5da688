"""Small files that claim to be large ones, and damaged ones."""

import gzip
import io
import resource
import subprocess
import sys
import zipfile

import numpy as np
import polars as pl
import pytest

import elsa_index as ei
from elsa_index.data.npz import load_csr
from elsa_index.data.parquet import read_parquet
from elsa_index.data.raw_bytes import unpacked

LOG = pl.DataFrame({"user_id": ["u", "v", "u"] * 200, "item_id": ["i", "j", "ä"] * 200, "value": [1.5, 2, 3] * 200})


def test_packed_and_plain_files_are_read_alike(tmp_path):
    (tmp_path / "log.csv").write_text(LOG.write_csv())
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(LOG.write_csv().encode()))
    two = gzip.compress(LOG.write_csv().encode()[:100]) + gzip.compress(LOG.write_csv().encode()[100:])
    (tmp_path / "members.csv.gz").write_bytes(two)
    LOG.write_parquet(tmp_path / "log.parquet")
    (tmp_path / "log.parquet.gz").write_bytes(gzip.compress((tmp_path / "log.parquet").read_bytes()))
    read = {ei.read_interactions(path).fingerprint for path in sorted(tmp_path.iterdir())}
    assert len(read) == 1


def test_what_unpacks_to_more_than_a_log_can_is_refused(tmp_path):
    """Three megabytes that would take seven gigabytes."""
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", 9) as file:
        file.write(b"user_id,item_id\n")
        for _ in range(300):
            file.write(b"u,i\n" * 250_000)
    with pytest.raises(ei.DataError, match=r"more than 200 times its [\d,]+ bytes"):
        unpacked(tmp_path / "bomb.csv.gz")
    every = pl.select(pl.lit("u").repeat_by(9_000_000).explode().alias("user_id"))
    every.with_columns(item_id="user_id").write_parquet(tmp_path / "bomb.parquet", compression="zstd")
    with pytest.raises(ei.DataError, match="say to hold 9,000,000 rows"):
        ei.read_interactions(tmp_path / "bomb.parquet")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (50_000_000,)})
        archive.writestr("data.npy", head.getvalue() + bytes(200_000_000))
    with pytest.raises(ei.DataError, match="as no matrix"):
        load_csr(tmp_path / "bomb.npz")


def test_a_gzip_that_ends_early_is_told(tmp_path):
    whole = gzip.compress(LOG.write_csv().encode())
    for damaged in (whole[:-20], whole[:30] + b"\xff\xff" + whole[32:], b"\x1f\x8b", whole + b"trailing"):
        (tmp_path / "log.csv.gz").write_bytes(damaged)
        with pytest.raises(ei.DataError, match="gzip"):
            ei.read_interactions(tmp_path / "log.csv.gz")


DAMAGE = """
import io, random, sys
import elsa_index as ei
from elsa_index.data.parquet import read_parquet
good = open(sys.argv[1], "rb").read()
chance = random.Random(7)
seen = {"read": 0, "refused": 0}
for _ in range(400):
    bad = bytearray(good)
    for _ in range(chance.choice([1, 1, 1, 4])):
        at = chance.randrange(len(bad)) if chance.random() < 0.3 else len(bad) - 1 - chance.randrange(600)
        bad[at] ^= 1 << chance.randrange(8)
    try:
        read_parquet(bytes(bad)[: chance.choice([None, None, None, chance.randrange(len(bad))])])
        seen["read"] += 1
    except ei.DataError:
        seen["refused"] += 1
print(seen)
"""


def test_a_damaged_parquet_file_is_an_error_and_not_the_end(tmp_path):
    """In a process of its own, whose death would be seen, and with 4 GB."""
    LOG.write_parquet(tmp_path / "log.parquet")

    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    command = [sys.executable, "-c", DAMAGE, str(tmp_path / "log.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, preexec_fn=little_memory)
    assert done.returncode == 0, done.stderr[-1000:]
    assert "'refused': " in done.stdout


def test_a_whole_parquet_file_is_read_as_it_was_written(tmp_path):
    LOG.write_parquet(tmp_path / "log.parquet")
    frame, nested = read_parquet((tmp_path / "log.parquet").read_bytes())
    assert frame.equals(LOG)
    assert not nested
