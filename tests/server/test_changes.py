"""Changes over HTTP, for who bears the token; and commits of others, which are followed without a signal."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings

from ..support.catalogues import make_item_codes, make_tastes

TOKEN = "a-token-of-enough-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def client_of(path: Path, token: str | None = TOKEN) -> TestClient:
    app = create_app(Current(lambda: ei.Index.open(path), warming=0), Settings(token=token))
    return TestClient(app, "http://localhost", headers=BEARER, raise_server_exceptions=False)


@pytest.fixture
def place(tmp_path):
    codes, metadata = make_tastes(each=12)
    ei.Index.build(codes, tmp_path / "i", engine="exact", metadata=metadata, segments=None).close()
    return tmp_path / "i"


def test_an_item_comes_is_recommended_and_goes(place):
    codes, _ = make_tastes(each=12)
    row = int(codes.ids.rows(["t1-1"])[0])
    code = dict(zip(map(str, codes.weights[[row]].indices.tolist()), codes.weights[[row]].data.tolist(), strict=True))
    with client_of(place) as client:
        about = client.get("/v1/index").json()
        item = {"item_id": "new", "code": code, "users": 3, "tags": ["fresh"], "metadata": {"title": "A new one"}}
        done = client.post("/v1/items/upsert", json={"items": [item], "space": about["space"]})
        assert done.status_code == 200, done.text
        assert (done.json()["added"], done.json()["items"], done.json()["commit"]) == (1, about["items"] + 1, 1)
        found = client.post("/v1/recommend", json={"history": ["t1-1"], "k": 1, "tags": ["fresh"]}).json()["items"]
        assert [(one["item_id"], one["title"]) for one in found] == [("new", "A new one")]
        assert client.post("/v1/items/tag", json={"remove": [{"item_id": "new", "tag": "fresh"}]}).status_code == 200
        assert client.post("/v1/recommend", json={"history": ["t1-1"], "tags": ["fresh"]}).status_code == 404
        assert client.post("/v1/compact", json={}).json()["commit"] == 3
        assert client.post("/v1/items/delete", json={"items": ["new"]}).json()["deleted"] == 1
        assert client.get("/v1/item", params={"item_id": "new"}).status_code == 404
        assert client.get("/v1/index").json()["commit"] == 4


def test_codes_over_items_are_given_by_item(tmp_path):
    codes = make_item_codes()
    ei.Index.build(codes, tmp_path / "i", store="none", segments=None).close()
    known = list(codes.ids)[:2]
    with client_of(tmp_path / "i") as client:
        item = {"item_id": "new", "code": {known[0]: 0.5, "nobody": 0.25}}
        assert client.post("/v1/items/upsert", json={"items": [item]}).json()["added"] == 1
        for lost in ({"nobody": 0.25}, {known[0]: 0}):
            wrong = client.post("/v1/items/upsert", json={"items": [{"item_id": known[0], "code": lost}]})
            assert wrong.status_code == 409
            assert f"The code of '{known[0]}' has no nonzero weight for an item that the index holds" in wrong.text
        pair = [{"item_id": "a", "code": {"b": 0.5}}, {"item_id": "b", "code": {"a": 0.5}}]  # of each other
        done = client.post("/v1/items/upsert", json={"items": pair})
        assert done.json().get("added") == 2, done.text
        found = client.post("/v1/recommend", json={"history": [known[0]], "k": len(codes.ids), "exact": True}).json()
        assert [one["score"] for one in found["items"] if one["item_id"] == "new"] == [pytest.approx(0.5, rel=0.01)]


WRONG = [
    ("/v1/items/upsert", {"items": [{"item_id": "a", "code": {"0": 1.0}}]}, 409, "space must be"),
    ("/v1/items/upsert", {"items": [{"item_id": "a", "code": {}}], "space": "?"}, 422, "code"),
    ("/v1/items/upsert", {"items": [{"item_id": "a", "code": {"1e9": 1.0}}], "space": "SPACE"}, 409, "from '0' to"),
    ("/v1/items/upsert", {"items": [{"item_id": "a", "code": {"0": 0.0}}], "space": "SPACE"}, 422, "no nonzero weight"),
    ("/v1/items/upsert", {"items": 2 * [{"item_id": "a", "code": {"0": 1.0}}], "space": "SPACE"}, 422, "unique"),
    ("/v1/items/delete", {"items": ["t0-1", "zz"]}, 404, "'zz' .1 of 2 ids., and none was deleted"),
    ("/v1/items/tag", {"add": [{"item_id": "zz", "tag": "a"}]}, 404, "'zz'"),
]


@pytest.mark.parametrize(("path", "body", "status", "message"), WRONG)
def test_what_is_wrong_is_told(place, path, body, status, message):
    with client_of(place) as client:
        about = client.get("/v1/index").json()
        if body.get("space") == "SPACE":
            body = body | {"space": about["space"]}
        answer = client.post(path, json=body)
        assert answer.status_code == status
        assert re.search(message, answer.json()["error"])
        assert client.get("/v1/index").json() == about


def test_without_a_token_nothing_is_changed(place):
    with client_of(place, None) as client:
        for path in ("/v1/items/upsert", "/v1/items/delete", "/v1/items/tag", "/v1/compact"):
            answer = client.post(path, json={})
            assert answer.status_code == 403
            assert "ELSA_INDEX_TOKEN" in answer.json()["error"]
    with client_of(place) as client:
        assert (
            client.post("/v1/items/delete", json={"items": ["t0-1"]}, headers={"Authorization": ""}).status_code == 401
        )
        assert len(ei.Index.open(place)) == client.get("/v1/index").json()["items"]


def test_commits_of_others_are_seen(place):
    current = Current(lambda: ei.Index.open(place), warming=0)
    assert not current.is_replaced()
    ei.delete(place, ["t0-1"])
    assert current.is_replaced()
    assert not current.is_replaced()  # told once: one that cannot be opened is not tried again and again
    current.swap()
    with current.use() as index:
        assert "t0-1" not in index.ids
    assert not current.is_replaced()
    current.close()
