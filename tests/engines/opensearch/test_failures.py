"""What goes wrong on a cluster: a clear error, the old catalogue untouched, nothing left behind without a name."""

import json

import pytest

import elsa_index as ei
from elsa_index.engines.cluster_target import PATIENCE_VARIABLE

from ...support.catalogues import make_codes
from ...support.clusters import build, concrete, indices_of, served_index
from ...support.faulty_node import FaultyNode, Request
from ...support.files import digest

pytestmark = pytest.mark.usefixtures("little_patience")


def test_no_node_answers(codes, tmp_path):
    with pytest.raises(
        ei.ClusterError, match=r"cluster at http://127.0.0.1:9 failed .* no node answers .* Start it, or"
    ):
        build(codes, tmp_path / "i", "http://127.0.0.1:9", "nowhere")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["127.0.0.1:9200", "ftp://host", "http://", "http://host:port", "", "http://host/?x=1"])
def test_what_is_no_url_is_named(url):
    with pytest.raises(ei.UsageError, match="is not the URL of a cluster's node"):
        ei.ClusterTarget(url, "name")


@pytest.mark.parametrize("name", ["", "Capital", "a/b", "-a", "a" * 201, "a*", "a,b", ".hidden"])
def test_names_that_no_cluster_takes_are_refused(name):
    with pytest.raises(ei.UsageError, match="name must be"):
        ei.ClusterTarget("http://127.0.0.1:9200", name)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ({"number": "1.0.1", "distribution": "opensearch"}, "runs OpenSearch 1.0.1; 1.1 is the oldest that works"),
        ({"number": "8.15.0"}, r"is no OpenSearch .* elsa-index export --to elasticsearch"),
    ],
)
def test_clusters_that_lack_what_we_use(codes, cluster, name, tmp_path, version, message):
    def fault(request: Request):
        return (200, json.dumps({"version": version}).encode()) if request.path == "/" else None

    with FaultyNode(cluster.urls[0], fault) as node, pytest.raises(ei.ClusterError, match=message):
        build(codes, tmp_path / "i", node.url, name)


def test_names_that_are_taken_are_left_alone(codes, own, cluster, api, name, tmp_path):
    with pytest.raises(ei.ClusterError, match=rf"serves {concrete(own)} under {name} already.*--overwrite"):
        build(codes, tmp_path / "i", cluster.url, name)
    api.indices.create(index="somebodys", body={"aliases": {"an-alias": {}}})
    with pytest.raises(ei.ClusterError, match="has an index named somebodys, which is no alias"):
        build(codes, tmp_path / "i", cluster.url, "somebodys", overwrite=True)
    with pytest.raises(ei.ClusterError, match="alias an-alias of somebodys, which is not ours"):
        build(codes, tmp_path / "i", cluster.url, "an-alias", overwrite=True)
    assert api.indices.exists(index="somebodys")
    assert served_index(api, name) == concrete(own)
    assert not (tmp_path / "i").exists()


def test_codes_of_another_training_are_refused(own, api):
    meta = api.indices.get(index=concrete(own))[concrete(own)]["mappings"]["_meta"]["elsa_index"]
    for change, message in (
        ({"fingerprint": "f" * 32}, "holds codes of another training"),
        ({"format": 99}, "has the format 99, this version reads 1"),
    ):
        api.indices.put_mapping(index=concrete(own), body={"_meta": {"elsa_index": meta | change}})
        with pytest.raises(ei.ClusterError, match=message):
            ei.Index.open(own.path)
    api.indices.put_mapping(index=concrete(own), body={"_meta": {"elsa_index": meta}})
    ei.Index.open(own.path).close()


def test_changes_behind_our_back_are_found(own, api):
    api.indices.put_mapping(index=concrete(own), body={"_meta": {}})
    with pytest.raises(ei.ClusterError, match=r"mapping of .* was changed, its _meta is gone; build again"):
        ei.Index.open(own.path)


def test_documents_stay_as_they_were_loaded(own, api):
    from opensearchpy.exceptions import AuthorizationException

    with pytest.raises(AuthorizationException, match="index write"):
        api.delete(index=concrete(own), id="item20")
    with pytest.raises(AuthorizationException, match="index write"):
        api.index(index=concrete(own), id="item20", body={"row": 99_999, "code": {"0": 1.0}})


def test_documents_that_are_gone_or_changed_are_missed(own, api):
    api.indices.put_settings(index=concrete(own), body={"index.blocks.write": False})
    changed = {"row": 99_999, "code": {str(term): 5.0 for term in range(128)}}
    api.index(index=concrete(own), id="item20", body=changed, params={"refresh": "true"})
    with pytest.raises(ei.ClusterError, match=r"documents of .* were changed; build again"):
        own.search([["item21"]], 300, rank="first-stage")
    api.delete(index=concrete(own), id="item20", params={"refresh": "true"})
    with pytest.raises(ei.ClusterError, match="holds 299 documents and 300 were loaded; build again"):
        ei.Index.open(own.path)
    api.indices.delete(index=concrete(own))
    with pytest.raises(ei.ClusterError, match=r"has no index .* was replaced or removed"):
        ei.Index.open(own.path)
    with pytest.raises(ei.ClusterError, match="failed while searching"):
        own.search([["item21"]], 3)


def fails_without_a_trace(codes, own, api, name, url: str, message: str) -> None:
    """A load over `own` fails with this message; directory and alias are as before and the new index is gone."""
    before, of_directory = indices_of(api, name), digest(own.path)
    with pytest.raises(ei.ClusterError, match=message):
        build(make_codes(seed=9), own.path, url, name, overwrite=True)
    assert served_index(api, name) == concrete(own)
    assert indices_of(api, name) == before
    assert digest(own.path) == of_directory
    assert own.search([["item21"]], 3, exact=True).proven.all()


def test_documents_that_are_refused(codes, own, cluster, api, name):
    def fault(request: Request):
        if request.path.split("?")[0].endswith("_bulk"):
            request.body = request.body.replace(b'{"row":7,', b'{"row":"seven",')

    with FaultyNode(cluster.urls[0], fault) as node:
        fails_without_a_trace(codes, own, api, name, node.url, r"refused 1 of 300 documents .* failed to parse field")


def test_a_full_disk(codes, own, cluster, api, name):
    def fault(request: Request):
        if request.path.split("?")[0].endswith("_bulk"):  # what a node whose disk is full does to its indices
            index = request.path.split("/")[1]
            api.indices.put_settings(index=index, body={"index.blocks.read_only_allow_delete": True})

    with FaultyNode(cluster.urls[0], fault) as node:
        fails_without_a_trace(codes, own, api, name, node.url, r"disk is full, .*flood stage.*Free disk")


def test_busy_nodes_are_waited_for_up_to_a_point(codes, own, cluster, api, name, monkeypatch):
    busy = b'{"error":{"type":"es_rejected_execution_exception","reason":"rejected"},"status":429}'
    answers = iter([(429, busy), (503, b"no master"), (429, busy)])

    def fault(request: Request):
        return next(answers, None) if "_bulk" in request.path else None

    with FaultyNode(cluster.urls[0], fault) as node:
        build(codes, own.path, node.url, name, overwrite=True)
        assert next(answers, None) is None
        always = lambda request: (503, b"no shards") if "_bulk" in request.path else None  # noqa: E731
        monkeypatch.setenv(PATIENCE_VARIABLE, "0.1")
        with ei.Index.open(own.path) as index, FaultyNode(cluster.urls[0], always) as refusing:
            fails_without_a_trace(
                codes, index, api, name, refusing.url, r"too busy, or shards are missing, .*status 503"
            )


def test_documents_that_a_busy_node_refuses_are_sent_again(codes, cluster, api, name, tmp_path):
    sent: list[int] = []

    def fault(request: Request):
        if not request.path.split("?")[0].endswith("_bulk"):
            return None
        lines = request.body.split(b"\n")[:-1]
        sent.append(len(lines) // 2)
        if len(sent) > 1:
            return None
        kept = b"\n".join(lines[:200]) + b"\n"
        api.bulk(body=kept, index=request.path.split("/")[1])
        refused = {"status": 429, "error": {"type": "rejected", "reason": "queue is full"}}
        items = [{"index": {"status": 201} if at < 100 else refused} for at in range(len(lines) // 2)]
        return 200, json.dumps({"errors": True, "items": items}).encode()

    with FaultyNode(cluster.urls[0], fault) as node:
        build(codes, tmp_path / "i", node.url, name)
        with ei.Index.open(tmp_path / "i") as index:
            assert index.search([["item20"]], 20, exact=True).proven.all()
    assert sent == [300, 200]


def test_a_directory_that_does_not_come_into_place_takes_the_alias_back(own, cluster, api, name, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device")

    before = indices_of(api, name)
    monkeypatch.setattr("elsa_index.storage.staging._exchange", fails)
    with pytest.raises(ei.StorageError, match="No space left"):
        build(make_codes(seed=9), own.path, cluster.url, name, overwrite=True)
    assert served_index(api, name) == concrete(own)
    assert indices_of(api, name) == before


def test_a_new_catalogue_takes_over_and_the_last_one_stays_for_who_has_it_open(own, cluster, api, name, histories):
    before = own.search(histories, 5).rows
    for seed, left in ((9, {concrete(own)}), (10, set())):
        replaced = served_index(api, name)
        build(make_codes(seed=seed), own.path, cluster.url, name, overwrite=True)
        assert served_index(api, name) not in (replaced, None)
        assert indices_of(api, name) - {served_index(api, name), replaced} == set()
        if left:
            assert (own.search(histories, 5).rows == before).all()
    with pytest.raises(ei.ClusterError, match="no such index"):
        own.search(histories, 5)


def test_what_a_dead_load_left_is_removed_and_what_may_live_is_named(codes, cluster, api, own, name):
    meta = api.indices.get(index=concrete(own))[concrete(own)]["mappings"]["_meta"]["elsa_index"]
    elsewhere = meta | {"complete": False, "loader": {"host": "another", "pid": 1, "started": 0.0}}
    dead = meta | {"complete": False, "loader": meta["loader"] | {"pid": 2**22 + 1}}
    for left, about in ((f"{name}-elsewhere", elsewhere), (f"{name}-dead", dead)):
        api.indices.create(index=left, body={"mappings": {"_meta": {"elsa_index": about}}})
    build(codes, own.path, cluster.url, name, overwrite=True)
    with ei.Index.open(own.path) as index:
        assert index.manifest.parameters["left_behind"] == [f"{name}-elsewhere"]
        assert indices_of(api, name) == {concrete(index), concrete(own), f"{name}-elsewhere"}


def test_engine_and_cluster_belong_together(codes, tmp_path):
    with pytest.raises(ei.UsageError, match="engine opensearch needs a cluster and a name there: --url"):
        ei.Index.build(codes, tmp_path / "i", engine="opensearch")
    with pytest.raises(ei.UsageError, match="are for the engine opensearch; the engine is exact"):
        ei.Index.build(codes, tmp_path / "i", engine="exact", cluster=ei.ClusterTarget("http://h:1", "a"))


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b"{}", b'"hi"', b"[]"])
def test_what_is_no_opensearch_is_said_to_be_none(codes, cluster, answer, name, tmp_path):
    with (
        FaultyNode(cluster.urls[0], lambda request: (200, answer)) as node,
        pytest.raises(ei.ClusterError, match=r"What answers at http://127.0.0.1:\d+ is no OpenSearch"),
    ):
        build(codes, tmp_path / "i", node.url, name)


def test_other_nodes_may_be_named_when_an_index_is_opened(own, monkeypatch):
    monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_URL", "http://127.0.0.1:9")
    with pytest.raises(ei.ClusterError, match="no node answers"):
        ei.Index.open(own.path)


def test_replicas_without_a_node_are_counted(codes, cluster, name, tmp_path):
    target = ei.ClusterTarget(cluster.url, name, shards=2, replicas=4)
    with ei.Index.build(codes, tmp_path / "i", engine="opensearch", cluster=target) as index:
        assert index.manifest.parameters["missing_replicas"] == 4


@pytest.mark.parametrize("lost", ["create", "alias"])
def test_answers_that_are_lost_are_not_taken_for_refusals(own, cluster, api, name, lost):
    """A request that was carried out and whose answer did not arrive is sent again."""
    times: list[str] = []

    def fault(request: Request):
        path = request.path.split("?")[0]
        is_it = path.endswith("_aliases") if lost == "alias" else request.method == "PUT" and path.count("/") == 1
        if not is_it or times:
            return None
        times.append(path)
        node.pass_on(request)
        return 503, b"lost"

    with FaultyNode(cluster.urls[0], fault) as node:
        build(make_codes(seed=9), own.path, node.url, name, overwrite=True)
        with ei.Index.open(own.path) as index:
            assert served_index(api, name) == concrete(index)
    assert len(times) == 1


def test_two_loads_at_the_same_time_do_not_both_serve(own, cluster, api, name):
    """Another load takes the alias between our look at it and our taking it."""
    other = f"{name}-other"

    def fault(request: Request):
        if request.path.split("?")[0].endswith("_aliases") and not api.indices.exists(index=other):
            meta = api.indices.get(index=concrete(own))[concrete(own)]["mappings"]["_meta"]
            api.indices.create(index=other, body={"mappings": {"_meta": meta}, "aliases": {name: {}}})
            api.indices.delete_alias(index=concrete(own), name=name)

    with (
        FaultyNode(cluster.urls[0], fault) as node,
        pytest.raises(ei.ClusterError, match=r"behind|changed by somebody else|failed while moving the alias"),
    ):
        build(make_codes(seed=9), own.path, node.url, name, overwrite=True)
    assert served_index(api, name) == other
    assert indices_of(api, name) == {concrete(own), other}


def test_shards_that_are_away_for_a_moment_are_waited_for(own, cluster, name, tmp_path, monkeypatch):
    answers = iter([(200, b'{"count": 12, "_shards": {"total": 1, "successful": 0, "failed": 1}}')])

    def fault(request: Request):
        return next(answers, None) if request.path.split("?")[0].endswith("_count") else None

    with FaultyNode(cluster.urls[0], fault) as node:
        monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_URL", node.url)
        ei.Index.open(own.path).close()
    assert next(answers, None) is None


def test_an_index_that_cannot_be_removed_is_named(own, cluster, api, name, monkeypatch):
    def fault(request: Request):
        if request.path.split("?")[0].endswith("_bulk"):
            return 400, b'{"error": {"type": "illegal", "reason": "no such thing"}, "status": 400}'
        return (503, b"busy") if request.method == "DELETE" else None

    monkeypatch.setenv(PATIENCE_VARIABLE, "0.2")
    with (
        FaultyNode(cluster.urls[0], fault) as node,
        pytest.raises(ei.ClusterError, match=rf"no such thing.*partly loaded index {name}-\w+-\w+ is still there"),
    ):
        build(make_codes(seed=9), own.path, node.url, name, overwrite=True)
    assert served_index(api, name) == concrete(own)
    build(make_codes(seed=9), own.path, cluster.url, name, overwrite=True)
    with ei.Index.open(own.path) as index:
        left = index.manifest.parameters["left_behind"]
        assert indices_of(api, name) == {concrete(index), concrete(own), *left}
        assert len(left) == 1, "this process, which loaded it, lives"
