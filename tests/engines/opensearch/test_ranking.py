"""Who may rank: the client with a proof, the cluster to nine bits, its first stage by upper bounds."""

import base64
from typing import Any, get_args

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.codes.query_terms import query_terms
from elsa_index.codes.query_vector import QueryVector
from elsa_index.engines.contract import Query
from elsa_index.engines.names import RankName
from elsa_index.engines.opensearch import query_dsl
from elsa_index.engines.opensearch.documents import NINE_BITS, document_id, nine_bits

from ...support.catalogues import oracle
from ...support.clusters import concrete


def test_the_client_proves_the_exhaustive_ranking(served, codes, histories):
    result = served.search(histories, 50, exact=True)
    assert result.proven.all()
    for scores, expected in zip(result.scores, oracle(codes, histories, 50), strict=True):
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_the_server_ranks_by_signed_scores_to_nine_bits(served, codes, histories):
    result = served.search(histories, 20, rank="server", candidates=300)
    truth = served.search(histories, 20, exact=True)
    np.testing.assert_allclose(result.scores, truth.scores, atol=0.02)
    overlap = np.mean([len(np.intersect1d(a, b)) / 20 for a, b in zip(result.rows, truth.rows, strict=True)])
    assert overlap >= 0.99
    assert not result.proven.any()
    assert "signed scores to nine bits, among the best 300 of each shard" in result.promise


def test_a_cut_server_query_gets_the_left_out_terms_back(served, histories):
    whole = served.search(histories, 20, rank="server", candidates=300)
    cut = served.search(histories, 20, rank="server", candidates=300, query_terms=16)
    overlap = np.mean([len(np.intersect1d(a, b)) / 20 for a, b in zip(whole.rows, cut.rows, strict=True)])
    assert overlap >= 0.9
    found = cut.rows == whole.rows
    np.testing.assert_allclose(cut.scores[found], whole.scores[found], atol=1e-4)


def test_the_first_stage_never_scores_below_the_signed_score(served, codes, histories):
    rows = [np.sort(codes.ids.rows(set(history))) for history in histories]
    postings, store = served.catalogue.engine.postings, served.catalogue.engine.store
    for history in rows:
        vector = store.sum_rows(history, np.ones(len(history)))
        cut = query_terms(vector)
        found = postings.top(cut, Query(vector, history), 300)
        assert not set(found.rows) & set(history), "seen items are left out by the cluster"
        bounds = found.sums * cut.step / (1 - NINE_BITS) * (1 + 1e-5)
        assert (bounds >= store.score(found.rows, vector)).all()
    assert "upper bound" in served.search([["item20"]], rank="first-stage").promise


@pytest.mark.parametrize("rank", ["server", "first-stage"])
def test_ranks_are_filtered_in_the_cluster_and_never_short(served, codes, histories, rank):
    result = served.search(histories, 280, rank=rank, exclude=["item30", "item31"])
    for ids, history in zip(result.ids, histories, strict=True):
        left = ids[ids != None]  # noqa: E711 (elementwise)
        assert len(left) == min(280, 298 - len(set(history) - {"item30", "item31"}))
        assert not set(left) & {*history, "item30", "item31"}


def test_options_that_do_not_fit_are_refused(served, histories, codes, tmp_path):
    with pytest.raises(ei.UsageError, match="cannot prove an answer"):
        served.search(histories, exact=True, rank="server")
    with pytest.raises(ei.UsageError, match="rank must be client, server, first-stage; got 'best'"):
        served.search(histories, rank="best")
    with pytest.raises(ei.UsageError, match="many_terms must be refuse or cut"):
        served.search(histories, many_terms="drop")
    with (
        ei.Index.build(codes, tmp_path / "e", engine="exact") as local,
        pytest.raises(ei.UsageError, match="rank is for the engine opensearch"),
    ):
        local.search(histories, rank="server")


def test_queries_that_are_too_long_are_refused_or_cut_as_the_user_chooses(own, api, histories):
    setting = "indices.query.bool.max_clause_count"
    whole = own.search(histories, 10, rank="server")
    api.cluster.put_settings(body={"transient": {setting: 30}})
    try:
        with ei.Index.open(own.path) as index:
            for rank in get_args(RankName):
                asked: dict[str, Any] = {"many_terms": "refuse"} if rank == "client" else {}
                with pytest.raises(
                    ei.UsageError, match=rf"\d+ fit into a request to .*raise {setting} there to \d+ or more"
                ):
                    index.search(histories, 10, rank=rank, **asked)
                cut = index.search(histories, 10, rank=rank, many_terms="cut")
                assert (cut.rows >= 0).all()
                assert "queries were cut to the terms that fit a request" in cut.promise
                if rank == "server":  # nothing is lost: rescoring adds the other terms
                    overlaps = [len(np.intersect1d(a, b)) for a, b in zip(cut.rows, whole.rows, strict=True)]
                    assert np.mean(overlaps) >= 9.5
            exact = index.search(histories, 10, exact=True)
            given = index.search(histories, 10, query_terms=60, candidates=10)
            assert "queries were cut to the terms that fit a request" in given.promise
    finally:
        api.cluster.put_settings(body={"transient": {setting: None}})
    assert exact.proven.all()
    np.testing.assert_array_equal(exact.rows, own.search(histories, 10, exact=True).rows)


def test_a_client_that_knows_ids_only_makes_the_user_vector_from_one_mget(served, codes, api):
    history = ["item20", "a,b", "x" * 10_000]
    found = api.mget(
        index=concrete(served), body={"ids": [document_id(name) for name in history]}, stored_fields="packed"
    )
    layout = api.indices.get(index=concrete(served))[concrete(served)]["mappings"]["_meta"]["elsa_index"]["packed"]
    vector = np.zeros(codes.dims)
    for document in found["docs"]:
        packed = base64.b64decode(document["fields"]["packed"][0])
        share = np.frombuffer(packed, "<f4", 1)[0]
        size = np.dtype(layout["dims"]).itemsize + np.dtype(layout["weights"]).itemsize
        count = (len(packed) - 4) // size
        dims = np.frombuffer(packed, np.dtype(layout["dims"]), count, 4)
        weights = np.frombuffer(packed, np.dtype(layout["weights"]), count, 4 + dims.nbytes)
        vector[dims] += share * weights.astype(np.float64)
    rows = served.ids.rows(history)
    np.testing.assert_array_equal(vector, served.catalogue.engine.query_vector(np.sort(rows), np.ones(3)).to_dense())


def test_weights_are_rounded_to_what_the_field_keeps():
    rng = np.random.default_rng(0)
    weights = np.exp(rng.uniform(-12, 5, 10_000))
    kept = nine_bits(weights)
    assert (kept.view(np.uint32) & 0x7FFF == 0).all()
    assert (np.abs(kept - weights) <= NINE_BITS * np.maximum(kept, weights)).all()


def test_requests_are_plain_json():
    vector = QueryVector.from_dense(np.array([0.5, 0, -2.0]))
    import json

    body = json.loads(query_dsl.ranking(vector, 10, 50, terms=1, restricted=query_dsl.restriction(['"x"'], ["new"])))
    assert [rescore["query"]["rescore_query_weight"] for rescore in body["rescore"]] == [1, -1]
    assert body["query"]["bool"]["should"] == [{"rank_feature": {"field": "code.5", "linear": {}, "boost": 2}}]
    assert body["query"]["bool"]["must_not"] == [{"ids": {"values": ['"x"']}}]
