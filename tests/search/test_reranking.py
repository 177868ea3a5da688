"""Seen items that come back, pages, boosts and diversity: compared with all items, ranked one by one."""

from itertools import chain

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.search.diversity import diverse_order

from ..support.catalogues import TAGS, make_codes, make_histories, make_item_codes

RNG = np.random.default_rng(8)
RATINGS = np.where(RNG.random(300) < 0.1, np.nan, np.round(RNG.uniform(-1, 9, 300), 2))
RELEASED = RNG.integers(0, 100, 300).astype(float)
KINDS = {"codes": "exact", "lucene": "lucene", "over items": "lucene"}


@pytest.fixture(scope="module", params=KINDS)
def index(request, tmp_path_factory):
    codes = make_item_codes() if request.param == "over items" else make_codes()
    known = {
        "item_id": list(codes.ids),
        "title": list(codes.ids),
        "rating": ["" if np.isnan(value) else str(value) for value in RATINGS],
        "released": RELEASED.tolist(),
    }
    store = "none" if request.param == "over items" else None
    path = tmp_path_factory.mktemp("reranking") / "i"
    with ei.Index.build(
        codes, path, engine=KINDS[request.param], tags=TAGS, metadata=known, numbers=["rating", "released"],
        target_overlap=1, store=store,
    ) as built:  # fmt: skip
        yield built


@pytest.fixture(scope="module")
def asked(index):
    return make_histories(make_codes(), 15)


def everything(index, history, **options):
    """(items,) scores of all items left, by row; -inf for others. The engine's own order of all is what others test."""
    found = index.search([history], len(index.ids), **options).rankings[0]
    scores = np.full(len(index.ids), -np.inf)
    scores[found.rows] = found.answer.scores
    return scores


def test_seen_items_may_come_back(index, asked):
    kept = index.search(asked, 300, keep_seen=True)
    for ranking, history in zip(kept.rankings, asked, strict=True):
        assert len(ranking.items) == 300
        assert set(history) <= set(ranking.items)
        assert ranking.proven
    some = [history[:1] for history in asked]
    for ranking, history in zip(index.search(asked, 300, seen=some).rankings, asked, strict=True):
        assert set(ranking.items) == set(index.ids) - {history[0]}
    stranger = index.search(asked[:1], 300, seen=[["nobody", "item250"]]).rankings[0]
    assert set(stranger.items) == set(index.ids) - {"item250"}


def test_pages_follow_each_other(index, asked):
    whole = index.search(asked, 30)
    pages = [index.search(asked, 10, offset=offset) for offset in (0, 10, 20)]
    for at in range(len(asked)):
        assert list(chain(*(page.rankings[at].items for page in pages))) == whole.rankings[at].items
    assert index.search(asked[:1], 10, offset=10**6).rankings[0].items == []
    popular = index.search([["nobody"]], 10, fallback="popular").rankings[0].items
    assert index.search([["nobody"]], 5, offset=5, fallback="popular").rankings[0].items == popular[5:]


EVEN = {item for item, tag in TAGS if tag == "even"}
IS_EVEN = np.array([name in EVEN for name in make_codes().ids])
ABOVE_0 = np.where(RATINGS > 0, RATINGS, np.nan)
RELATIVE = np.nan_to_num(ABOVE_0 / np.nanmedian(ABOVE_0), nan=1.0)
FACTORS = {
    "tag:even=1.5": np.where(IS_EVEN, 1.5, 1.0),
    "tag:even=0.25": np.where(IS_EVEN, 0.25, 1.0),
    "tag:none=9": np.ones(300),
    "age:released=10": np.exp2((RELEASED - RELEASED.max()) / 10),
    "age:released=40": np.exp2((RELEASED - RELEASED.max()) / 40),
    "power:rating=0.5": RELATIVE**0.5,
    "power:rating=-1": 1 / RELATIVE,
}


@pytest.mark.parametrize("boosts", [*([one] for one in FACTORS), ["tag:even=1.5", "age:released=40"]])
@pytest.mark.parametrize("k", [5, 200])
def test_boosts_rank_all_items_by_boosted_scores(index, asked, boosts, k):
    factors = np.prod([FACTORS[boost] for boost in boosts], axis=0)
    result = index.search(asked, k, boosts=boosts)
    for ranking, history in zip(result.rankings, asked, strict=True):
        scores = everything(index, history)
        with np.errstate(invalid="ignore"):
            boosted = np.where(scores >= 0, scores * factors, scores / factors)
        best = np.sort(boosted[np.isfinite(scores)])[::-1][:k]
        np.testing.assert_allclose(ranking.scores, best, atol=1e-5)
        assert ranking.proven
    assert result.promise.startswith("exact")


@pytest.mark.parametrize("by", ["segments", "codes"])
@pytest.mark.parametrize("diversity", [0.3, 1.0])
def test_diverse_items_are_those_that_are_taken_one_by_one_of_all(index, asked, by, diversity):
    if by == "codes" and index.manifest.parameters["store"] == "none":
        with pytest.raises(ei.UsageError, match="keeps no codes to compare items by"):
            index.search(asked, 8, diversity=diversity, diversity_by=by)
        return
    result = index.search(asked, 8, diversity=diversity, diversity_by=by)
    costs = []
    for ranking, history in zip(result.rankings, asked, strict=True):
        scores = everything(index, history)
        order = np.lexsort((np.arange(len(scores)), -scores))[: int(np.isfinite(scores).sum())]
        similar = similarities(index, by)
        taken: list[int] = []
        for _ in range(8):
            nearest = np.max(similar[taken], axis=0, initial=0)
            lost = diversity * np.clip(nearest, 0, 1) * np.abs(np.where(np.isfinite(scores), scores, 0))
            worth = scores - lost
            worth[taken] = -np.inf
            taken.append(int(order[np.argmax(worth[order])]))
        np.testing.assert_allclose(scores[ranking.rows], scores[taken], atol=1e-6)
        assert ranking.proven
        plain = np.sort(scores)[::-1][:8].sum()
        if plain > 0:
            costs.append(1 - scores[taken].sum() / plain)
    assert result.cost == pytest.approx(np.mean(costs), abs=1e-6)
    assert f"; diversity costs {result.cost:.2%} of the scores' sum" in result.promise
    assert index.search(asked, 8).cost is None


def similarities(index, by):
    if by == "segments":
        of = index.segments.of
        return ((of[:, None] == of[None, :]) & (of >= 0)[:, None]).astype(float)
    dense = index.catalogue.engine.stored_rows(np.arange(len(index.ids))).toarray()
    norms = np.linalg.norm(dense, axis=1, keepdims=True)
    unit = np.divide(dense, norms, out=np.zeros_like(dense), where=norms > 0)
    return unit @ unit.T


def test_boosts_diversity_filters_and_pages_go_together(index, asked):
    options = {"boosts": ["tag:even=2"], "diversity": 0.5, "diversity_by": "segments", "ranges": {"released": (20, 90)}}
    whole = index.search(asked, 12, **options)
    page = index.search(asked, 6, offset=6, **options)
    for ranking, second in zip(whole.rankings, page.rankings, strict=True):
        assert second.items == ranking.items[6:]
        assert ((RELEASED[ranking.rows] >= 20) & (RELEASED[ranking.rows] <= 90)).all()


def test_approximate_engines_promise_nothing(tmp_path):
    with ei.Index.build(make_codes(), tmp_path / "i", engine="faiss-hnsw", tags=TAGS, segments=None) as index:
        found = index.search([["item20", "item30"]], 5, boosts=["tag:even=2"], diversity=0.5)
        assert not found.rankings[0].proven
        assert found.promise.startswith("approximate")
        assert len(found.rankings[0].items) == 5


def test_an_item_of_no_segment_is_like_no_other():
    order, worth = diverse_order(np.array([3.0, 2.0, 1.0]), lambda at: np.zeros(3), 1.0, 9)
    assert (order, worth) == ([0, 1, 2], [3.0, 2.0, 1.0])


def test_items_seen_long_ago_come_back(tmp_path):
    frame = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], "time": [0, 80_000, 90_000]})
    read = ei.read_histories(frame, time_column="time", seen_after="6h")
    assert (read.items, read.seen) == ([["a", "b"], ["a"]], [["b"], ["a"]])
    with pytest.raises(ei.UsageError, match="needs times"):
        ei.read_histories(frame, seen_after="6h")


def test_popular_items_that_were_seen_do_not_come_back(index):
    popular = index.search([["nobody"]], 5, fallback="popular").rankings[0].items
    found = index.search([["nobody"]], 4, seen=[popular[:2]], fallback="popular").rankings[0]
    assert found.items[:3] == popular[2:]
    assert len(found.items) == 4
    assert (
        index.search([["nobody"]], 5, seen=[popular], keep_seen=True, fallback="popular").rankings[0].items == popular
    )


def test_old_items_are_not_lost_in_zeros(index, asked):
    found = index.search(asked, 300, boosts=["age:released=1"])
    for ranking in found.rankings:
        assert np.isfinite(ranking.scores).all()
    for wrong in ("power:rating=1e300", "tag:even=1e300", "age:released=0.1"):
        with pytest.raises(ei.UsageError, match="must be by a number from"):
            index.search(asked, 3, boosts=[wrong])


@pytest.mark.parametrize("options", [{"boosts": ["tag:even=5"]}, {"diversity": 0.5}])
def test_that_popular_items_are_not_reranked_is_told(index, asked, options):
    mixed = index.search([["nobody"], asked[0]], 5, fallback="popular", **options)
    plain = index.search([["nobody"]], 5, fallback="popular")
    assert mixed.rankings[0].items == plain.rankings[0].items
    assert "popular items are not boosted, nor chosen to be diverse" in mixed.promise
    assert "popular" not in index.search(asked[:1], 5, fallback="popular", **options).promise
    assert "popular items" not in plain.promise


@pytest.mark.parametrize("values", [[-3.0, -2.0, -1.0], ["1950-01-01", "1960-01-01", "1969-01-01"], [0, -5, None]])
def test_the_newest_is_as_it_is_also_below_zero(values, tmp_path):
    codes = ei.ItemCodes(ei.IdMap("abc"), csr_array(np.array([[1.0, 0], [0.6, 0.8], [0.8, 0.6]])))
    known = {"item_id": list("abc"), "title": list("abc"), "y": values}
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None, metadata=known, numbers=["y"]) as index:
        plain = dict(zip("abc", (1.0, 0.6, 0.8), strict=True))
        boosted = index.search([["a"]], 3, keep_seen=True, boosts=["age:y=1"]).rankings[0]
        scores = dict(zip(boosted.items, boosted.scores.tolist(), strict=True))
        newest = "a" if values[0] == 0 else "c"
        assert scores[newest] == pytest.approx(plain[newest], abs=1e-3)
