"""What every engine must do. An engine that cannot do something says so in its capabilities."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.data.scipy_matrix import with_norms
from elsa_index.engines import engine_class
from elsa_index.engines.stored_codes import StoredCodes

from ..support.catalogues import ODD_IDS, TAGS, make_codes, make_histories, oracle
from ..support.engines import EVERY_ENGINE, INSTALLED_ENGINES, growing_from


@pytest.fixture(scope="module", params=EVERY_ENGINE)
def index(request, codes, place, tmp_path_factory):
    path = tmp_path_factory.mktemp("contract") / "catalogue.index"
    with ei.Index.build(codes, path, **place(request.param), segments=None) as built:
        yield growing_from(built, few=0)


APPROXIMATE = {"faiss-hnsw": 0.95, "faiss-sq8": 0.95, "faiss-ivfpq": 0.4, "seismic": 0.9}
"""Shares of the exact top 20 that approximate engines reach on 300 random codes: the worst case for quantisers."""


def capabilities(index: ei.Index):
    return engine_class(index.engine).capabilities


def test_ranks_like_the_exhaustive_oracle(index, codes, histories):
    able = capabilities(index)
    result = index.search(histories, 20)
    truth = oracle(codes, histories, 20, able.stores[0])
    if able.exact:
        for scores, expected in zip(result.scores, truth, strict=True):
            np.testing.assert_allclose(scores, expected, atol=1e-6 + able.score_tolerance * 10)
        assert result.proven.all()
    else:
        dense = codes.weights.toarray().astype(np.float64)
        reached = []
        for rows, history, expected in zip(result.rows, histories, truth, strict=True):
            scores = dense[rows] @ dense[codes.ids.rows(set(history))].sum(axis=0)
            reached.append(np.mean(scores >= expected[-1] - 1e-5))
        assert np.mean(reached) >= APPROXIMATE[index.engine]
        assert not result.proven.any()


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_items_bring_their_history_weights_and_codes_their_norms(codes, histories, engine, place, tmp_path):
    rng = np.random.default_rng(5)
    norms, shares = (rng.uniform(0.5, 2.0, len(codes.ids)).astype(np.float32) for _ in range(2))
    weighted = replace(codes, weights=with_norms(codes.weights, norms), history_weights=shares)
    dense = weighted.weights.toarray().astype(np.float64)
    with ei.Index.build(weighted, tmp_path / "i", **place(engine)) as index:
        result = index.search(histories[:10], 1)
        for history, best in zip(histories[:10], result.scores[:, 0], strict=True):
            rows = codes.ids.rows(set(history))
            scores = dense @ (shares[rows] @ dense[rows])
            scores[rows] = -np.inf
            assert best == pytest.approx(scores.max(), rel=3e-3 + 2 * engine_class(engine).capabilities.score_tolerance)


STORES = [
    (engine, store)
    for engine in INSTALLED_ENGINES
    for store in engine_class(engine).capabilities.stores
    if store != "none"  # not for codes that histories are made of: see test_asymmetric.py
]


@pytest.mark.parametrize(("engine", "store"), STORES)
@pytest.mark.parametrize("unit", [True, False])
def test_what_is_exact_is_the_ranking_of_the_codes_as_they_are_stored(engine, store, unit, place, tmp_path):
    codes = make_codes(120, dims=32, nnz=6, seed=3, unit=unit)
    histories = make_histories(codes, 20)
    with ei.Index.build(codes, tmp_path / "i", **place(engine), store=store) as index:
        stored = index.catalogue.engine.stored_rows(np.arange(120)).toarray()
        given = codes.weights.toarray()
        unit_of = {"int8": np.abs(given).max(axis=1, keepdims=True) / 127 * 0.51, "float16": np.abs(given) * 2**-11}
        if not engine.endswith(("-sq8", "-ivfpq")):  # these say themselves that they keep less than float32
            assert (np.abs(stored - given) <= unit_of.get(store, 0) + 1e-6).all()
        result = index.search(histories, 20)
        for at, history in enumerate(histories):
            rows = codes.ids.rows(set(history))
            scores = np.delete(stored @ stored[rows].sum(axis=0), rows)
            if capabilities(index).exact:
                np.testing.assert_allclose(result.scores[at], np.sort(scores)[::-1][:20], atol=1e-4)
                assert result.proven[at]


def test_int8_keeps_the_largest_weight_drops_the_smallest_and_names_what_does_not_fit():
    def rounded(*rows):
        return StoredCodes.round(ei.ItemCodes(ei.IdMap(map(str, range(len(rows)))), csr_array(np.array(rows))), "int8")

    store = rounded([1.0, -0.5, 1e-3], [-8.0, 0, 4.0])
    assert store.lengths.tolist() == [2, 2]
    assert store.weights.tolist() == [127, -63, -127, 64] or store.weights.tolist() == [127, -64, -127, 64]
    np.testing.assert_allclose(store.csr_rows(np.arange(2)).toarray(), np.array([[1, -0.5, 0], [-8, 0, 4]]), rtol=0.01)
    for weight in (1e-9, 1e8):
        with pytest.raises(ei.DataError, match="do not fit int8; pass --store float32"):
            rounded([weight, 0])


def test_never_returns_items_of_the_history(index, codes, histories):
    result = index.search(histories, len(codes.ids))
    for ids, history in zip(result.ids, histories, strict=True):
        assert not set(ids) & set(history)


def test_returns_everything_left_when_k_is_larger_than_the_catalogue(index, codes, histories):
    result = index.search(histories[:3], 10**6)
    assert result.ids.shape == (3, len(codes.ids))
    for ids, scores, history in zip(result.ids, result.scores, histories, strict=False):
        left = len(codes.ids) - len(set(history))
        assert len(set(ids[:left])) == left
        assert all(name is None for name in ids[left:])
        assert np.isnan(scores[left:]).all()
        assert (np.diff(scores[:left]) <= 1e-6).all()


def test_history_of_the_whole_catalogue_leaves_nothing(index, codes):
    result = index.search([list(codes.ids)], 5)
    assert result.ids.tolist() == [[None] * 5]


def test_odd_ids_come_back_unchanged(index, codes):
    result = index.search([["item20"]], len(codes.ids))
    assert set(ODD_IDS) <= set(result.ids[0])
    assert index.search([ODD_IDS], 5).unknown == [[]]


def test_empty_and_unknown_histories_get_nothing_or_popular_items(index, codes):
    histories = [[], ["nobody knows"], ["item20"]]
    result = index.search(histories, 3)
    assert result.ids[:2].tolist() == [[None] * 3] * 2
    assert result.unknown == [[], ["nobody knows"], []]
    popular = index.search(histories, 3, fallback="popular")
    assert popular.ids[0].tolist() == [codes.ids[0], codes.ids[1], codes.ids[2]]
    assert popular.popular.tolist() == [True, True, False]
    assert popular.ids[2].tolist() == result.ids[2].tolist()


def test_an_item_counts_once_however_often_it_is_given(index, histories):
    twice = [[*history, *history] for history in histories]
    np.testing.assert_array_equal(index.search(twice, 5).rows, index.search(histories, 5).rows)


def test_threads_change_nothing(index, histories):
    np.testing.assert_array_equal(index.search(histories, 9, threads=3).rows, index.search(histories, 9).rows)


def test_weights_scale_the_history(index, histories):
    doubled = [[2.0] * len(history) for history in histories]
    plain, scaled = index.search(histories, 5), index.search(histories, 5, weights=doubled)
    np.testing.assert_allclose(scaled.scores, 2 * plain.scores, rtol=1e-4, atol=1e-5)


def test_reopened_index_answers_the_same(index, histories):
    with ei.Index.open(index.path) as again:
        np.testing.assert_array_equal(again.search(histories, 7).rows, index.search(histories, 7).rows)


@pytest.mark.parametrize(("name", "value"), [("k", 0), ("k", -3), ("threads", 0)])
def test_parameters_out_of_range_are_named(index, name, value):
    with pytest.raises(ei.UsageError, match=f"{name} must be (at least 1|from 1 to 512), got {value}"):
        index.search([["item20"]], **{"k": 5, name: value})


def test_exact_is_refused_by_approximate_engines(index):
    if capabilities(index).exact:
        assert index.search([["item20"]], 5, exact=True).proven.all()
    else:
        with pytest.raises(ei.UsageError, match="cannot prove"):
            index.search([["item20"]], 5, exact=True)


def test_cut_queries_are_refused_by_engines_without_a_first_stage(index, histories):
    if capabilities(index).cuts_queries:
        result = index.search(histories, 30, query_terms=1, candidates=1)
        assert (result.rows >= 0).all(), "no mode may return fewer than k items while unseen ones remain"
    else:
        with pytest.raises(ei.UsageError, match="query_terms and candidates"):
            index.search(histories, 5, query_terms=4)


@pytest.mark.parametrize("engine", ["lucene", "exact", "faiss-flat", "opensearch"])
def test_codes_that_are_not_of_unit_norm(engine, place, tmp_path):
    codes = make_codes(seed=5, unit=False)
    histories = make_histories(codes, 20)
    with ei.Index.build(codes, tmp_path / "i", **place(engine)) as index:
        store = engine_class(engine).capabilities.stores[0]
        for scores, expected in zip(
            index.search(histories, 15).scores, oracle(codes, histories, 15, store), strict=True
        ):
            np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_hnsw_keeps_its_recall_when_norms_differ(tmp_path):
    codes = make_codes(items=2000, seed=6, unit=False)
    histories = make_histories(codes, 30)
    flat = ei.Index.build(codes, tmp_path / "flat", engine="faiss-flat").search(histories, 20)
    graph = ei.Index.build(codes, tmp_path / "graph", engine="faiss-hnsw").search(histories, 20)
    overlap = np.mean([len(np.intersect1d(a, b)) / 20 for a, b in zip(flat.rows, graph.rows, strict=True)])
    assert overlap >= 0.85


@pytest.fixture(scope="module", params=EVERY_ENGINE)
def tagged(request, codes, place, tmp_path_factory):
    path = tmp_path_factory.mktemp("tagged") / "catalogue.index"
    with ei.Index.build(codes, path, **place(request.param, shards=2), tags=TAGS) as built:
        yield growing_from(built, few=0)


@pytest.mark.parametrize("tags", [[], ["even"], ["even", "all"], ["x y"]])
@pytest.mark.parametrize("excluded", [[], [f"item{row}" for row in range(20, 290)], ["item200", "not there"]])
def test_filters_leave_the_exhaustive_ranking_of_what_passes(tagged, codes, histories, tags, excluded):
    store = capabilities(tagged).stores[0]
    dense = codes.weights.toarray().astype(store).astype(np.float64)
    carried = {tag: {item for item, other in TAGS if other == tag} for tag in tags}
    result = tagged.search(histories, 20, tags=tags, exclude=excluded)
    for at, history in enumerate(histories):
        left = [name for name in codes.ids if name not in {*history, *excluded}]
        left = [name for name in left if all(name in carried[tag] for tag in tags)]
        rows = codes.ids.rows(set(history))
        expected = np.sort(dense[codes.ids.rows(left)] @ dense[rows].sum(axis=0))[::-1][:20]
        found = result.ids[at, : len(expected)]
        assert set(found) <= set(left)
        assert all(name is None for name in result.ids[at, len(expected) :])
        if capabilities(tagged).exact:
            np.testing.assert_allclose(result.scores[at, : len(expected)], expected, atol=1e-5)
            assert result.proven[at]


def test_filters_restrict_cut_queries_and_popular_items_too(tagged, codes, histories):
    popular = tagged.search([[]], 3, tags=["even"], fallback="popular")
    assert popular.ids.tolist() == [["item10", "item12", "item14"]]
    assert tagged.search([[]], 3, tags=["x y"], fallback="popular").ids.tolist() == [["a,b", "0", None]]
    if capabilities(tagged).cuts_queries:
        result = tagged.search(histories, 30, query_terms=1, candidates=1, tags=["even"])
        assert {int(name.removeprefix("item")) % 2 for name in result.ids.ravel()} == {0}


def test_unknown_tags_and_indexes_without_tags_say_so(tagged, index):
    with pytest.raises(ei.UsageError, match=r"No item carries the tag 'odd'; .* tags, among them 'even'"):
        tagged.search([["item20"]], 3, tags=["odd"])
    with pytest.raises(ei.UsageError, match="the index has no tags; build it with some"):
        index.search([["item20"]], 3, tags=["even"])


def test_tags_survive_reopening(tagged, histories):
    with ei.Index.open(tagged.path) as again:
        assert list(again.tags.names)[:3] == ["even", "all", "x y"]
        assert all(name.startswith("segment:") for name in list(again.tags.names)[3:])
        found, before = (one.search(histories, 7, tags=["even"]).rows for one in (again, tagged))
        np.testing.assert_array_equal(found, before)


def test_explanations_sum_to_the_score(index, histories):
    for history in histories[:10]:
        weights = list(np.linspace(0.5, 2, len(history)))
        result = index.search([history], 5, weights=[weights])
        explained = index.explain(history, result.ids[0], weights)
        for one, name, score in zip(explained, result.ids[0], result.scores[0], strict=True):
            assert one.item == name
            assert one.score == pytest.approx(score, abs=1e-5)
            for parts in (one.history, one.dims):
                assert sum(amount for _, amount in parts) == pytest.approx(one.score, abs=1e-12)
            assert {item for item, _ in one.history} == set(history)


def test_explaining_an_unknown_item_names_it(index):
    with pytest.raises(ei.UnknownIdError, match="nobody"):
        index.explain(["item20"], ["nobody"])
