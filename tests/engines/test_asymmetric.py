"""Codes whose items bring something else to a history than they are scored by: themselves, or a code of their own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

import elsa_index as ei
from elsa_index.engines import engine_class

from ..support.catalogues import TAGS, make_codes, make_histories, make_item_codes, make_two_matrices, oracle
from ..support.engines import EVERY_ENGINE, INSTALLED_ENGINES, growing_from

KINDS: dict[str, Callable[[], ei.ItemCodes]] = {"items": make_item_codes, "matrix": make_two_matrices}
EXACT = [engine for engine in INSTALLED_ENGINES if engine_class(engine).capabilities.exact]


@pytest.fixture(scope="module", params=KINDS)
def asymmetric(request):
    return KINDS[request.param]()


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_every_engine_scores_them_like_the_oracle(asymmetric, engine, place, tmp_path):
    able = engine_class(engine).capabilities
    histories = make_histories(asymmetric, 30)
    with ei.Index.build(asymmetric, tmp_path / "i", **place(engine)) as index:
        growing_from(index, few=0)
        result = index.search(histories, 20, exact=able.exact)
        truth = oracle(asymmetric, histories, 20, able.stores[0])
        if able.exact:
            assert result.proven.all()
            for scores, expected in zip(result.scores, truth, strict=True):
                np.testing.assert_allclose(scores, expected, atol=1e-6 + able.score_tolerance * 10)
        else:
            assert np.mean([scores[0] for scores in result.scores]) > 0.6 * np.mean([best[0] for best in truth])


@pytest.mark.parametrize("engine", EXACT)
def test_all_items_come_even_those_that_share_nothing_with_the_history(engine, place, tmp_path):
    codes = make_item_codes(negative=0.3)
    histories = make_histories(codes, 12)
    with ei.Index.build(codes, tmp_path / "i", **place(engine)) as index:
        growing_from(index, few=0)
        tolerance = 1e-6 + index.catalogue.engine.capabilities.score_tolerance * 10
        result = index.search(histories, len(index), exact=True)
        truth = oracle(codes, histories, 300, index.catalogue.engine.capabilities.stores[0])
        for found, history, expected in zip(result.rankings, histories, truth, strict=True):
            assert len(found.rows) == len(index) - len(set(history))
            assert len(set(found.rows.tolist())) == len(found.rows)
            np.testing.assert_allclose(found.scores, expected, atol=tolerance)
            same = np.flatnonzero(np.diff(found.scores.astype(np.float64)) == 0)
            assert (found.rows[same] < found.rows[same + 1]).all()  # equal scores come in the order of rows
            assert (found.scores < 0).any()


@pytest.mark.parametrize("engine", EXACT)
def test_filters_and_exclusions_hold_where_most_items_score_nothing(engine, place, tmp_path):
    codes = make_item_codes()
    histories = make_histories(codes, 12)
    excluded = [codes.ids[row] for row in range(0, 300, 7)]
    tags = dict.fromkeys(name for name, tag in TAGS if tag == "even")
    with ei.Index.build(codes, tmp_path / "i", **place(engine), tags=TAGS) as index:
        growing_from(index, few=0)
        dense = index.catalogue.engine.stored_rows(np.arange(300)).toarray()
        for tagged in ([], ["even"]):
            result = index.search(histories, 200, exact=True, tags=tagged, exclude=excluded)
            for found, history in zip(result.rankings, histories, strict=True):
                scores = dense[:, codes.ids.rows(set(history))].sum(axis=1)
                left = [
                    row for row, name in enumerate(codes.ids)
                    if name not in set(excluded) | set(history) and (name in tags or not tagged)
                ]  # fmt: skip
                expected = np.sort(scores[left])[::-1][:200]
                np.testing.assert_allclose(found.scores, expected, atol=1e-4)
                assert set(found.rows.tolist()) <= set(left)


@pytest.mark.parametrize("negative", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("weighted", [False, True])
def test_impacts_alone_rank_as_sums_of_them_do(negative, weighted, tmp_path):
    """An oracle in whole numbers: weights in 255ths of the largest; also where a history's weights differ."""
    codes = make_item_codes(negative=negative)
    histories = make_histories(codes, 30)
    weights = [np.random.default_rng(3).uniform(0.2, 3, len(history)).tolist() for history in histories]
    dense = codes.weights.toarray().astype(np.float64)
    largest = np.abs(dense).max()
    impacts = np.sign(dense) * np.where(dense, np.maximum(np.rint(np.abs(dense) / largest * 255), 1), 0)
    with ei.Index.build(codes, tmp_path / "i", store="none", tags=TAGS, segments=None) as index:
        assert index.manifest.store_loss["overlap_at_100"] > 0.97
        assert set(index.bytes_by_part) == {"ids", "postings", "tags", "other"}
        for k, tagged in ((10, []), (300, []), (10, ["even"])):
            result = index.search(histories, k, exact=True, weights=weights if weighted else None, tags=tagged)
            for found, history, own in zip(result.rankings, histories, weights, strict=True):
                rows = codes.ids.rows(history)
                vector = np.zeros(300)
                vector[rows] = own if weighted else 1.0
                scores = (impacts @ vector) * (largest / 255)
                left = [
                    row for row, name in enumerate(codes.ids)
                    if row not in rows and (not tagged or (name, "even") in TAGS)
                ]  # fmt: skip
                order = sorted(left, key=lambda row: (-scores[row], row))[:k]
                assert found.proven
                np.testing.assert_allclose(found.scores, scores[order], rtol=1e-6, atol=1e-9)
                if not weighted:
                    assert found.rows.tolist() == order


def test_an_index_of_impacts_explains_and_says_what_it_cannot_do(tmp_path):
    codes = make_item_codes()
    history = make_histories(codes, 9)[-1]
    with ei.Index.build(codes, tmp_path / "i", store="none") as index:
        found = index.search([history], 5)
        assert found.promise == "exact: the exhaustive top k of the lucene index's impacts, 300 items"
        (best,) = found.rankings
        for explained, score in zip(index.explain(history, best.items), best.scores, strict=True):
            assert explained.score == pytest.approx(score, abs=1e-6)
            assert sum(amount for _, amount in explained.history) == pytest.approx(score, abs=1e-6)
        assert index.explain(history, []) == []
        twice = index.explain(history, [best.items[0]] * 2)
        assert twice[0] == twice[1] == index.explain(history, best.items[:1])[0]
        assert index.explain(["nobody"], best.items[:1])[0].score == 0
        nothing = index.search([history], 3, weights=[[0.0] * len(history)]).rankings[0]
        assert nothing.scores.tolist() == [0.0] * 3
        with pytest.raises(ei.UsageError, match="this index is lucene without stored codes"):
            index.search([history], query_terms=8)
        with pytest.raises(ei.UsageError, match="keep"):
            ei.export(index, "jsonl", tmp_path / "e")
    with ei.Index.build(make_two_matrices(), tmp_path / "stored") as index:
        with pytest.raises(ei.UsageError, match="these items bring a row of another matrix to a history"):
            ei.export(index, "opensearch", tmp_path / "e")
        ei.export(index, "jsonl", tmp_path / "e")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"store": "none", "bits": 12}, "bits must be at most 8 with store none, got 12"),
        ({"store": "none", "engine": "exact"}, "store must be float16 or float32 or int8 for the engine exact"),
    ]
    for values, message in refused:
        with pytest.raises(ei.UsageError, match=message):
            ei.Index.build(codes, tmp_path / "j", **values)
    with pytest.raises(ei.UsageError, match="cannot be read back from them; use int8, float16 or float32"):
        ei.Index.build(make_codes(50), tmp_path / "j", store="none")
    assert not (tmp_path / "j").exists()


def test_history_weights_and_those_of_a_request_multiply(tmp_path):
    given = make_item_codes()
    shares = np.random.default_rng(2).uniform(0.5, 2, len(given.ids)).astype(np.float32)
    codes = ei.ItemCodes(given.ids, given.weights, history_weights=shares, history_codes="items")
    with ei.Index.build(codes, tmp_path / "i", store="float32") as index:
        history = ["item20", "item50", "item120"]
        (found,) = index.search([history], 5, weights=[[1.0, 2.0, 0.5]]).rankings
        rows = codes.ids.rows(history)
        scores = codes.weights.toarray().astype(np.float64)[:, rows] @ (np.array([1, 2, 0.5]) * shares[rows])
        scores[rows] = -np.inf
        np.testing.assert_allclose(found.scores, np.sort(scores)[::-1][:5], rtol=1e-6)


def test_an_explanation_names_the_items_that_speak_for_it(asymmetric, tmp_path):
    with ei.Index.build(asymmetric, tmp_path / "i") as index:
        history = make_histories(asymmetric, 9)[-1]
        (best,) = index.search([history], 3).rankings
        for item, score, explained in zip(best.items, best.scores, index.explain(history, best.items), strict=True):
            assert explained.item == item
            assert explained.score == pytest.approx(score, abs=1e-5)
            for parts in (explained.history, explained.dims):
                assert sum(amount for _, amount in parts) == pytest.approx(score, abs=1e-5)
        if asymmetric.history_kind == "items":
            by_item = dict(explained.history)
            dense = asymmetric.weights.toarray().astype(np.float16)
            for name, amount in by_item.items():
                weight = dense[asymmetric.ids.rows([item])[0], asymmetric.ids.rows([name])[0]]
                assert amount == pytest.approx(float(weight))


@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_a_million_dimensions(engine, tmp_path):
    """Nothing on a query's way is as long as they are many: no array of that length is made while it is answered."""
    rng = np.random.default_rng(0)
    dims = 1_000_000
    shapes = {"shape": (400, dims), "density": 12 / dims, "rng": rng}
    decoder = csr_array(random_array(**shapes)) + csr_array(
        (rng.uniform(0.1, 1, 400), (np.arange(400), rng.integers(0, 50, 400))), shape=(400, dims)
    )
    encoder = csr_array(
        (rng.uniform(0.1, 1, 1600), (np.repeat(np.arange(400), 4), rng.integers(0, 50, 1600))), shape=(400, dims)
    )
    codes = ei.ItemCodes(ei.IdMap(map(str, range(400))), csr_array(decoder), history_codes=encoder)
    with ei.Index.build(codes, tmp_path / "i", engine=engine, store="float32") as index:
        growing_from(index, few=0)
        histories = make_histories(codes, 20)
        index.search(histories[:1], 10, exact=True)
        longest = 0
        for name in ("zeros", "ones", "full", "empty"):
            original = getattr(np, name)

            def watched(shape, *arguments, original=original, **named):
                nonlocal longest
                longest = max(longest, int(np.prod(shape)))
                return original(shape, *arguments, **named)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(np, name, watched)
                result = index.search(histories, 10, exact=True)
        assert longest < dims
        left, right = codes.weights.astype(np.float64), encoder.astype(np.float64)
        for found, history in zip(result.rankings, histories, strict=True):
            rows = np.sort(codes.ids.rows(set(history)))
            scores = (left @ (right[rows].sum(axis=0))).ravel()
            expected = np.sort(np.delete(scores, rows))[::-1][:10]
            np.testing.assert_allclose(found.scores, expected, rtol=1e-5)


@pytest.mark.parametrize("engine", [name for name in INSTALLED_ENGINES if name.startswith(("faiss-", "seismic"))])
def test_engines_refuse_more_dimensions_than_they_take_and_say_what_to_use(engine, tmp_path):
    most = 32_768 if engine == "seismic" else 16_384
    codes = ei.ItemCodes(ei.IdMap("ab"), csr_array(([1.0, 1.0], ([0, 1], [0, most])), shape=(2, most + 1)))
    with pytest.raises(ei.UsageError, match=f"at most {most:,} dimensions, these have {most + 1:,}; use lucene"):
        ei.Index.build(codes, tmp_path / "i", engine=engine)
    assert not (tmp_path / "i").exists()


def test_queries_that_are_items_are_never_cut_so_there_is_nothing_to_tune(tmp_path):
    codes = make_item_codes()
    with ei.Index.build(codes, tmp_path / "i", histories=make_histories(codes)) as index:
        assert index.manifest.calibration is None
        with pytest.raises(ei.UsageError, match="short and never cut"):
            index.tune(make_histories(codes))
    calibrated = make_two_matrices()
    histories = make_histories(calibrated)
    with ei.Index.build(calibrated, tmp_path / "m", histories=histories, target_overlap=0.5) as index:
        assert index.manifest.calibration is not None
