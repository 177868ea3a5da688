"""Filters: every engine against what the oracle leaves of all items; also after numbers changed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

import elsa_index as ei

from ..support.catalogues import TAGS, make_codes, make_histories, make_item_codes
from ..support.engines import EVERY_ENGINE, growing_from

DAY = 86_400.0
RNG = np.random.default_rng(8)
PRICES = np.where(RNG.random(300) < 0.1, np.nan, np.round(RNG.uniform(1, 100, 300), 2))
RELEASED = np.datetime64("2024-01-01") + RNG.integers(0, 365, 300)
ID_TAGS: dict[str, set[str]] = {}
for _item, _tag in TAGS:
    ID_TAGS.setdefault(_tag, set()).add(_item)


def metadata(codes):
    prices = ["" if np.isnan(price) else f"{price}" for price in PRICES]
    return {"item_id": list(codes.ids), "title": list(codes.ids), "price": prices, "released": list(map(str, RELEASED))}


FILTERS: dict[str, dict[str, Any]] = {
    "one of two tags": {"any_tags": ["even", "x y"]},
    "one of a tag and one that nobody carries": {"any_tags": ["x y", "nobody's"]},
    "none of a tag": {"no_tags": ["even", "nobody's"]},
    "a tag, and not another": {"tags": ["all"], "no_tags": ["even"]},
    "cheap": {"ranges": {"price": (None, 20)}},
    "dear": {"ranges": {"price": (80.5, None)}},
    "any price": {"ranges": {"price": (None, None)}},
    "of spring": {"ranges": {"released": ("2024-03-01", "2024-05-31")}},
    "cheap and of spring, tagged": {
        "ranges": {"price": (5, 60), "released": ("2024-03-01", "2024-05-31")},
        "any_tags": ["all"],
    },
    "nothing": {"ranges": {"price": (1000, None)}},
    "only these": {"only": ["a,b", "item20", "item21", "item30", "stranger"]},
    "only these, without one": {"only": ["item20", "item21", "item30"], "exclude": ["item21"]},
    "only these, cheap": {"only": [f"item{row}" for row in range(20, 200)], "ranges": {"price": (None, 50)}},
}


def passing(ids, wanted, prices=PRICES):
    """The oracle's filter: item by item."""
    allowed = []
    for row, name in enumerate(ids):
        carried = {tag for tag, items in ID_TAGS.items() if name in items}
        passes = set(wanted.get("tags", ())) <= carried
        passes &= "any_tags" not in wanted or bool(carried & set(wanted["any_tags"]))
        passes &= not carried & set(wanted.get("no_tags", ()))
        passes &= "only" not in wanted or name in wanted["only"]
        passes &= name not in wanted.get("exclude", ())
        for column, (least, most) in wanted.get("ranges", {}).items():
            value = prices[row] if column == "price" else RELEASED[row]
            if column == "price":
                passes &= not np.isnan(value) and (least is None or value >= least) and (most is None or value <= most)
            else:
                passes &= np.datetime64(least) <= value <= np.datetime64(most)
        allowed.append(bool(passes))
    return np.array(allowed)


def expected(index, codes, history, allowed, k):
    """Scores of the best, from the codes as they are stored."""
    engine = index.catalogue.engine
    stored = engine.stored_rows(np.arange(len(codes.ids))).toarray()
    rows = codes.ids.rows(set(history))
    scores = stored @ stored[rows].sum(axis=0)
    left = allowed.copy()
    left[rows] = False
    return np.sort(scores[left])[::-1][:k], left


@pytest.fixture(scope="module", params=EVERY_ENGINE)
def index(request, codes, place, tmp_path_factory):
    path = tmp_path_factory.mktemp("filters") / "i"
    facets: dict[str, Any] = {"tags": TAGS, "metadata": metadata(codes), "numbers": ["price", "released"]}
    with ei.Index.build(codes, path, **place(request.param), **facets, segments=None) as built:
        yield growing_from(built, few=0)


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=list(FILTERS))
def test_what_passes_is_ranked_as_the_oracle_ranks_it(index, codes, histories, wanted):
    allowed = passing(codes.ids, wanted)
    result = index.search(histories[:12], 15, **wanted)
    for ranking, history in zip(result.rankings, histories, strict=False):
        scores, left = expected(index, codes, history, allowed, 15)
        assert len(ranking.items) == min(15, left.sum())
        assert left[ranking.rows].all()
        if index.can_be_exact:
            np.testing.assert_allclose(ranking.scores, scores, atol=1e-4)
            assert ranking.proven


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=list(FILTERS))
def test_impacts_alone_are_filtered_too(wanted, tmp_path_factory, over_items):
    codes, index = over_items
    allowed = passing(codes.ids, wanted)
    dense = codes.weights.toarray()
    for history in make_histories(codes, 6):
        rows = codes.ids.rows(set(history))
        left = allowed.copy()
        left[rows] = False
        found = index.search([history], 15, **wanted).rankings[0]
        scores = dense[:, rows].sum(axis=1)
        assert left[found.rows].all()
        np.testing.assert_allclose(found.scores, np.sort(scores[left])[::-1][:15], atol=0.02 * np.abs(dense).max() * 9)
        assert found.proven


@pytest.fixture(scope="module")
def over_items(codes, tmp_path_factory) -> Iterator[tuple[ei.ItemCodes, ei.Index]]:
    made = make_item_codes()
    facets: dict[str, Any] = {"tags": TAGS, "metadata": metadata(codes), "numbers": ["price", "released"]}
    path = tmp_path_factory.mktemp("impacts") / "i"
    with ei.Index.build(made, path, engine="lucene", store="none", **facets, segments=None) as index:
        yield made, index


@pytest.mark.parametrize("engine", ["exact", "lucene", "faiss-flat", "opensearch"])
def test_numbers_change_with_metadata(engine, codes, histories, place, tmp_path):
    facets: dict[str, Any] = {"tags": TAGS, "metadata": metadata(codes), "numbers": ["price"]}
    ei.Index.build(codes, tmp_path / "i", **place(engine), **facets, segments=None).close()
    prices = PRICES.copy()
    changed: dict[str, list[object]] = {"item_id": ["item20", "item21", "item22"], "price": ["3", "", 500]}
    prices[codes.ids.rows(["item20", "item21", "item22"])] = [3, np.nan, 500]
    done = ei.upsert(tmp_path / "i", codes, metadata=changed)
    assert (done.retagged, done.replaced) == (3, 0)
    for wanted in ({"ranges": {"price": (None, 20)}}, {"ranges": {"price": (90, None)}}):
        with ei.Index.open(tmp_path / "i") as index:
            order = codes.ids.rows(list(index.ids))
            allowed = passing(codes.ids, wanted, prices)[order]
            for ranking, history in zip(index.search(histories[:6], 300, **wanted).rankings, histories, strict=False):
                known = set(index.ids.find(history).tolist())
                assert set(ranking.rows.tolist()) == set(np.flatnonzero(allowed).tolist()) - known
    ei.compact(tmp_path / "i")
    with ei.Index.open(tmp_path / "i") as index:
        found = index.search([["item30"]], 300, ranges={"price": (400, None)})
        assert found.rankings[0].items == ["item22"]
    with pytest.raises(ei.DataError, match=r"price of the item 'item20' must be a number, .* got 'cheap'"):
        ei.upsert(tmp_path / "i", codes, metadata={"item_id": ["item20"], "price": ["cheap"]})


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"ranges": {"cost": (1, 2)}}, "The index has no numbers 'cost'; it has 'price', 'released'"),
        ({"ranges": {"price": ("cheap", None)}}, "ends of the range of price must be a number; got 'cheap'"),
        ({"ranges": {"price": (3, 1)}}, "must begin where it ends or before, got 3 to 1"),
        ({"ranges": {"price": "1..3"}}, "must be a pair of its ends"),
        ({"ranges": {"released": (1, None)}}, "must be a date of ISO 8601, such as 2024-01-31; got '1'"),
        ({"any_tags": ["nobody's", "neither"]}, "No item carries the tag"),
        ({"no_tags": "even"}, "no_tags is a sequence of names, not one text; got 'even'"),
        ({"only": "item20"}, "only is a sequence of names"),
    ],
)
def test_filters_that_cannot_be_are_told(index, wanted, message):
    with pytest.raises(ei.UsageError, match=message):
        index.search([["item20"]], **wanted)


def test_numbers_that_cannot_be_are_told(tmp_path):
    codes = make_codes(3)
    build: dict[str, Any] = {"engine": "exact", "segments": None}

    def refused(message, **options):
        with pytest.raises((ei.UsageError, ei.DataError), match=message):
            ei.Index.build(codes, tmp_path / "i", **build, **options)

    known = {"item_id": list(codes.ids), "title": ["a", "b", "c"]}
    refused("numbers are taken from columns of metadata, and there is none", numbers=["price"])
    refused("no column 'price' of numbers; it has 'item_id', 'title'", metadata=known, numbers=["price"])
    refused("must be a number, or all of them dates", metadata=known | {"p": ["1", "x", ""]}, numbers=["p"])
    refused("must be a date of ISO 8601", metadata=known | {"p": ["1", "2024-01-01", ""]}, numbers=["p"])
    refused("not one text; got 'p'", metadata=known | {"p": [1, 2, 3]}, numbers="p")
    with (
        ei.Index.build(codes, tmp_path / "i", **build) as index,
        pytest.raises(ei.UsageError, match=r"has no numbers to filter by; build it with some: .* --number price"),
    ):
        index.search([["0"]], ranges={"price": (1, 2)})


@pytest.mark.parametrize("engine", ["lucene", "exact"])
def test_zeros_have_no_sign(engine, codes, histories, tmp_path):
    """Lucene has -0.0 below 0.0; NumPy has them equal."""
    zeros = [-0.0 if row % 2 else 0.0 for row in range(300)]
    known = {"item_id": list(codes.ids), "title": list(codes.ids), "zero": zeros}
    with ei.Index.build(codes, tmp_path / "i", engine=engine, metadata=known, numbers=["zero"], segments=None) as index:
        growing_from(index, few=0)
        for ends in ((0.0, 1), (-1, -0.0), (-0.0, 0.0)):
            found = index.search(histories[:5], 300, ranges={"zero": ends})
            assert [len(ranking.items) for ranking in found.rankings] == [300 - len(set(own)) for own in histories[:5]]


@pytest.mark.parametrize("engine", ["exact", "lucene"])
@pytest.mark.parametrize("day", ["1955-05-05", "1969-12-31", "1955-W18-4", "2024-02-29"])
def test_a_day_ends_where_the_next_begins(engine, day, tmp_path):
    at = datetime.fromisoformat(day)
    times = [at - timedelta(seconds=1), at, at + timedelta(hours=23, minutes=59), at + timedelta(days=1)]
    codes = make_codes(60)
    known: dict[str, Any] = {"item_id": [codes.ids[row] for row in range(4)], "title": list("abcd"), "d": times}
    with ei.Index.build(codes, tmp_path / "i", engine=engine, segments=None, metadata=known, numbers=["d"]) as index:
        within = index.search([[codes.ids[9]]], 60, keep_seen=True, exact=True, ranges={"d": (day, day)})
        until = index.search([[codes.ids[9]]], 60, keep_seen=True, exact=True, ranges={"d": (None, day)})
    assert set(within.rankings[0].items) == {codes.ids[1], codes.ids[2]}
    assert set(until.rankings[0].items) == {codes.ids[0], codes.ids[1], codes.ids[2]}


def test_tags_and_names_of_numbers_may_be_numbers(tmp_path):
    codes = make_codes(60)
    known: Any = {"item_id": [codes.ids[3]], "title": ["a"], 0: [10]}
    tags: Any = [(codes.ids[3], 2024)]
    number: Any = 0
    with ei.Index.build(
        codes, tmp_path / "i", engine="exact", segments=None, metadata=known, numbers=["0"], tags=tags
    ) as index:
        years: Any = (2024, np.int64(2024), "2024")
        for year in years:
            assert codes.ids[3] not in index.search([[codes.ids[9]]], 60, no_tags=[year]).rankings[0].items
            assert index.search([[codes.ids[9]]], 60, tags=[year]).rankings[0].items == [codes.ids[3]]
        assert index.search([[codes.ids[9]]], 60, ranges={number: (1, 10)}).rankings[0].items == [codes.ids[3]]
        with pytest.raises(ei.UsageError, match="ends of the range of 0 must be a number"):
            index.search([[codes.ids[9]]], 60, ranges={"0": (None, 10**400)})
