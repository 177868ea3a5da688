"""Codes over items on a cluster: features are ids, and a request is a history's ids."""

import dataclasses
import json

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.engines.opensearch.documents import AGAINST, CODE, document_id, feature_name, nine_bits

from ...support.catalogues import make_histories, make_item_codes, oracle
from ...support.clusters import concrete

K = 50
ODD = ["100%", "a.b", "a%2Eb", ".", "*", "code.1", "ä ö.ü", "a,b:c", "^2", "~"]


@pytest.fixture(scope="module", params=[0.0, 0.3], ids=["non-negative", "signed"])
def served_items(request, cluster, tmp_path_factory):
    """Item codes, some ids of which are what requests could take for something else; and the index."""
    codes = make_item_codes(300, negative=request.param)
    ids = list(codes.ids)
    ids[100 : 100 + len(ODD)] = ODD
    codes = dataclasses.replace(codes, ids=ei.IdMap(ids))
    target = ei.ClusterTarget(cluster.url, f"items-{request.param}", shards=2)
    with ei.Index.build(codes, tmp_path_factory.mktemp("items") / "i", engine="opensearch", cluster=target) as index:
        yield codes, index


def with_odd(codes):
    return [*make_histories(codes, 40), ODD, ["100%"], ["."]]


def to_nine_bits(codes) -> np.ndarray:
    """(items, items) what the field keeps of each stored weight."""
    stored = codes.weights.toarray().astype(np.float16).astype(np.float64)
    return np.sign(stored) * np.where(stored, nine_bits(np.abs(stored)), 0)


def test_a_history_of_ids_is_the_request_and_the_answer_is_the_oracle_up_to_nine_bits(served_items, api):
    """No part of ours makes the request: only JSON, by hand."""
    codes, index = served_items
    dense = to_nine_bits(codes)
    signed = bool((dense < 0).any())
    for history in with_odd(codes):
        rows = codes.ids.rows(set(history))
        names = [feature_name(name) for name in set(history)]
        unwanted = [document_id(name) for name in set(history)]
        clauses = [{"rank_feature": {"field": f"code.{name}", "linear": {}}} for name in names]
        against = [{"rank_feature": {"field": f"against.{name}", "linear": {}}} for name in names]
        body = {"size": K, "query": {"bool": {"should": clauses, "must_not": [{"ids": {"values": unwanted}}]}}}
        if signed:
            subtracted = {"rescore_query": {"bool": {"should": against}}, "rescore_query_weight": -1}
            body["rescore"] = {"window_size": 300, "query": subtracted}
        hits = api.search(index=index.manifest.parameters["name"], body=body)["hits"]["hits"]
        assert hits or not (dense[:, rows] > 0).any()
        scores = dense[:, rows].sum(axis=1)
        found = np.array([by_document(codes)[hit["_id"]] for hit in hits], dtype=int)
        np.testing.assert_allclose([hit["_score"] for hit in hits], scores[found], atol=1e-5)
        left = np.setdiff1d(np.flatnonzero((dense[:, rows] > 0).any(axis=1)), rows)
        best = np.sort(scores[left])[::-1][:K]
        np.testing.assert_allclose(np.sort([hit["_score"] for hit in hits])[::-1], best, atol=1e-5)


def by_document(codes) -> dict[str, int]:
    return {document_id(name): row for row, name in enumerate(codes.ids)}


def test_whoever_ranks_finds_the_oracle(served_items):
    codes, index = served_items
    histories = with_odd(codes)
    proven = index.search(histories, K, exact=True)
    assert proven.proven.all()
    for scores, expected in zip(proven.scores, oracle(codes, histories, K), strict=True):
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    there = index.search(histories, K, rank="server", candidates=300)
    np.testing.assert_allclose(there.scores, proven.scores, atol=0.01)


def test_filters_and_exclusions_hold(served_items):
    codes, index = served_items
    history = list(codes.ids.take(np.arange(30, 60)))
    first = index.search([history], 5, exact=True).rankings[0].items
    kept = index.search([history], 5, exact=True, exclude=first).rankings[0].items
    assert not set(first) & set(kept)


def test_documents_hold_features_by_item_and_nothing_to_look_up(served_items, api):
    _, index = served_items
    name = concrete(index)
    properties = api.indices.get_mapping(index=name)[name]["mappings"]["properties"]
    assert properties[CODE]["type"] == properties[AGAINST]["type"] == "rank_features"
    assert "packed" not in properties
    meta = api.indices.get_mapping(index=name)[name]["mappings"]["_meta"]["elsa_index"]
    assert meta["format"] == 2
    json.dumps(meta)
