"""Several indexes in one service, and pages of other sites that ask it."""

import pytest
from fastapi.testclient import TestClient

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings

from ..support.catalogues import make_item_codes, make_tastes
from .conftest import LOCAL

TOKEN = "a-token-of-enough-characters"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def two(tmp_path):
    codes, metadata = make_tastes(each=12)
    ei.Index.build(codes, tmp_path / "films", metadata=metadata, engine="exact").close()
    ei.Index.build(make_item_codes(), tmp_path / "shop", engine="exact", segments=None).close()
    currents = {
        name: Current(lambda name=name: ei.Index.open(tmp_path / name), warming=0) for name in ("films", "shop")
    }
    with TestClient(create_app(currents, Settings(token=TOKEN)), LOCAL, headers=BEARER) as client:
        yield client


def items(client, prefix, history):
    answer = client.post(f"{prefix}/v1/recommend", json={"history": [history], "k": 3})
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def test_each_answers_under_its_name_and_the_first_without_one(two):
    assert items(two, "", "t0-1") == items(two, "/indexes/films", "t0-1")
    shop = items(two, "/indexes/shop", "item20")
    assert shop
    assert all(name.startswith("item") for name in shop)
    assert two.get("/v1/index").json()["items"] == two.get("/indexes/films/v1/index").json()["items"] == 72
    assert two.get("/indexes/shop/v1/index").json()["items"] == 300
    assert two.post("/indexes/none/v1/recommend", json={"history": []}).status_code == 404
    paths = two.get("/openapi.json").json()["paths"]
    assert {"/v1/recommend", "/indexes/films/v1/recommend", "/indexes/shop/v1/items/delete"} <= set(paths)


def test_a_change_and_an_exclusion_are_of_one(two):
    first = items(two, "/indexes/shop", "item20")[0]
    assert two.post("/indexes/shop/v1/items/delete", json={"items": [first]}).json()["items"] == 299
    assert first not in items(two, "/indexes/shop", "item20")
    assert two.get("/v1/index").json()["commit"] == 0
    film = items(two, "", "t0-1")[0]
    two.post("/v1/items/exclude", json={"add": [film]})
    assert film not in items(two, "/indexes/films", "t0-1")
    assert two.get("/indexes/shop/v1/exclusions").json()["total"] == 0
    shown = two.get("/metrics").text
    assert 'elsa_index_items{index="films"} 72.0' in shown
    assert 'elsa_index_items{index="shop"} 299.0' in shown
    assert 'route="/indexes/shop/v1/recommend"' in shown


def test_named_sites_may_ask_from_a_browser(served):
    origin = "https://shop.example"
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings(token=TOKEN, allow_origins=(origin,)))
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    with TestClient(app, LOCAL) as client:
        before = client.options("/v1/recommend", headers={"origin": origin, **asking})
        assert before.status_code == 200
        assert before.headers["access-control-allow-origin"] == origin
        answer = client.post("/v1/recommend", json={"history": ["t0-1"]}, headers={"origin": origin, **BEARER})
        assert answer.headers["access-control-allow-origin"] == origin
        assert client.post("/v1/recommend", json={"history": []}, headers={"origin": origin}).status_code == 401
        for other in ("https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"):
            assert client.options("/v1/recommend", headers={"origin": other, **asking}).status_code == 400
            refused = client.post("/v1/recommend", json={"history": []}, headers={"origin": other, **BEARER})
            assert "access-control-allow-origin" not in refused.headers
    with TestClient(create_app(Current(lambda: ei.Index.open(served), warming=0), Settings()), LOCAL) as client:
        answer = client.post("/v1/recommend", json={"history": []}, headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("wrong", ["shop.example", "*", "https://shop.example/", "https://", "ftp://a", "https://a:x"])
def test_an_origin_is_a_scheme_and_a_host(wrong):
    with pytest.raises(ei.UsageError, match=r"An origin to allow is as https://shop\.example"):
        Settings(allow_origins=(wrong,))
