"""The Lucene engine: postings that others can read, bounds that hold, proofs that are right."""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.codes.impacts import ImpactScale
from elsa_index.codes.query_terms import query_terms
from elsa_index.codes.query_vector import QueryVector
from elsa_index.engines.contract import Query, SearchPlan
from elsa_index.engines.lucene.engine import LuceneEngine
from elsa_index.engines.lucene.jvm import java_class
from elsa_index.engines.lucene.postings import LucenePostings
from elsa_index.engines.stored_codes import StoredCodes
from elsa_index.engines.top_k import best
from elsa_index.engines.two_stage import Candidates, HeavyItems, TwoStageSearch

from ..support.catalogues import make_codes, make_histories, oracle
from ..support.engines import growing_from


@st.composite
def signed_codes(draw):
    """Small catalogues with few dimensions, values that tie, and codes that point away from each other."""
    items, dims = draw(st.integers(2, 25)), draw(st.integers(1, 6))
    values = st.sampled_from([-1.0, -0.5, -0.25, -1e-3, 0.0, 0.0, 1e-3, 0.25, 0.5, 1.0])
    rows = draw(st.lists(st.lists(values, min_size=dims, max_size=dims), min_size=items, max_size=items))
    dense = np.array(rows)
    dense[~dense.any(axis=1), 0] = -1.0
    if draw(st.booleans()):
        dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    history = draw(st.lists(st.integers(0, items - 1), min_size=1, max_size=4, unique=True))
    return ei.ItemCodes(ei.IdMap(map(str, range(items))), csr_array(dense)), [str(row) for row in history]


@pytest.mark.parametrize("bits", [4, 6, 8])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=signed_codes(), k=st.integers(1, 30))
def test_exact_search_equals_the_oracle_for_any_codes(bits, case, k):
    codes, history = case
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "i"
        with ei.Index.build(codes, path, engine="lucene", bits=bits) as index:
            result = index.search([history], k, exact=True)
    expected = oracle(codes, [history], k)[0]
    np.testing.assert_allclose(result.scores[0][: len(expected)], expected, atol=1e-6)
    assert result.proven.all()


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_growing_from_few_terms_and_candidates_ends_at_the_oracle(bits, tmp_path):
    """Few terms and candidates to begin with: every answer must be proven by growth, not by luck."""
    codes = make_codes(items=500, dims=128, nnz=6)
    histories = make_histories(codes, 60)
    with ei.Index.build(codes, tmp_path / "i", engine="lucene", bits=bits) as index:
        growing_from(index, full_query_up_to=0, first_terms=2, exact_candidates=3, first_candidates=2)
        result = index.search(histories, 10, exact=True)
        answers = result.answers
    for scores, expected in zip(result.scores, oracle(codes, histories, 10), strict=True):
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert len({answer.terms for answer in answers}) > 2, "some queries must have needed more terms than others"


def test_negative_kth_scores_are_found_among_items_that_share_no_term(tmp_path):
    dense = np.array([[1, 0, 0], [-0.6, 0.8, 0], [0, 0, 1], [0, 0, -1], [-1, 0, 0]])
    codes = ei.ItemCodes(ei.IdMap("abcde"), csr_array(dense))
    with ei.Index.build(codes, tmp_path / "i", engine="lucene") as index:
        result = index.search([["a"]], 4, exact=True)
    assert result.ids.tolist() == [["c", "d", "b", "e"]]
    np.testing.assert_allclose(result.scores, [[0, 0, -0.6, -1]], atol=1e-3)


class _Postings:
    """A first stage in NumPy: the same sums as Lucene's, from the same impacts."""

    def __init__(self, store, scale):
        self.store, self.scale, self.most_candidates = store, scale, store.items

    def most_terms(self, query):
        return 10**9

    def top(self, cut, query, count):
        dense = self.store.matrix.toarray()
        impacts = np.zeros_like(dense)
        impacts[dense != 0] = self.scale.quantize(dense[dense != 0])
        sums = np.zeros(self.store.items)
        for term, weight in zip(cut.terms, cut.weights, strict=True):
            column, negative = divmod(int(term), 2)
            side = dense[:, column] < 0 if negative else dense[:, column] > 0
            sums += np.where(side, impacts[:, column], 0) * weight
        order = np.lexsort((np.arange(len(sums)), -sums))
        order = order[sums[order] > 0]
        asked = min(count + len(query.seen), self.store.items)
        return Candidates(order[:asked], sums[order[:asked]].astype(np.float32), len(order) < asked)


def test_upper_bounds_are_never_below_the_score_and_match_lucene(tmp_path):
    codes = make_codes(items=400)
    store = StoredCodes.round(codes, "float16")
    with ei.Index.build(codes, tmp_path / "i", engine="lucene", bits=4) as index:
        scale = ImpactScale(4, index.manifest.parameters["impact_scale"])
        postings = LucenePostings(index.path / "postings", len(codes.ids))
        for history in make_histories(codes, 20):
            rows = np.sort(codes.ids.rows(history))
            vector = store.sum_rows(rows, np.ones(len(rows)))
            cut = query_terms(vector)
            found = postings.top(cut, Query(vector, rows[:0]), 400)
            reference = _Postings(store, scale).top(cut, Query(vector, rows[:0]), 400)
            np.testing.assert_array_equal(found.rows, reference.rows)
            np.testing.assert_allclose(found.sums, reference.sums, rtol=1e-6)
            assert (found.sums * cut.step * scale.step * (1 + 1e-6) >= store.score(found.rows, vector)).all()
        postings.close()


@settings(max_examples=60, deadline=None)
@given(case=signed_codes(), k=st.integers(1, 20), terms=st.integers(1, 4), candidates=st.integers(1, 6))
def test_whatever_is_called_proven_is_the_exhaustive_top_k(case, k, terms, candidates):
    codes, history = case
    store = StoredCodes.round(codes, "float16")
    scale = ImpactScale.fitting(4, store.values, unit_norm=codes.is_unit_norm)
    search = TwoStageSearch(_Postings(store, scale), store, scale.step, HeavyItems.of(store))
    rows = np.sort(codes.ids.rows(history))
    query = Query(store.sum_rows(rows, np.ones(len(rows))), rows)
    answer = search.search(query, SearchPlan(k, False, terms, candidates))
    expected = oracle(codes, [history], k)[0]
    assert len(answer.rows) == len(expected)
    if answer.proven:
        np.testing.assert_allclose(answer.scores, expected, atol=1e-9)


def test_anserini_opens_the_postings_and_scores_the_same(tmp_path):
    codes = make_codes()
    with ei.Index.build(codes, tmp_path / "i", engine="lucene") as index:
        postings = LucenePostings(index.path / "postings", len(codes.ids))
        searcher = java_class("io.anserini.search.SimpleImpactSearcher")(str(index.path / "postings"))
        integer = java_class("java.lang.Integer")
        store = StoredCodes.load(index.path, codes.dims)
        rows = codes.ids.rows(["item20", "item30"])
        query = query_terms(store.sum_rows(rows, np.ones(2)))
        weights = java_class("java.util.HashMap")()
        for term, weight in zip(query.terms.tolist(), query.weights.tolist(), strict=True):
            weights.put(str(term), integer(weight))
        mapper = java_class("com.fasterxml.jackson.databind.ObjectMapper")()
        hits = json.loads(bytes(mapper.writeValueAsBytes(searcher.search(weights, 300))))
        theirs = [(hit["docid"], hit["score"]) for hit in hits]
        found = postings.top(query, Query(QueryVector.from_dense(np.zeros(codes.dims)), rows[:0]), 300)
        ours = [(codes.ids[int(row)], float(score)) for row, score in zip(found.rows, found.sums, strict=True)]
        assert len(ours) > 50
        assert sorted(theirs) == sorted(ours)
        searcher.close()
        postings.close()


@pytest.mark.parametrize("bits", [1, 17, 0, -1])
def test_bits_out_of_range_are_refused_and_nothing_is_written(bits, tmp_path):
    with pytest.raises(ei.UsageError, match=f"bits must be from 2 to 16, got {bits}"):
        ei.Index.build(make_codes(20), tmp_path / "i", engine="lucene", bits=bits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bits", [2, 16])
def test_both_ends_of_bits_rank_exactly(bits, tmp_path):
    codes = make_codes(100)
    histories = make_histories(codes, 10)
    with ei.Index.build(codes, tmp_path / "i", engine="lucene", bits=bits) as index:
        for scores, expected in zip(index.search(histories, 9).scores, oracle(codes, histories, 9), strict=True):
            np.testing.assert_allclose(scores, expected, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    scores=st.lists(st.sampled_from([0.0, 0.0, 0.0, -1.0, 0.5, 1.0, 2.0]), min_size=1, max_size=400),
    k=st.integers(0, 9),
)
def test_the_best_are_those_of_a_full_sort(scores, k):
    values, rows = np.array(scores), np.arange(len(scores))[::-1] * 3
    found, found_scores = best(rows, values, k)
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], rows[at]))[:k]
    assert found.tolist() == [rows[at] for at in order]
    assert found_scores.tolist() == [scores[at] for at in order]


def test_threads_search_at_the_same_time(codes, histories, tmp_path):
    """Many threads, one index: answers are each query's own."""
    with ei.Index.build(codes, tmp_path / "i", engine="lucene") as index:
        alone = [index.search([history], 10).rows[0].tolist() for history in histories]
        with ThreadPoolExecutor(8) as pool:
            for _ in range(5):
                together = list(pool.map(lambda history: index.search([history], 10).rows[0].tolist(), histories))
                assert together == alone


def test_pyjnius_cannot_start_a_second_jvm_and_crash_the_process(tmp_path):
    program = "import elsa_index.engines.lucene.jvm as jvm; jvm.lucene_version(); import jnius"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ModuleNotFoundError: import of jnius halted" in done.stderr


def test_equal_scores_are_proven_in_the_order_of_rows(tmp_path):
    """Items that share no dimension with the history all score 0; the long ones, always scored, must not come first."""
    count = 3000
    weights = np.ones(count, np.float32)
    weights[2000:] = 5.0  # heavy items
    columns = np.r_[0, np.ones(count - 1, int)]
    codes = ei.ItemCodes(
        ei.IdMap(map(str, range(count))), csr_array((weights, columns, np.arange(count + 1)), shape=(count, 2))
    )
    with ei.Index.build(codes, tmp_path / "i", engine="lucene") as index:
        result = index.search([["0"]], 5, exact=True)
    assert result.rows.tolist() == [[1, 2, 3, 4, 5]]
    assert result.proven.all()


def test_postings_that_name_rows_which_are_not_there_are_damaged(tmp_path, monkeypatch):
    """As postings do whose checksums somebody made anew."""
    ei.Index.build(make_codes(300), tmp_path / "i", segments=None).close()
    with ei.Index.open(tmp_path / "i") as index:
        engine = index.catalogue.engine
        assert isinstance(engine, LuceneEngine)
        monkeypatch.setattr(engine.postings.hits, "read", lambda top: (np.array([5, 10**6]), np.ones(2, np.float32)))
        with pytest.raises(ei.StorageError, match=r"name row 1,000,000\. Build the index again"):
            index.search([["item20"]], 5)
