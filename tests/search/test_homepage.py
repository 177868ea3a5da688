"""Rows of a homepage, compared with what they promise."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import elsa_index as ei
from elsa_index.engines import engine_class

from ..support.catalogues import GENRES, make_tastes
from ..support.engines import EVERY_ENGINE


@pytest.fixture(scope="module", params=EVERY_ENGINE)
def index(request, tastes, place, tmp_path_factory):
    codes, metadata = tastes
    path = tmp_path_factory.mktemp("homepage") / "i"
    with ei.Index.build(codes, path, metadata=metadata, **place(request.param)) as built:
        yield built


HISTORIES = [["t0-1", "t0-2", "t3-4"], ["t5-0"], [f"t2-{at}" for at in range(36)], ["t1-1", "nobody"]]


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("k", [1, 5, 45])
def test_no_item_twice_every_row_full_and_of_its_segment(index, history, k):
    page = index.homepage(history, rows=5, k=k)
    shown = [item for row in page.rows for item in row.items]
    assert len(set(shown)) == len(shown)
    assert not set(shown) & set(history)
    assert page.rows[0].segment is None
    assert page.rows[0].name == "For you"
    first = set(page.rows[0].items)
    for row in page.rows[1:]:
        members = {index.ids[int(at)] for at in np.flatnonzero(index.segments.of == row.segment.number)}
        assert set(row.items) <= members
        assert len(row.items) == min(k, len(members - set(history) - first))
        assert len(row.items) >= (k + 1) // 2
        assert sorted(row.scores, reverse=True) == row.scores
    segments = [row.segment.number for row in page.rows[1:]]
    assert len(set(segments)) == len(segments)
    assert page.unknown == [item for item in history if item == "nobody"]
    assert not page.popular


def test_rows_are_the_exhaustive_best_of_their_segments(index, tastes):
    if not engine_class(index.engine).capabilities.exact:
        pytest.skip(f"{index.engine} is approximate")
    codes, _ = tastes
    history = ["t0-1", "t3-4", "t3-5"]
    page = index.homepage(history, rows=4, k=6, exact=True)
    store = engine_class(index.engine).capabilities.stores[0]
    dense = codes.weights.toarray().astype(store).astype(np.float64)
    scores = dense @ dense[codes.ids.rows(history)].sum(axis=0)
    taken = set(codes.ids.rows(history).tolist()) | set(codes.ids.rows(page.rows[0].items).tolist())
    for row in page.rows[1:]:
        inside = [at for at in np.flatnonzero(index.segments.of == row.segment.number) if at not in taken]
        np.testing.assert_allclose(row.scores, np.sort(scores[inside])[::-1][:6], atol=1e-5)


def test_rows_of_a_calibrated_index_are_the_best_of_their_segments_and_the_page_says_what_it_is_worth(tmp_path):
    """Cut queries would miss items that share few terms with a history: a segment's items are all scored."""
    codes, metadata = make_tastes(each=600)
    histories = [[f"t{at % 6}-{at % 40}", f"t{(at + 1) % 6}-{at % 37}"] for at in range(60)]
    with ei.Index.build(codes, tmp_path / "i", metadata=metadata, histories=histories, target_overlap=0.5) as index:
        assert index.manifest.calibration.query_terms < 20
        promises = set()
        for history in histories[:30]:
            page = index.homepage(history, rows=5, k=10)
            promises.add(page.promise.split(":")[0])
            first = set(page.rows[0].items)
            for row in page.rows[1:]:
                best = index.search([history], 20, exact=True, tags=[row.segment.tag]).ids[0]
                assert row.items == [item for item in best if item is not None and item not in first][:10]
            if not index.search([history], 10).proven[0]:
                assert page.promise.startswith("calibrated")
        assert "calibrated" in promises


def test_an_unknown_history_gets_popular_items_and_says_so(index):
    for history in ([], ["nobody"]):
        page = index.homepage(history, rows=4, k=3)
        assert page.popular
        assert "popular" in page.promise
        assert page.rows[0].name == "Popular"
        assert page.rows[0].items == ["t0-0", "t1-0", "t2-0"]
        assert page.unknown == history
        shown = [item for row in page.rows for item in row.items]
        assert len(set(shown)) == len(shown) == 12
        assert [row.segment.number for row in page.rows[1:]] == [0, 1, 2]


def test_without_item_counts_an_unknown_history_gets_typical_items(tastes, tmp_path):
    codes, _ = tastes
    bare = ei.ItemCodes(codes.ids, codes.weights)
    with ei.Index.build(bare, tmp_path / "i", engine="exact") as index:
        page = index.homepage([], rows=3, k=4)
        assert "without item counts" in page.promise
        assert [row.segment.number for row in page.rows] == [0, 1, 2]
        assert page.rows[0].items == index.segments[0].typical[:4]
        assert [len(row.items) for row in index.homepage([], rows=3, k=40).rows] == [40, 40, 40]


def test_a_segment_with_too_few_unseen_items_is_left_out(index):
    history = [f"t2-{at}" for at in range(38)]
    names = [row.name for row in index.homepage(history, rows=6, k=4).rows]
    assert not any(name.startswith(GENRES[2]) for name in names)
    assert any(
        name.startswith(GENRES[2]) for name in (row.name for row in index.homepage(history[:20], rows=6, k=4).rows)
    )


@pytest.mark.parametrize(("options", "message"), [
    ({"rows": 0}, "rows must be at least 1, got 0"),
    ({"k": 0}, "k must be at least 1, got 0"),
    ({"k": 3, "fewest": 4}, "fewest must be at most k, 3, got 4"),
    ({"diversity": 1.5}, "diversity must be from 0 to 1, got 1.5"),
])  # fmt: skip
def test_what_a_homepage_cannot_be(index, options, message):
    with pytest.raises(ei.UsageError, match=message):
        index.homepage(["t0-1"], **options)


def test_weights_of_a_history_move_its_rows(index):
    history = ["t0-1", "t3-1"]
    for weights, taste in (([1.0, 0.01], 0), ([0.01, 1.0], 3)):
        page = index.homepage(history, weights=weights, rows=2, k=5)
        assert page.rows[1].name.startswith(GENRES[taste])


@pytest.fixture(scope="module")
def exact(tastes, tmp_path_factory):
    codes, metadata = tastes
    with ei.Index.build(codes, tmp_path_factory.mktemp("any") / "i", engine="exact", metadata=metadata) as built:
        yield built


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 239), max_size=239), st.integers(1, 9), st.integers(1, 60), st.floats(0, 1))
def test_no_item_is_shown_twice_for_any_history(exact, rows, count, k, diversity):
    history = [exact.ids[row] for row in rows]
    page = exact.homepage(history, rows=count, k=k, diversity=diversity)
    shown = [item for row in page.rows for item in row.items]
    assert len(set(shown)) == len(shown)
    assert not set(shown) & set(history)
    assert len(page.rows) <= count


def test_every_row_passes_the_filter(tastes, place, tmp_path):
    codes, metadata = tastes
    tagged = [(item, "in stock") for at, item in enumerate(codes.ids) if at % 4]
    tagged += [(item, "rare") for at, item in enumerate(codes.ids) if at % 40 == 1]
    allowed = {item for item, tag in tagged if tag == "in stock"}
    gone = ["t0-1", "t0-2", "t3-7", "nobody"]
    with ei.Index.build(codes, tmp_path / "i", metadata=metadata, tags=tagged) as index:
        for history in (["t0-5", "t3-4"], []):
            page = index.homepage(history, rows=6, k=5, tags=["in stock"], exclude=gone)
            shown = [item for row in page.rows for item in row.items]
            assert set(shown) <= allowed - set(gone)
            assert len(shown) == len(set(shown))
            assert len(page.rows) >= 3
            assert all(len(row.items) == 5 for row in page.rows)
            # A segment with fewer items that pass than half a row is left out.
            rare = index.homepage(history, rows=6, k=4, tags=["in stock", "rare"])
            assert len(rare.rows) == 1
            assert all(item in allowed for item in rare.rows[0].items)
        once = (item for item in gone)  # every row asks again what is excluded
        assert not {item for row in index.homepage(["t0-5", "t3-4"], exclude=once).rows for item in row.items} & set(
            gone
        )
        with pytest.raises(ei.UsageError, match="No item carries the tag 'used'"):
            index.homepage(["t0-5"], tags=["used"])
        with pytest.raises(ei.UsageError, match="not one text"):
            index.homepage(["t0-5"], exclude="t0-1")


def test_a_filtered_row_is_the_best_of_what_passes(tastes, tmp_path):
    codes, metadata = tastes
    tagged = [(item, "even") for at, item in enumerate(codes.ids) if at % 2 == 0]
    history = ["t0-1", "t3-4"]
    with ei.Index.build(codes, tmp_path / "i", engine="exact", metadata=metadata, tags=tagged) as index:
        page = index.homepage(history, rows=4, k=5, tags=["even"])
        first = set(page.rows[0].items)
        assert page.rows[0].items == [*index.search([history], 5, tags=["even"]).ids[0]]
        for row in page.rows[1:]:
            best = index.search([history], 40, tags=["even", row.segment.tag]).ids[0]
            assert row.items == [item for item in best if item is not None and item not in first][:5]


def test_short_segments_get_no_row_where_seen_items_may_return(tastes, tmp_path):
    codes, metadata = tastes
    with ei.Index.build(codes, tmp_path / "i", engine="exact", metadata=metadata) as index:
        for history in HISTORIES:
            page = index.homepage(history, rows=6, k=38, fewest=38, keep_seen=True)
            assert all(len(row.items) == 38 for row in page.rows)
            shown = [item for row in page.rows for item in row.items]
            assert len(set(shown)) == len(shown)


def test_what_was_seen_is_not_among_popular_items(exact):
    top = exact.search([["nobody"]], k=4, fallback="popular").rankings[0].items
    page = exact.homepage(["nobody"], seen=top, k=4)
    assert page.popular
    assert not set(top) & {item for row in page.rows for item in row.items}
    assert exact.homepage(["nobody"], seen=top, k=4, keep_seen=True).rows[0].items == top
