"""Files of histories, in parts: the same as all in memory, and an interrupted run goes on."""

import gzip
import os
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

import elsa_index as ei
from elsa_index.batch import files
from elsa_index.data.reading import blocks
from elsa_index.search.recommend import recommend

from ..support.catalogues import TAGS, make_codes


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("batch") / "i"
    with ei.Index.build(make_codes(), path, engine="exact", tags=TAGS, segments=None) as built:
        yield built


@pytest.fixture
def small(monkeypatch):
    """Parts and blocks of a few rows."""
    monkeypatch.setattr(files, "PART_BYTES", 800)
    monkeypatch.setattr(blocks, "SIZE", 500)
    monkeypatch.setattr(blocks.blocks_of, "__defaults__", (500,))


ODD = ["plain", "with, comma", 'with "quotes"', "é🎬", "NULLs", " x y", "0012", "1e5", "-"]


def table(rows=600, users=60, seed=3):
    """Rows of users in no order, some twice, some without item."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, users, rows)
    names = [f"{ODD[at % len(ODD)].strip()} {at}" for at in range(users)]
    items = [None if rng.random() < 0.02 else f"item{at}" for at in rng.integers(0, 320, rows)]
    return pl.DataFrame({
        "user_id": [names[at] for at in who],
        "item_id": items,
        "weight": rng.choice([1.0, 0.5, 0.1, 0.0], rows),
        "time": rng.integers(1_600_000_000, 1_700_000_000, rows),
    })  # fmt: skip


def written(frame, path):
    if path.suffix == ".parquet":
        frame.write_parquet(path, row_group_size=50)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    elif path.suffix == ".jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_csv(path, quote_style="always" if path.stem == "quoted" else "necessary")
    return path


def read(path):
    if path.suffix == ".csv":
        frame = pl.read_csv(path)
    else:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_ndjson(path)
    return frame.cast({"user_id": pl.String, "score": pl.Float64}).sort("user_id", "rank")


@pytest.mark.parametrize("name", ["h.csv", "quoted.csv", "h.parquet", "h.csv.gz", "h.jsonl"])
@pytest.mark.parametrize("out", ["o.csv", "o.parquet", "o.jsonl"])
@pytest.mark.parametrize("spans", [{}, {"time_column": "time", "half_life": "300d", "seen_after": "500d"}])
def test_in_parts_they_are_what_all_at_once_are(index, small, tmp_path, name, out, spans):
    path = written(table(), tmp_path / name)
    asked = ei.read_histories(path, **spans)
    expected = index.search(asked.items, 7, weights=asked.weights, seen=asked.seen, fallback="popular")
    reported = []
    done = ei.search_files(
        index, path, tmp_path / out, ei.SearchOptions(7, fallback="popular"), form=ei.HistoryForm(**spans),
        on_progress=lambda done, total: reported.append((done, total)),
    )  # fmt: skip
    assert done.histories == len(asked) == 60
    assert len(reported) > 3
    assert reported[-1] == (60, 60)
    assert len(set(reported)) == len(reported)  # none is told twice
    frame = expected.to_frame(asked.users, with_fallback=True)
    found = read(tmp_path / out)
    wanted = frame.cast({"score": pl.Float64}).sort("user_id", "rank")
    assert found.select("user_id", "rank", "item_id", "popular").equals(
        wanted.select("user_id", "rank", "item_id", "popular").cast(dict(found.schema.items() & {("rank", pl.Int64)}))
    )
    np.testing.assert_allclose(found["score"], wanted["score"], rtol=1e-6)
    assert done.results == frame.height
    assert sorted(done.unknown) == sorted({name for names in expected.unknown for name in names})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, out])


def test_several_files_and_one_part(index, tmp_path):
    """Users come in the order of the file where it is short."""
    frame = table()
    (tmp_path / "folder").mkdir()
    for at in range(3):
        written(frame[200 * at : 200 * at + 200], tmp_path / "folder" / f"{at}.csv")
    (tmp_path / "folder" / "3.csv.bz2").write_bytes(b"BZh91AY")
    with pytest.warns(ei.DataWarning) as told:
        done = ei.search_files(index, tmp_path / "folder", tmp_path / "o.csv", ei.SearchOptions(k=3))
    assert ["'3.csv.bz2' not read" in str(one.message) for one in told] == [True]  # once
    users = pl.read_csv(tmp_path / "o.csv")["user_id"].unique(maintain_order=True).to_list()
    assert users == [user for user in frame["user_id"].unique(maintain_order=True).to_list() if user in set(users)]
    assert 0 < done.rate <= done.histories / done.seconds


class _Stopped(BaseException):
    pass


def stop_after(monkeypatch, parts):
    """A run that answers so many parts. Returns how many histories they had."""
    answered = []
    answer = recommend

    def one(catalogue, histories, options, *progress):
        if len(answered) == parts:
            raise _Stopped
        if histories:
            answered.append(len(histories))
        return answer(catalogue, histories, options, *progress)

    monkeypatch.setattr(files, "recommend", one)
    return answered


def test_an_interrupted_run_goes_on_where_it_stopped(index, small, tmp_path, monkeypatch):
    path, out = written(table(), tmp_path / "h.csv"), tmp_path / "o.csv"
    ei.search_files(index, path, tmp_path / "whole.csv", ei.SearchOptions(k=5))
    with monkeypatch.context() as patched:
        first = stop_after(patched, 3)
        with pytest.raises(_Stopped):
            ei.search_files(index, path, out, ei.SearchOptions(k=5))
    assert not out.exists()
    with pytest.raises(ei.StorageError, match=r"\.o\.csv\.unfinished holds what an interrupted run did: pass --resume"):
        ei.search_files(index, path, out, ei.SearchOptions(k=5))
    with pytest.raises(ei.UsageError, match="asked something else: k was '5', and is '6'"):
        ei.search_files(index, path, out, ei.SearchOptions(k=6), resume=True)
    with monkeypatch.context() as patched:
        second = stop_after(patched, 10**6)
        done = ei.search_files(index, path, out, ei.SearchOptions(k=5, threads=2), resume=True)
    assert sum(first) + sum(second) == 60
    assert done.before == sum(first) > 0
    assert done.histories == 60
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.csv", "o.csv", "whole.csv"]


@pytest.mark.parametrize("damage", [b"", b"no rows"])
def test_a_kept_part_that_was_damaged_is_answered_again(index, small, tmp_path, monkeypatch, damage):
    path, out = written(table(), tmp_path / "h.csv"), tmp_path / "o.csv"
    ei.search_files(index, path, tmp_path / "whole.csv")
    with monkeypatch.context() as patched:
        first = stop_after(patched, 3)
        with pytest.raises(_Stopped):
            ei.search_files(index, path, out)
    kept = sorted((tmp_path / ".o.csv.unfinished").glob("result-*.csv"))
    kept[0].write_bytes(damage)
    kept[1].with_suffix(".json").write_bytes(damage)
    done = ei.search_files(index, path, out, resume=True)
    assert 0 < done.before < sum(first)
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_other_files_are_another_run_and_overwrite_begins_anew(index, small, tmp_path, monkeypatch):
    path, out = written(table(), tmp_path / "h.csv"), tmp_path / "o.csv"
    with monkeypatch.context() as patched:
        stop_after(patched, 2)
        with pytest.raises(_Stopped):
            ei.search_files(index, path, out)
    written(table(seed=4), path)
    with pytest.raises(ei.UsageError, match=r"asked something else: the files of histories\. Ask the same"):
        ei.search_files(index, path, out, resume=True)
    with monkeypatch.context() as patched:
        again = stop_after(patched, 10**6)
        ei.search_files(index, path, out, resume=True, overwrite=True)  # what a script passes every night
    assert sum(again) == 60
    assert ei.search_files(index, path, tmp_path / "p.csv", resume=True).before == 0  # nothing was begun
    assert out.read_bytes() == (tmp_path / "p.csv").read_bytes()


def test_what_is_read_is_not_written_over(index, tmp_path):
    path = written(table(), tmp_path / "h.csv")
    before = path.read_bytes()
    (tmp_path / "link.csv").symlink_to(path)
    for out in (path, tmp_path / "link.csv"):
        with pytest.raises(ei.UsageError, match="is among the files of histories, and would be lost"):
            ei.search_files(index, path, out, overwrite=True)
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["h.csv", "link.csv"]


def test_what_is_refused_leaves_nothing(index, small, tmp_path):
    path = written(table(), tmp_path / "h.csv")
    bad = tmp_path / "bad.csv"
    bad.write_text("user_id,item_id\n" + "u,item1\n" * 500 + ",item2\n")
    for given, options, message in (
        (path, ei.SearchOptions(query_terms=3), "query_terms and candidates are for"),
        (path, ei.SearchOptions(filters=ei.Filters(tags=["nothing like it"])), "nothing like it"),
        (tmp_path / "none.csv", ei.SearchOptions(), "does not exist"),
        (bad, ei.SearchOptions(), "row 501"),
    ):
        with pytest.raises(ei.ElsaIndexError, match=message):
            ei.search_files(index, given, tmp_path / "o.csv", options)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "h.csv"]
    (tmp_path / "o.csv").write_text("mine")
    with pytest.raises(ei.StorageError, match="exists"):
        ei.search_files(index, path, tmp_path / "o.csv")
    with pytest.raises(ei.UsageError, match="no known format"):
        ei.search_files(index, path, tmp_path / "o.xlsx")
    assert (tmp_path / "o.csv").read_text() == "mine"


LONG = {
    "spaces": "user_id item_id\n" + "".join(f"u{at % 9} i{at}\n" for at in range(200)),
    "no header": "".join(f"u{at % 9},i{at}\n" for at in range(200)),
    "lines": "".join(f"{at} {' '.join(map(str, range(at % 5 + 1)))}\n" for at in range(300)),
    "blocks": "".join(f"{at}:\n{at * 3},5,2005-01-01\n{at * 5},3,2005-01-01\n" for at in range(50)),
    "inch marks": "user_id;item_id\n" + "".join(f'u{at % 9};12" single {at}\n' for at in range(200)),
    "lines in quotes": "user_id,item_id\n" + "".join(f'u{at % 9},"i\n{at}"\n' for at in range(200)),
    "json": "".join(f'{{"user_id": "u{at % 9}", "item_id": "i\\n{at}"}}\n' for at in range(200)),
    "a list": "[" + ",\n".join(f'{{"user_id": "u{at % 9}", "item_id": "i{at}"}}' for at in range(200)) + "]",
    "windows": "user_id,item_id\r\n" + "".join(f"u{at % 9},i{at}\r\n" for at in range(200)),
    "a mark": "\ufeffuser_id,item_id\n" + "".join(f"u{at % 9},i{at}\n" for at in range(200)),
    "an end without a break": "user_id,item_id\n" + "\n".join(f"u{at % 9},i{at}" for at in range(200)),
    "excel": "sep=;\nuser_id;item_id\n" + "".join(f"u{at % 9};i{at}\n" for at in range(200)),
    "headers again": ("user_id,item_id\n" + "".join(f"u{at % 9},i{at}\n" for at in range(50))) * 3,
    "zeros behind points": "user_id,item_id\n"
    + "".join(f"{at % 9}.0,{at}.0\n" for at in range(200))
    + "x,y\n9.0,2.5\n",
    "a blank line first": "\r\n\nuser_id,item_id\n" + "".join(f"u{at % 9},i{at}\n" for at in range(200)),
    "a marked list": "\ufeff\n[" + ",\n".join(f'{{"user_id": "u{at}", "item_id": "i"}}' for at in range(200)) + "]",
    "marked lines": "\ufeff" + "".join(f"{at} {' '.join(map(str, range(at % 5 + 1)))}\n" for at in range(300)),
    "marked blocks": "\ufeff" + "".join(f"{at}:\n{at * 3},5,2005-01-01\n" for at in range(50)),
    "marked for Excel": "\ufeffsep=;\nuser_id;item_id\n" + "".join(f"u{at % 9};i{at}\n" for at in range(200)),
    "old mac": "user_id,item_id\r" + "".join(f"u{at % 9},i{at}\r" for at in range(200)),
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("size", [100, 1000])
def test_texts_in_blocks_are_read_as_whole_ones(tmp_path, monkeypatch, name, size):
    monkeypatch.setattr(blocks.blocks_of, "__defaults__", (size,))
    path = tmp_path / "log"
    path.write_bytes(LONG[name].encode())
    reading = ei.HistoryForm()
    if name == "no header":
        reading = ei.HistoryForm(1, 2, form=ei.LogFormat(header=False))
    parts = list(reading.tables(path, in_blocks=True))
    assert pl.concat(parts).equals(reading.whole(path))
    whole = ("blocks", "lines in quotes", "a list", "excel", "old mac", "inch marks", "a marked list", "marked blocks",
             "marked for Excel")  # fmt: skip
    cut = name not in whole
    assert (len(parts) > 1) == cut


@pytest.mark.parametrize(
    ("begins", "wrong"),
    [
        ("", b"u,i,many\n"), ("", b"u,i,1,2\n"), ("", b"u,\xff,1\n"), ("", b'u,"i,1\n'), ("", b'u,"i"x,1\n'),
        ("\n\n", b"u,i,many\n"), ("", b",i,1\n"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_by_its_place_in_the_file(tmp_path, monkeypatch, begins, wrong):
    monkeypatch.setattr(blocks.blocks_of, "__defaults__", (100,))
    path = tmp_path / "h.csv"
    before = f"{begins}user_id,item_id,weight\n" + "u,i,1\n" * 39 + "\n" * 30 + 'u,"i",1\n' * 30
    path.write_bytes(before.encode() + wrong + b"u,i,1\n" * 50)
    messages = []
    for in_blocks in (False, True):
        with pytest.raises(ei.DataError) as refused:
            list(ei.HistoryForm().tables(path, in_blocks=in_blocks))
        messages.append(str(refused.value))
    assert ("row 100:" if b"\xff" not in wrong else "line 101:") in messages[0] or b'"' in wrong
    assert messages[0] == messages[1]


@pytest.mark.slow
def test_a_killed_run_goes_on_from_the_command_line(tmp_path):
    ei.Index.build(make_codes(), tmp_path / "i", engine="exact", segments=None).close()
    rng = np.random.default_rng(1)
    rows = 900_000
    frame = pl.DataFrame({
        "user_id": rng.integers(0, 60_000, rows), "item_id": [f"item{at}" for at in rng.integers(0, 300, rows)]
    })  # fmt: skip
    frame.write_csv(tmp_path / "h.csv")
    command = [sys.executable, "-m", "elsa_index_cli", "search", "i", "--histories", "h.csv", "-k", "50", "-o", "o.csv"]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".o.csv.unfinished/result-*.json")):
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert not (tmp_path / "o.csv").exists()
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "pass --resume" in refused.stderr
    done = subprocess.run([*command, "--resume"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "of them by the run before" in done.stderr
    assert pl.read_csv(tmp_path / "o.csv")["user_id"].n_unique() == frame["user_id"].n_unique()
    assert not list(tmp_path.glob(".o*"))
