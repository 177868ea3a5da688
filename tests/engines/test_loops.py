"""Many queries at a time through compiled loops: the same answers as one at a time, to the bit."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import elsa_index as ei
from elsa_index.engines import kernels, loops
from elsa_index.engines.two_stage import TwoStageSearch

from ..support.catalogues import TAGS, make_codes, make_histories, make_item_codes

KINDS = {
    "float16": (make_codes(), "exact", "float16"),
    "float32": (make_codes(unit=False), "exact", "float32"),
    "int8": (make_codes(), "lucene", "int8"),
    "over items": (make_item_codes(), "exact", "float16"),
    "many items": (make_item_codes(2000, nnz=3), "lucene", "float32"),
}


@pytest.fixture(scope="module", params=KINDS)
def index(request, tmp_path_factory):
    codes, engine, store = KINDS[request.param]
    shares = np.linspace(0.5, 2, len(codes.ids)).astype(np.float32)
    codes = replace(codes, history_weights=shares)
    path = tmp_path_factory.mktemp("many") / "i"
    with ei.Index.build(codes, path, engine=engine, store=store, tags=TAGS, segments=None, target_overlap=1) as built:
        yield built


def asked_of(index):
    histories = make_histories(make_codes(), 70)
    return [*histories, ["nobody"], [], [index.ids[0]], list(index.ids), list(index.ids)[3:]]


@pytest.mark.parametrize("options", [
    {"k": 10}, {"k": 1}, {"k": 300, "keep_seen": True}, {"k": 10, "tags": ["even"]}, {"k": 20, "exclude": ["item20"]},
    {"k": 10, "only": ["item20"]}, {"k": 10, "boosts": ["tag:even=2"]}, {"k": 10, "exact": True, "threads": 3},
])  # fmt: skip
def test_many_at_a_time_are_answered_as_one_at_a_time(index, options, monkeypatch):
    histories = asked_of(index)
    weights = [np.random.default_rng(at).choice([0.3, 1.0, -2.0], len(own)) for at, own in enumerate(histories)]
    for own_weights, dense in ((None, 0), (None, sys.maxsize), (weights, 4)):
        alone = [
            index.search([history], weights=None if own_weights is None else [own_weights[at]], **options).rankings[0]
            for at, history in enumerate(histories)
        ]
        with monkeypatch.context() as patched:
            patched.setattr(loops, "LEAST", 1)
            patched.setattr(loops, "_BLOCK", 18)  # two eights and a rest
            patched.setattr(loops, "_DENSE", dense)
            together = index.search(histories, weights=own_weights, **options)
        for one, other in zip(alone, together.rankings, strict=True):
            assert other.items == one.items
            np.testing.assert_array_equal(other.scores, one.scores)
            assert other.proven == one.proven


@pytest.mark.parametrize(("dense", "together"), [(0, False), (sys.maxsize, True)])
def test_queries_that_reach_much_are_answered_together(index, monkeypatch, dense, together):
    called = []
    for name in ("best_of_each", "best_of_eights"):
        own = getattr(kernels, name)
        monkeypatch.setattr(kernels, name, lambda *given, name=name, own=own: (called.append(name), own(*given)))
    monkeypatch.setattr(loops, "LEAST", 1)
    monkeypatch.setattr(loops, "_DENSE", dense)
    index.search([list(index.ids)] * 5, 10)
    assert called == ["best_of_eights" if together else "best_of_each"]


floats = st.one_of(st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1.0, 1.7e308, -1.7e308]), st.floats(-3, 3, width=16))


@given(st.lists(floats, min_size=2, max_size=120), st.data())
@settings(max_examples=300, deadline=None)
def test_the_best_of_some_are_kept_in_their_order(given_scores, data):
    k = data.draw(st.integers(1, len(given_scores) - 1))
    scores, rows = np.array(given_scores), np.arange(len(given_scores)) * 3
    best = np.sort(np.argsort(-scores, kind="stable")[:k])
    bound = kernels.thin(scores, rows, k)
    assert rows[:k].tolist() == (best * 3).tolist()
    assert scores[:k].tolist() == np.array(given_scores)[best].tolist()
    left = np.delete(given_scores, best)
    assert left.max() <= bound <= scores[:k].min()


def test_one_at_a_time_is_answered_by_loops_too(index, monkeypatch):
    """Its threads keep what they add up in: each query leaves it as it was."""
    histories = asked_of(index)
    alone = [index.search([history], 10).rankings[0] for history in histories]
    monkeypatch.setattr(loops, "LEAST", 1)
    for at in [*range(len(histories)), 3, 2, 1]:
        own = index.search([histories[at]], 10)
        assert own.rankings[0].items == alone[at].items
        np.testing.assert_array_equal(own.rankings[0].scores, alone[at].scores)
        told = index.manifest.engine == "lucene" and alone[at].answer is not None
        assert own.promise.endswith("items, each scored") == told


def test_loops_are_loaded_once_they_pay(monkeypatch):
    monkeypatch.setattr(loops, "LEAST", 5)
    monkeypatch.setattr(loops, "_asked", 0)
    assert [loops.pay(2) for _ in range(4)] == [False, False, True, True]
    monkeypatch.setattr(loops, "_asked", 0)
    loops.load()
    assert loops.pay(1)


@pytest.mark.parametrize("little", [0, 300, 10**9])
@pytest.mark.parametrize("asked", [{}, {"exact": True, "tags": ["even"]}])
def test_calibrated_indexes_are_asked_for_a_part_only_where_all_would_take_longer(tmp_path, monkeypatch, little, asked):
    """Whether one history is asked or many, and in which process, makes no difference."""
    codes = make_codes()
    histories = make_histories(codes, 30)
    with ei.Index.build(
        codes, tmp_path / "i", histories=histories, tags=TAGS, segments=None, target_overlap=0.5
    ) as index:
        assert index.manifest.calibration is not None
        exact = index.search(histories, 10, **asked | {"exact": True})
        monkeypatch.setattr("elsa_index.engines.lucene.engine._LITTLE", little)
        monkeypatch.setattr(loops, "LEAST", 3)
        monkeypatch.setattr(loops, "_asked", 0)
        calls = []
        search = TwoStageSearch.search
        monkeypatch.setattr(TwoStageSearch, "search", lambda *given: calls.append(1) or search(*given))
        first = [index.search([history], 10, **asked).rankings[0] for history in histories]
        reported = []
        many = index.search(histories, 10, **asked, on_progress=lambda done, total: reported.append((done, total)))
    assert [ranking.items for ranking in many.rankings] == [ranking.items for ranking in first]
    assert reported[-1] == (30, 30)
    by_lucene = len(calls)
    if asked or little == 10**9:
        assert [ranking.items for ranking in many.rankings] == [ranking.items for ranking in exact.rankings]
    if not asked:
        assert {0: by_lucene == 60, 300: 0 < by_lucene < 60, 10**9: by_lucene == 0}[little]


def test_progress_counts_all_and_an_error_ends_it(index, monkeypatch):
    monkeypatch.setattr(loops, "LEAST", 1)
    monkeypatch.setattr(loops, "_BLOCK", 16)
    seen = []
    index.search(asked_of(index), 5, threads=2, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == len(asked_of(index)) - 2

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loops, "_answered", broken)
    with pytest.raises(KeyboardInterrupt):
        index.search(asked_of(index), 5, threads=2)


def test_without_numba_the_engine_answers_itself(index, monkeypatch):
    monkeypatch.setattr(loops, "LEAST", 1)
    monkeypatch.setattr(loops, "_has_numba", lambda: False)
    monkeypatch.setattr(loops, "_by_loops", None)
    assert index.search([["item20"]] * 3, 5).proven.all()


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("options", [
    {"k": 10}, {"k": 500, "keep_seen": True}, {"k": 10, "tags": ["even"]}, {"k": 20, "exclude": ["item20"]},
])  # fmt: skip
def test_postings_without_codes_are_read_once_many_are_asked(tmp_path, monkeypatch, options, change):
    codes = make_item_codes(400)
    ei.Index.build(codes, tmp_path / "i", store="none", tags=TAGS, segments=None).close()
    if change:
        ei.delete(tmp_path / "i", list(codes.ids)[5:40:3])
    with ei.Index.open(tmp_path / "i") as index:
        histories = [*make_histories(codes, 60), ["nobody"], [], list(index.ids)[:200]]
        weights = [
            np.random.default_rng(at).choice([0.3, 1.0, -2.0], len(own)).tolist() for at, own in enumerate(histories)
        ]
        for own_weights in (None, weights):
            alone = index.search(histories, weights=own_weights, **options)
            with monkeypatch.context() as patched:
                patched.setattr(loops, "LEAST", 1)
                patched.setattr("elsa_index.engines.lucene.engine._LISTS", 100)
                together = index.search(histories, weights=own_weights, **options)
            for one, other in zip(alone.rankings, together.rankings, strict=True):
                assert other.items == one.items
                np.testing.assert_array_equal(other.scores, one.scores)
            assert together.promise.endswith("impacts, 400 items, each scored") or change
