"""The readers of the paper's data, on small files of the same layout."""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import elsa_index as ei
from benchmarks import paper, records
from benchmarks.paper_data import DATA, cleaned, read_goodbooks, read_movielens, read_netflix

RATINGS = [(user, item, 4 if user < 3 or item == 0 else 2) for user in range(4) for item in range(6)]


def zipped(path, member, header, rows):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "none")
        archive.writestr(member, "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def tarred(path, members):
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def netflix(tmp_path):
    films = {}
    for item in range(6):
        lines = [f"{item + 1}:"] + [f"{user},{value},2005-09-06" for user, at, value in RATINGS if at == item]
        films[f"training_set/mv_{item + 1:07}.txt"] = ("\n".join(lines) + "\n").encode()
    inner = tarred(tmp_path / "training_set.tar", films).read_bytes()
    return tarred(tmp_path / "nf_prize_dataset.tar.gz", {"download/README": b"", "download/training_set.tar": inner})


def archives(tmp_path):
    rated = [(*row, 964982703) for row in RATINGS]
    return {
        "goodbooks": (read_goodbooks, zipped(tmp_path / "g.zip", "ratings.csv", "user_id,book_id,rating", RATINGS)),
        "movielens-20m": (
            read_movielens,
            zipped(tmp_path / "m.zip", "ml-20m/ratings.csv", "userId,movieId,rating,timestamp", rated),
        ),
        "netflix": (read_netflix, netflix(tmp_path)),
    }


@pytest.mark.parametrize("name", DATA)
def test_ratings_of_four_by_users_with_five_of_them_are_read(tmp_path, name):
    read, path = archives(tmp_path)[name]
    found = read(path)
    assert found.height == 19  # three users with six, one with one
    log = cleaned(found)
    assert (len(log.users), len(log.items), log.matrix.nnz) == (3, 6, 18)


def test_archives_without_the_ratings_are_named(tmp_path):
    with pytest.raises(ei.DataError, match=r"holds no ratings\.csv"):
        read_goodbooks(zipped(tmp_path / "g.zip", "books.csv", "book_id", []))
    with pytest.raises(ei.DataError, match=r"holds no training_set\.tar"):
        read_netflix(tarred(tmp_path / "n.tar.gz", {"README": b""}))
    with pytest.raises(ei.DataError, match="No user has 5 ratings of at least 4"):
        cleaned(pl.DataFrame({"user": [1], "item": [1]}))


def test_what_cannot_be_downloaded_says_where_to_put_it(tmp_path):
    nowhere = replace(DATA["goodbooks"], url="http://127.0.0.1:9/goodbooks-10k.zip")
    with pytest.raises(ei.StorageError, match=r"put goodbooks-10k\.zip into .* by hand \(sha256:261b"):
        nowhere.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_file_of_that_name_is_refused(tmp_path):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Wrong(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"something else")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Wrong) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        other = replace(DATA["goodbooks"], url=f"http://127.0.0.1:{server.server_port}/goodbooks-10k.zip")
        with pytest.raises(ei.StorageError, match="is not the file the paper used"):
            other.fetch(tmp_path)
        server.shutdown()
    assert list(tmp_path.iterdir()) == []


def test_the_table_is_made_from_data_to_figures(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    rows = [(user, item, 5) for user in range(60) for item in rng.choice(30, 8, replace=False)]
    path = zipped(tmp_path / "goodbooks-10k.zip", "ratings.csv", "user_id,book_id,rating", rows)
    checksum = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    monkeypatch.setitem(DATA, "goodbooks", replace(DATA["goodbooks"], checksum=checksum, test_users=10))
    config = {"epochs": 1, "batch_size": 25, "seed": 42}
    paper.run("goodbooks", tmp_path, [16], config, default=False, results=tmp_path / "results")
    shown = capsys.readouterr().out
    assert "0.477" in shown
    kept = records.read("paper", tmp_path / "results")
    assert [row["nonzeros"] for row in kept] == ["dense", 16]
    assert f"{kept[1]['metrics']['ndcg@100']['mean']:.3f}" in shown
    assert kept[1]["config"]["budgets"] == "even"
