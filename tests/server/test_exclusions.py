"""Standing exclusions: in memory, in a file, over HTTP, and through swaps."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.exclusions import Exclusions
from elsa_index.server.settings import Settings

TOKEN = "a-token-of-enough-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def serving(served, path=None, token: str | None = TOKEN):
    current = Current(lambda: ei.Index.open(served), warming=0, exclusions=Exclusions(path))
    app = create_app(current, Settings(token=token, exclusions=path))
    return current, TestClient(app, "http://localhost", headers=BEARER, raise_server_exceptions=False)


def best(client, **body):
    found = client.post("/v1/recommend", json={"history": ["t3-4"], "k": 3, **body}).json()
    return [item["item_id"] for item in found["items"]]


def test_items_are_left_out_at_once_and_come_back(served):
    current, made = serving(served)
    with made as client:
        first, *_ = before = best(client)
        done = client.post("/v1/items/exclude", json={"add": [first, "of tomorrow"]}).json()
        assert done == client.get("/v1/exclusions").json()
        assert done == {"items": [first, "of tomorrow"], "total": 2, "kept": False, "unknown": ["of tomorrow"]}
        assert first not in best(client)
        assert first not in best(client, exclude=["t0-1"], keep_seen=True)
        page = client.post("/v1/homepage", json={"history": ["t3-4"], "k": 40}).json()
        assert first not in [item["item_id"] for row in page["rows"] for item in row["items"]]
        popular = client.post("/v1/recommend", json={"history": [], "k": 300}).json()["items"]
        assert first not in [item["item_id"] for item in popular]
        current.swap()
        assert first not in best(client)
        assert client.get("/v1/exclusions").json()["total"] == 2
        assert client.post("/v1/items/exclude", json={"remove": [first, "nobody"]}).json()["items"] == ["of tomorrow"]
        assert best(client) == before


def test_a_file_is_followed_written_and_read_again(served, tmp_path):
    path = tmp_path / "sold-out.txt"
    current, made = serving(served, path)
    with made as client:
        first, second, _ = best(client)
        path.write_text(f"{first}\n\n")
        assert current.follow_exclusions()
        assert not current.follow_exclusions()
        assert first not in best(client)
        assert client.post("/v1/items/exclude", json={"add": [second]}).json()["kept"]
        assert path.read_text() == f"{first}\n{second}\n"
        assert not current.follow_exclusions()
        assert [name.name for name in tmp_path.iterdir()] == ["sold-out.txt"]
        path.unlink()
        assert current.follow_exclusions()
        assert best(client)[:2] == [first, second]
    path.write_text(f"{second}\r\n")
    _, made = serving(served, path)
    with made as client:
        assert client.get("/v1/exclusions").json()["items"] == [second]


def test_what_cannot_be_excluded_is_told(served, tmp_path):
    _, made = serving(served, tmp_path / "x.txt")
    with made as client:
        both = client.post("/v1/items/exclude", json={"add": ["a"], "remove": ["a"]})
        assert (both.status_code, "both excluded and taken back: 'a'" in both.text) == (409, True)
        assert "line break" in client.post("/v1/items/exclude", json={"add": ["a\nb"]}).text
        assert client.post("/v1/items/exclude", json={"drop": ["a"]}).status_code == 422
        assert client.get("/v1/exclusions").json()["items"] == []
    _, made = serving(served, token=None)
    with made as client:
        assert client.post("/v1/items/exclude", json={"add": ["a"]}).status_code == 403
    with pytest.raises(ei.UsageError, match=r"must be a \.txt, one id per line"):
        Exclusions(tmp_path / "x.csv")
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ei.DataError, match="is not UTF-8 text"):
        Exclusions(tmp_path / "latin.txt")


def test_an_edit_of_a_moment_ago_is_not_lost(served, tmp_path):
    path = tmp_path / "sold-out.txt"
    path.write_text("t0-1\n")
    _, made = serving(served, path)
    with made as client:
        path.write_text("t0-1\n t0-2 \n")
        assert client.post("/v1/items/exclude", json={"add": ["t0-3"]}).json()["items"] == ["t0-1", "t0-2", "t0-3"]
        assert path.read_text() == "t0-1\nt0-2\nt0-3\n"
        assert "cannot be excluded" in client.post("/v1/items/exclude", json={"add": [" "]}).text


def test_many_at_a_time_leave_the_last_word(served):
    """Whoever applies late applies what holds now."""
    current, made = serving(served)
    with made, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: current.exclude([f"t0-{at}"], [f"t0-{at - 1}"] if at % 2 else []), range(40)))
        current.swap()
        with current.use() as index:
            left_out = {index.ids[int(row)] for row in index.catalogue.always.excluded}
        assert left_out == set(current.exclusions.now.names)
