"""What the service answers, and what it refuses."""

import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.guard import Guard, Metrics
from elsa_index.server.hosts import Hosts
from elsa_index.server.request_types import MAX_BODY
from elsa_index.server.settings import Settings

from .conftest import LOCAL

TOKEN = "not-a-secret-of-anyone"
HISTORY = ["t0-1", "t0-2", "t3-4"]


@pytest.fixture(scope="module")
def index(served):
    with ei.Index.open(served) as opened:
        yield opened


def post(client, path, **body):
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_recommendations_are_those_of_the_index(client, index):
    for exact in (False, True):
        found = post(client, "/v1/recommend", history=HISTORY, k=7, exact=exact)
        expected = index.search([HISTORY], 7, exact=exact)
        assert [item["item_id"] for item in found["items"]] == expected.ids[0].tolist()
        assert [item["score"] for item in found["items"]] == pytest.approx(expected.scores[0].tolist())
        assert found["items"][0]["title"] == index.titles[int(expected.rows[0, 0])]
        assert found["promise"].startswith("exact")
        assert not found["popular"]


def test_weights_tags_and_exclusions_are_heard(client, index):
    weighted = post(client, "/v1/recommend", history=["t0-1", {"item_id": "t3-1", "weight": 5.0}], k=3)
    assert weighted["items"][0]["item_id"].startswith("t3")
    tag = index.segments[int(index.segments.of[0])].tag
    found = post(client, "/v1/recommend", history=["t3-4"], k=50, tags=[tag], exclude=["t0-0", "stranger"])
    items = {item["item_id"] for item in found["items"]}
    assert items == {f"t0-{at}" for at in range(1, 40)}


def test_ages_count_in_histories(client, index):
    day, history = 86_400, ["t0-1", "t3-1"]
    timed = [{"item_id": "t0-1", "time": 0}, {"item_id": "t3-1", "time": "1970-01-04T00:00:00Z", "weight": 2}]
    found = post(client, "/v1/recommend", history=timed, k=5, half_life="1d")
    expected = index.search([history], 5, weights=[[0.125, 2]])
    assert [item["item_id"] for item in found["items"]] == expected.ids[0].tolist()
    seconds = post(client, "/v1/recommend", history=timed, k=5, half_life=day)
    assert seconds["items"] == found["items"]
    assert [item["score"] for item in found["items"]] == pytest.approx(expected.scores[0].tolist())
    for body, status, said in (
        (
            {"history": ["t0-1"], "half_life": "1d"},
            409,
            "half_life needs a time of every item of the history; 't0-1' has",
        ),
        ({"history": ["t0-1"], "seen_after": "1d"}, 409, "seen_after needs a time of every item"),
        ({"history": timed, "half_life": "soon"}, 422, "such as 30d or 12h"),
        ({"history": [{"item_id": "t0-1", "time": "yesterday"}]}, 422, "ISO 8601"),
    ):
        response = client.post("/v1/recommend", json=body)
        assert response.status_code == status
        assert said in response.text


def test_unknown_histories_get_popular_items_and_are_named(client):
    found = post(client, "/v1/recommend", history=["nobody"], k=2)
    assert (found["popular"], found["unknown"]) == (True, ["nobody"])
    assert [item["item_id"] for item in found["items"]] == ["t0-0", "t1-0"]
    assert post(client, "/v1/homepage", history=[])["popular"]
    assert post(client, "/v1/segments/best", history=[])["popular"]


def test_a_batch_answers_each_history_as_alone(client):
    histories: list[dict[str, Any]] = [{"history": ["t0-1"]}, {"history": []}, {"history": ["t5-5", "t5-6"]}]
    found = post(client, "/v1/recommend/batch", histories=histories, k=4)["results"]
    assert [one["promise"].split(":")[0] for one in found] == ["exact", "no item of the history is known", "exact"]
    for one, history in zip(found, histories, strict=True):
        assert one["items"] == post(client, "/v1/recommend", **history, k=4)["items"]


def test_similar_items_are_what_follows_one(client):
    similar = post(client, "/v1/similar", item_id="t2-3", k=5)["items"]
    assert similar == post(client, "/v1/recommend", history=["t2-3"], k=5)["items"]


def test_the_homepage_is_that_of_the_index(client, index):
    found = post(client, "/v1/homepage", history=HISTORY, rows=4, k=3)
    page = index.homepage(HISTORY, rows=4, k=3)
    assert [row["name"] for row in found["rows"]] == [row.name for row in page.rows]
    assert [[item["item_id"] for item in row["items"]] for row in found["rows"]] == [row.items for row in page.rows]


def test_a_homepage_leaves_out_segments_with_too_few_unseen_items(client, index):
    history = [f"t2-{at}" for at in range(36)]
    few, many = (post(client, "/v1/homepage", history=history, k=3, fewest=fewest)["rows"] for fewest in (1, None))
    assert len(few) > len(many)
    full, fuller = (post(client, "/v1/homepage", history=HISTORY, k=3, fewest=fewest)["rows"] for fewest in (3, 1000))
    assert full == fuller
    refused = client.post("/v1/homepage", json={"history": history, "fewest": 0})
    assert refused.status_code == 422
    assert "fewest" in refused.json()["error"]


def test_segments_dimensions_and_explanations_fit_each_other(client, index):
    best = post(client, "/v1/segments/best", history=["t4-1"], k=2)["segments"]
    assert best[0]["name"].startswith("Comedy")
    assert best[0]["typical"][0]["title"]
    everything = client.get("/v1/segments", params={"offset": 1, "k": 2}).json()
    assert [part["number"] for part in everything["segments"]] == [1, 2]
    assert everything["total"] == len(index.segments)
    dimensions = post(client, "/v1/dimensions", history=["t4-1"], k=3)["dimensions"]
    strengths = [abs(part["weight"]) for part in dimensions]
    assert strengths == sorted(strengths, reverse=True)
    assert dimensions[0]["segment"] == best[0]["number"]
    items = post(client, "/v1/recommend", history=HISTORY, k=3)["items"]
    explained = post(client, "/v1/explain", history=HISTORY, items=[item["item_id"] for item in items])["explanations"]
    assert post(client, "/v1/explain", history=["nobody"], items=["t0-1"])["unknown"] == ["nobody"]
    for item, found in zip(items, explained, strict=True):
        assert sum(part["amount"] for part in found["history"]) == pytest.approx(item["score"], abs=1e-5)
        assert sum(part["amount"] for part in found["dimensions"]) == pytest.approx(item["score"], abs=1e-5)


def test_items_are_found_by_title_and_described(client):
    found = client.get("/v1/items", params={"prefix": "CAFE number 1", "k": 2}).json()["items"]
    assert [item["title"] for item in found] == ["Café number 1", "Café number 160"]
    item = client.get("/v1/item", params={"item_id": "t0-1"}).json()
    assert item["metadata"]["genres"] == "Western|Drama"
    assert item["segment_name"].startswith("Western")


def test_health_readiness_metrics_and_about(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    post(client, "/v1/recommend", history=HISTORY)
    shown = client.get("/metrics").text
    assert 'elsa_index_requests_total{route="/v1/recommend",status="200"}' in shown
    assert "elsa_index_items 240.0" in shown
    about = client.get("/v1/index").json()
    assert (about["items"], about["engine"], about["segments"], about["can_be_exact"]) == (240, "lucene", 6, True)


def test_the_service_is_not_ready_before_it_starts_and_after_it_stopped(served):
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings())
    assert TestClient(app, LOCAL).get("/readyz").status_code == 503
    with TestClient(app, LOCAL) as started:
        assert started.get("/readyz").status_code == 200
    assert not app.state.ready


def test_every_operation_is_documented_with_an_example(client):
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("description"), path
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                for example in content["examples"].values():
                    assert client.post(path, json=example["value"]).status_code in (200, 403, 404)  # 403: changes


HEADERS = {"content-type": "application/json"}


@pytest.mark.parametrize(("content", "status", "message"), [
    (b"x" * 10_000_000, 413, "the body has more than 8,000,000 bytes"),
    (json.dumps({"history": [str(at) for at in range(100_000)]}).encode(), 422, "at most 10000 items"),
    (b'{"history": ["\xff\xfe"]}', 400, "JSON is needed, in UTF-8"),
    (b"[" * 20_000, 400, "not nested deeply"),
    (b'{"history": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "not nested deeply"),
    (b"[" * 100_000, 422, "more than 200 lists"),
    (b'{"history": [' + b" " * 100_000 + b"[" * 30 + b"]" * 30 + b"]}", 400, "not nested deeply"),
    (b"{" + b",".join(b'"%d":1' % at for at in range(700_000)) + b"}", 422, "more than 25,000 keys"),
    (b"{" + b",".join(b'"%d": 1' % at for at in range(50)) + b"}", 422, "an object of 50 keys: '0', '1' and 48 more"),
    (b'{"history": [' + b",".join([b"{}"] * 30_000) + b"]}", 422, "more than 25,000 objects"),
    (b'{"history": [' + b",".join([b"1"] * 300_000) + b"]}", 422, "more than 250,000 values"),
    (b'{"history": ["a"', 422, "the body is not JSON"),
    (b"", 422, "the body: Field required"),
    (b"null", 422, "the body"),
    (b'{"history": ["\\ud800"]}', 422, "history.0.item_id: an id must be valid Unicode text"),
    (b'{"history": [true]}', 422, "history.0.item_id: an id must be text or a whole number"),
    (b'{"history": [""]}', 422, "an id must not be empty"),
    (b'{"history": [{"item_id": "a", "weight": NaN}]}', 422, "history.0.weight: Input should be a finite number"),
    (b'{"history": [], "k": 0}', 422, "k: Input should be greater than or equal to 1, got '0'"),
    (b'{"history": [], "k": 5000}', 422, "k: Input should be less than or equal to 1000, got '5000'"),
    (b'{"history": [], "k": 1e400}', 422, "k: must be a whole number"),
    (b'{"history": [], "k": ' + b"9" * 5000 + b"}", 400, "JSON is needed"),
    (b'{"history": [], "kk": 1}', 422, "kk: Extra inputs are not permitted, got '1'; allowed are exact, "),
    (b"[]", 422, "the body: must be an object with named entries"),
    (b'{"history": {"1": 2}}', 422, "history: must be a list"),
    (b'{"history": [], "tags": ["sold out"]}', 404, "No item carries the tag 'sold out'"),
])  # fmt: skip
def test_bad_requests_get_a_clear_answer(client, content, status, message):
    response = client.post("/v1/recommend", content=content, headers=HEADERS)
    assert response.status_code == status
    assert message in response.json()["error"]


def test_an_answer_to_a_bad_request_is_short(client):
    """It repeats no more than a little of what was sent, and not every one of ten thousand mistakes."""
    for content in (
        b'{"history": [], "' + b"k" * 7_900_000 + b'": 1}',
        json.dumps({"history": [{"item_id": 1, "x": "y" * 500}] * 9_000}).encode(),
        json.dumps({"history": [], "tags": ["t" * 2_000_000]}).encode(),
    ):
        assert len(client.post("/v1/recommend", content=content, headers=HEADERS).text) < 500


def test_a_body_is_utf_8_so_that_what_is_counted_is_what_is_read(client):
    """In UTF-16 a quote that a backslash escapes looks like one that ends a text."""
    text = '{"\\"":1,"history":[' + ",".join(["[]"] * 30_000) + "]}"
    for encoding, status in (("utf-8", 422), ("utf-16", 400), ("utf-32", 400)):
        answer = client.post(
            "/v1/recommend", content=text.encode(encoding), headers={"content-type": "application/json"}
        )
        assert answer.status_code == status


def test_ids_that_look_like_json_are_ids(client):
    """Colons, braces and escaped quotes inside of texts are not counted."""
    odd = ['{"a":[1,', "\\", '\\"', "[[[[[[[[[[[[[[[[[[[[[", ":" * 1000]
    found = post(client, "/v1/recommend", history=[f"{name}{at}" for name in odd for at in range(100)], k=1)
    assert len(found["unknown"]) == 500
    assert found["unknown"][0] == '{"a":[1,0'


def test_the_largest_requests_that_are_allowed_are_answered(client):
    weighted = [{"item_id": f"stranger {at}", "weight": 0.5} for at in range(9_999)] + ["t0-1"]
    assert not post(client, "/v1/recommend", history=weighted, exclude=[str(at) for at in range(10_000)])["popular"]
    batch = [{"history": [f"{at}" for at in range(1000)]}] * 100
    assert len(post(client, "/v1/recommend/batch", histories=batch, k=1)["results"]) == 100


def test_only_our_own_names_are_answered_to(served):
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings(allow_hosts=("Shop.example",)), "elsa")
    with TestClient(app, LOCAL) as client:
        for host in (
            "localhost:80",
            "127.0.0.1",
            "10.1.2.3:8080",
            "[::1]:8080",
            "[fe80::1]",
            "shop.example.",
            "ELSA:1",
        ):
            assert client.get("/v1/index", headers={"host": host}).status_code == 200, host
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "a b"):
            for path in ("/v1/index", "/", "/healthz"):
                refused = client.get(path, headers={"host": host})
                assert refused.status_code == 421, host
                assert "--allow-host" in refused.json()["error"]
    anyone = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings(allow_hosts=("*",)))
    with TestClient(anyone, "http://evil.example") as client:
        assert client.get("/v1/index").status_code == 200
    for wrong in ("http://shop.example", "shop.example:80", "", "a b"):
        with pytest.raises(ei.UsageError, match="A host to allow is a name"):
            Settings(allow_hosts=(wrong,))


def test_bodies_that_come_in_parts_are_limited_too(client):
    parts = (b" " * 100_000 for _ in range(MAX_BODY // 100_000 + 2))
    assert client.post("/v1/recommend", content=parts, headers=HEADERS).status_code == 413


def test_other_mistakes(client):
    assert "Content-Type: application/json" in client.post("/v1/recommend", content=b'{"history": []}').json()["error"]
    assert client.get("/nothing").json()["error"].startswith("there is nothing at '/nothing'")
    assert client.get("/v1/recommend").status_code == 405
    assert client.get("/v1/item", params={"item_id": "nobody"}).status_code == 404
    assert "'nobody'" in client.post("/v1/similar", json={"item_id": "nobody"}).json()["error"]
    assert client.post("/v1/explain", json={"history": HISTORY, "items": ["nobody"]}).status_code == 404
    assert client.head("/").status_code == 200
    assert client.get("/v1/items", params={"prefix": ""}).status_code == 422
    misspelt = client.get("/v1/items", params={"prefix": "a", "limit": 3})
    assert (misspelt.status_code, misspelt.json()) == (
        422,
        {"error": "There is no parameter 'limit'; /v1/items takes prefix, k."},
    )
    assert client.get("/v1/index", params={"k": 3}).json()["error"].endswith("/v1/index takes none.")
    assert client.get("/page/../app.py").status_code == 404
    assert client.get("/page/%2e%2e/app.py").status_code == 404


def test_an_approximate_engine_refuses_exact_and_lack_of_segments_is_told(tastes, tmp_path):
    codes, _ = tastes
    ei.Index.build(codes, tmp_path / "i", engine="faiss-hnsw", segments=None).close()
    with TestClient(create_app(Current(lambda: ei.Index.open(tmp_path / "i"), warming=0), Settings()), LOCAL) as client:
        refused = client.post("/v1/recommend", json={"history": HISTORY, "exact": True})
        assert refused.status_code == 409
        assert "approximate" in refused.json()["error"]
        assert "has no segments" in client.get("/v1/segments").json()["error"]
        assert client.post("/v1/dimensions", json={"history": HISTORY}).json()["dimensions"][0]["segment"] is None
        assert client.get("/v1/items", params={"prefix": "t0-1"}).json()["items"][0]["item_id"] == "t0-1"


def test_a_failure_of_the_service_is_a_500_that_tells_nothing(served):
    class Broken(Current):
        def use(self):
            raise RuntimeError("a path of this machine")

    current = Current(lambda: ei.Index.open(served), warming=0)
    app = create_app(current, Settings())
    current.use = Broken.use.__get__(current)
    response = TestClient(app, LOCAL, raise_server_exceptions=False).post("/v1/recommend", json={"history": []})
    assert response.status_code == 500
    assert response.json() == {
        "error": f"the service failed; its log says why, under {response.headers['x-request-id']}"
    }


def test_a_token_guards_all_but_the_page_and_the_probes(served):
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings(token=TOKEN))
    with TestClient(app, LOCAL) as client:
        for path in ("/", "/page/page.js", "/healthz", "/readyz"):
            assert client.get(path).status_code == 200
        for value in ("", "Bearer no", f"Basic {TOKEN}", TOKEN):
            given = {"authorization": value} if value else {}
            for path in ("/v1/index", "/metrics", "/openapi.json", "/nothing"):
                refused = client.get(path, headers=given)
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"] == "Bearer"
                assert "bearer token" in refused.json()["error"]
        assert client.get("/v1/index", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200
        assert client.post("/v1/recommend", content=b"x" * 9_000_000).status_code == 401
    with pytest.raises(ei.UsageError, match="at least 16 visible ASCII characters, got 5"):
        Settings(token="short")
    with pytest.raises(ei.UsageError, match="visible ASCII"):
        Settings(token=TOKEN + "\n")


def test_the_page_loads_nothing_from_elsewhere(client):
    page = client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for name in ("page/page.js", "page/page.css", "page/icon.svg"):
        assert name in page.text
        response = client.get(f"/{name}")
        assert response.status_code == 200
        outside = [part for part in response.text.split() if "://" in part and "www.w3.org/2000/svg" not in part]
        assert outside == []
    assert "://" not in page.text


def test_metadata_comes_along_where_it_is_asked_for(client, index):
    for path, more in (("/v1/recommend", {}), ("/v1/homepage", {"rows": 2})):
        for wanted in (False, True):
            found = post(client, path, history=HISTORY, k=3, metadata=wanted, **more)
            items = found["items"] if "items" in found else [item for row in found["rows"] for item in row["items"]]
            for item in items:
                (row,) = index.ids.rows([item["item_id"]])
                assert item["metadata"] == (index.metadata.item(int(row)) if wanted else None)
    (batch,) = post(client, "/v1/recommend/batch", histories=[{"history": HISTORY}], k=2, metadata=True)["results"]
    assert all(item["metadata"]["title"] == item["title"] for item in batch["items"])
    found = client.get("/v1/items", params={"prefix": "number 12"}).json()["items"]
    assert all(item["metadata"]["title"] == item["title"] for item in found)


def test_a_homepage_is_filtered(client, index):
    tag = index.segments[2].tag
    page = post(client, "/v1/homepage", history=HISTORY, k=3, tags=[tag], exclude=["t2-0", "nobody"])
    shown = {item["item_id"] for row in page["rows"] for item in row["items"]}
    assert shown
    assert shown <= {index.ids[int(row)] for row in index.segments.rows_of(2)} - {"t2-0"}
    assert client.post("/v1/homepage", json={"history": [], "tags": ["none such"]}).status_code == 404


def test_a_segment_is_listed_whole(client, index):
    parts = [
        client.get("/v1/segments/items", params={"number": 1, "offset": offset, "k": 25}).json() for offset in (0, 25)
    ]
    listed = [item["item_id"] for part in parts for item in part["items"]]
    assert listed == [index.ids[int(row)] for row in index.segments.rows_of(1)]
    assert {part["total"] for part in parts} == {len(listed)} == {40}
    assert client.get("/v1/segments/items", params={"number": 99}).status_code == 404
    assert client.get("/v1/segments/items").status_code == 422


def test_pictures_come_from_named_hosts(served):
    settings = Settings(images=("img.example",))
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), settings)
    with TestClient(app, base_url=LOCAL) as client:
        assert client.get("/v1/index").json()["images"] == ["img.example"]
        policy = client.get("/").headers["content-security-policy"]
        assert "img-src 'self' https://img.example;" in policy
    for wrong in ("*", "https://img.example", "img.example; script-src *", "a b"):
        with pytest.raises(ei.UsageError, match="A host of images is a name"):
            Settings(images=(wrong,))


def test_filters_boosts_diversity_and_pages_are_heard(client, index):
    segment = index.segments[int(index.segments.of[0])].tag
    asked = {"history": ["t3-4"], "k": 12}

    def items(**body):
        return [item["item_id"] for item in post(client, "/v1/recommend", **asked, **body)["items"]]

    def expected(k=12, **options):
        return index.search([["t3-4"]], k, **options).rankings[0].items

    assert items(any_tags=[segment]) == expected(any_tags=[segment])
    assert items(no_tags=[segment, "nobody's"]) == expected(no_tags=[segment])
    assert items(only=["t1-1", "t1-2", "t3-4", "stranger"]) == expected(only=["t1-1", "t1-2"])
    assert items(ranges={"year": {"least": 1990}}) == expected(ranges={"year": (1990, None)})
    assert items(keep_seen=True) == expected(keep_seen=True)
    assert items(offset=3) == expected(15)[3:]
    assert items(boosts=[f"tag:{segment}=3", "power:year=2"]) == expected(boosts=[f"tag:{segment}=3", "power:year=2"])
    assert items(diversity=0.7, diversity_by="codes") == expected(diversity=0.7, diversity_by="codes")
    found = post(client, "/v1/recommend", **asked, diversity=0.7)
    assert "diversity costs" in found["promise"]
    page = post(client, "/v1/homepage", history=["t3-4"], ranges={"year": {"most": 1999}}, no_tags=[segment])
    shown = [item["item_id"] for row in page["rows"] for item in row["items"]]
    assert len(shown) > 20
    years = {name: int(index.metadata.columns["year"][row]) for row, name in enumerate(index.ids)}
    assert max(years[name] for name in shown) <= 1999
    assert not {int(index.segments.of[index.ids.rows([name])[0]]) for name in shown} & {int(index.segments.of[0])}
    again = post(client, "/v1/homepage", history=["t3-4"], only=["t3-4", "t3-5"], keep_seen=True, fewest=1)
    assert {item["item_id"] for row in again["rows"] for item in row["items"]} == {"t3-4", "t3-5"}


def test_items_seen_long_ago_come_back(client):
    timed = [{"item_id": "t3-4", "time": "2020-01-01"}, {"item_id": "t3-5", "time": "2999-01-01T00:00:00Z"}]
    found = post(client, "/v1/recommend", history=timed, k=300, seen_after="30d")
    items = {item["item_id"] for item in found["items"]}
    assert "t3-4" in items
    assert "t3-5" not in items


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"ranges": {"cost": {"least": 1}}}, 409, "no numbers 'cost'"),
        ({"ranges": {"year": {"least": 2, "most": 1}}}, 409, "must begin where it ends or before"),
        ({"boosts": ["age:cost=9"]}, 409, "no numbers 'cost' to boost by"),
        ({"boosts": ["tag:new=much"]}, 409, "A boost is such as"),
        ({"ranges": {"year": {"least": "soon"}}}, 409, "must be a number; got 'soon'"),
        ({"ranges": {"year": [1, 2]}}, 422, "object with named entries"),
        ({"any_tags": ["nobody's"]}, 404, "No item carries the tag"),
        ({"tags": ["nobody's"]}, 404, "No item carries the tag"),
        ({"boosts": ["new"]}, 422, "pattern"),
        ({"offset": -1}, 422, "greater than or equal to 0"),
        ({"diversity_by": "genre"}, 422, "segments"),
    ],
)
def test_filters_that_cannot_be_are_told(client, body, status, said):
    response = client.post("/v1/recommend", json={"history": ["t3-4"], **body})
    assert response.status_code == status, response.text
    assert said in response.text


@pytest.mark.parametrize("path", ["/v1/recommend?k=2", "/v1/similar?x"])
def test_parameters_beside_a_body_are_refused(client, path):
    refused = client.post(path, json={"history": ["t0-1"]})
    assert refused.status_code == 422
    assert "There is no parameter" in refused.json()["error"]


def test_a_request_whose_grace_is_over_is_answered_so():
    sent = []

    async def ask() -> None:
        async def endless(scope, receive, send):
            await asyncio.sleep(60)

        async def receive():
            return {"type": "http.request", "body": b""}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/recommend", "headers": [(b"host", b"localhost")]}
        request = asyncio.create_task(Guard(endless, Metrics(), None, Hosts(["localhost"]))(scope, receive, send))
        await asyncio.sleep(0.05)
        request.cancel()
        await request

    asyncio.run(ask())
    start, body = sent
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert "--grace, is over" in json.loads(body["body"])["error"]
