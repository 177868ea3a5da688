"""Changing a catalogue on a cluster."""

import json
import os

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.engines.cluster_target import PATIENCE_VARIABLE

from ...changes.test_schedules import run_schedule
from ...support.catalogues import make_codes, make_histories, make_item_codes
from ...support.clusters import build, concrete, indices_of, served_index
from ...support.faulty_node import FaultyNode, Request
from ...support.files import digest

SCHEDULES = int(os.environ.get("ELSA_INDEX_TESTS_SCHEDULES_OPENSEARCH", "2"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_any_series_of_changes_answers_as_a_fresh_build(cluster, api, name, tmp_path, seed):
    changed, fresh = (ei.ClusterTarget(cluster.url, f"{name}-{which}", shards=2) for which in ("changed", "fresh"))
    run_schedule(tmp_path, seed, "opensearch", "float16", bool(seed % 2), places=(changed, fresh))
    for place in (changed, fresh):  # what serves, what did, and what a change that was killed left for the next one
        assert len(indices_of(api, place.name)) <= 3


def test_whoever_has_a_catalogue_open_goes_on_for_one_change_and_is_then_told(cluster, api, name, tmp_path):
    codes = make_codes(200)
    build(codes, tmp_path / "i", cluster.url, name)
    histories = make_histories(codes, 5)
    with ei.Index.open(tmp_path / "i") as reader:
        before = reader.search(histories, 10, exact=True)
        ei.delete(tmp_path / "i", before.rankings[0].items[:1])
        assert served_index(api, name) != concrete(reader)
        again = reader.search(histories, 10, exact=True)
        assert (again.scores == before.scores).all()
        assert [ranking.items for ranking in again.rankings] == [ranking.items for ranking in before.rankings]
        ei.delete(tmp_path / "i", before.rankings[1].items[:1])
        with pytest.raises(ei.ClusterError, match="was changed, built again or removed since it was opened"):
            reader.search(histories, 10)
    assert len(indices_of(api, name)) == 2


def test_only_what_changed_is_sent(cluster, api, name, tmp_path):
    codes = make_codes(500)
    build(codes, tmp_path / "i", cluster.url, name)
    ei.tag(tmp_path / "i", [(codes.ids[3], "new"), (codes.ids[4], "new")])
    with ei.Index.open(tmp_path / "i") as index:
        stats = api.indices.stats(index=concrete(index), metric="indexing")["_all"]["primaries"]["indexing"]
        assert stats["index_total"] == 2
        assert index.search([[codes.ids[0]]], 5, tags=["new"], exact=True).rankings[0].items
        count = api.count(index=name, body={"query": {"term": {"tag": "new"}}})["count"]
    assert count == 2


def test_an_item_that_comes_back_is_named_by_no_old_code(cluster, name, tmp_path):
    """A document says who speaks for its item by id: those of an item that went must not count when it returns."""
    codes = make_item_codes(120)
    build(codes, tmp_path / "i", cluster.url, name)
    popular = codes.ids[int(np.argmax(np.diff(codes.weights.tocsc().indptr)))]
    ei.delete(tmp_path / "i", [popular])
    ei.upsert(tmp_path / "i", codes, items=[popular])
    with ei.Index.open(tmp_path / "i") as index:
        there = index.search([[popular]], 120, rank="server")
        proven = index.search([[popular]], 120, exact=True)
    np.testing.assert_allclose(np.sort(there.scores[0]), np.sort(proven.scores[0]), atol=0.01)


def test_a_catalogue_that_somebody_else_built_is_left_alone(cluster, api, name, tmp_path):
    codes = make_codes(100)
    build(codes, tmp_path / "i", cluster.url, name)
    build(codes, tmp_path / "theirs", cluster.url, name, overwrite=True)
    before = digest(tmp_path / "i")
    with pytest.raises(ei.ClusterError, match="somebody else built or changed the catalogue"):
        ei.delete(tmp_path / "i", [codes.ids[0]])
    assert digest(tmp_path / "i") == before
    with ei.Index.open(tmp_path / "theirs") as theirs:
        assert served_index(api, name) == concrete(theirs)


@pytest.mark.parametrize("at", ["_clone", "_bulk", "_aliases"])
def test_a_change_that_fails_leaves_the_catalogue_as_it_was(cluster, api, name, tmp_path, monkeypatch, at):
    codes = make_codes(100)
    build(codes, tmp_path / "i", cluster.url, name)
    before, serves = digest(tmp_path / "i"), served_index(api, name)

    def fault(request: Request):
        refusal = {"error": {"type": "refused", "reason": "for a test"}, "status": 400}
        return (400, json.dumps(refusal).encode()) if at in request.path else None

    with FaultyNode(cluster.urls[0], fault) as node:
        monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_URL", node.url)
        monkeypatch.setenv(PATIENCE_VARIABLE, "2")
        with pytest.raises(ei.ClusterError, match="for a test"):
            ei.delete(tmp_path / "i", [codes.ids[0]])
    monkeypatch.delenv("ELSA_INDEX_OPENSEARCH_URL")
    assert digest(tmp_path / "i") == before
    assert served_index(api, name) == serves
    assert indices_of(api, name) == {serves}
    assert ei.delete(tmp_path / "i", [codes.ids[0]]).deleted == 1
