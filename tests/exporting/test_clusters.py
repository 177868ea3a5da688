"""Files for OpenSearch and Elasticsearch: loaded and asked by what their README says, with curl and node alone."""

import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.exporting.names import ExportName

from ..support.catalogues import TAGS, make_codes, make_item_codes
from ..support.clusters import running
from ..support.files import digest

K = 100


@pytest.fixture(scope="module")
def local(codes, tmp_path_factory):
    with ei.Index.build(codes, tmp_path_factory.mktemp("local") / "i", engine="exact", tags=TAGS) as index:
        yield index


@pytest.fixture(scope="module")
def elasticsearch(tmp_path_factory):
    yield from running(tmp_path_factory.mktemp("elasticsearch"), 1, "elasticsearch")


def readme_blocks(directory) -> list[str]:
    """What the export's README tells people to type: load, ask, ask by JavaScript."""
    return re.findall(r"```sh\n(.*?)```", (directory / "README.md").read_text(), re.DOTALL)


def typed(block: str, directory, url: str, name: str) -> str:
    environment = os.environ | {"URL": url, "NAME": name}
    done = subprocess.run(["bash", "-c", block], cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def check_loaded_and_asked(local, histories, url: str, directory, to: ExportName) -> None:
    titles = [(name, f"title {'of some' if row % 3 else 'of many'}") for row, name in enumerate(local.ids)]
    users = [f"user {at}" for at in range(len(histories))]
    ei.export(local, to, directory, histories=histories, users=users, titles=titles)
    load, ask, by_node = readme_blocks(directory)
    typed(load, directory, url, "exported")
    answers = [json.loads(line) for line in typed(ask, directory, url, "exported").splitlines() if line]
    found = [[hit["_id"] for hit in answer["hits"]["hits"]] for answer in answers]
    truth = local.search(histories, K)
    listed = [json.loads(line) for line in (directory / "requests.jsonl").read_text().splitlines()]
    assert [line["user_id"] for line in listed] == users
    assert len(set(found[0]) & set(truth.ids[0])) >= 0.98 * K
    assert {int(name.removeprefix("item")) % 2 for name in found[1]} == {0}, "hybrid.json asks for a tag"
    assert found[1] != found[0]
    every = []
    for line in listed:
        curl = f'curl -fsS "$URL/$NAME/_search" -H "Content-Type: application/json" --data-binary @{line["request"]}'
        every.append([hit["_id"] for hit in json.loads(typed(curl, directory, url, "exported"))["hits"]["hits"]])
    long_ids = {name for name in local.ids if len(name) > 512}
    overlaps = []
    for names, ids, history in zip(every, truth.ids, histories, strict=True):
        assert not set(names) & set(history)
        overlaps.append(
            len({*names} & {*ids}) + any(name.startswith("sha256:") for name in names) * len(long_ids & {*ids})
        )
    assert np.mean(overlaps) >= 0.98 * K
    if shutil.which("node") is None:
        pytest.skip("node, which runs the export's JavaScript, is not installed")
    by_script = [line.rsplit("\t", 1)[0] for line in typed(by_node, directory, url, "exported").split("\n") if line]
    assert len(set(by_script) & set(found[0])) >= K - 1


def test_opensearch_files_are_loaded_and_asked_by_curl_and_node(local, histories, cluster, tmp_path):
    simple = [[name for name in history if len(name) < 500] or ["item20"] for history in histories]
    check_loaded_and_asked(local, simple, cluster.urls[0], tmp_path / "export", "opensearch")


@pytest.fixture(scope="module", params=[0.0, 0.1], ids=["non-negative", "signed"])
def over_items(request, tmp_path_factory):
    """Codes over 1,500 items in which every history has some hundred to recommend, so that K come from a cluster."""
    codes = make_item_codes(1500, nnz=12, negative=request.param)
    with ei.Index.build(codes, tmp_path_factory.mktemp("items") / "i", engine="exact", tags=TAGS) as index:
        yield index


def check_items_loaded_and_asked(index, url: str, directory, to: ExportName) -> None:
    histories = [[f"item{row}" for row in range(first, first + 40)] for first in range(100, 1400, 300)]
    ei.export(index, to, directory, histories=histories)
    load, ask, by_node = readme_blocks(directory)
    name = f"items{index.path.parent.name}"
    typed(load, directory, url, name)
    first, *_ = (json.loads(line) for line in typed(ask, directory, url, name).splitlines() if line)
    truth = index.search(histories, K, exact=True)
    found = {hit["_id"]: hit["_score"] for hit in first["hits"]["hits"]}
    best = np.sort(list(found.values()))[::-1]  # by score: many items score alike
    positive = int(np.count_nonzero(truth.scores[0] > 0.01))
    assert positive >= 50
    np.testing.assert_allclose(best[:positive], truth.scores[0][:positive], rtol=0.01, atol=0.005)
    expected = dict(zip(truth.ids[0], truth.scores[0], strict=True))
    for item in found.keys() & expected.keys():
        assert found[item] == pytest.approx(expected[item], rel=0.01, abs=0.005)
    request = json.loads((directory / "requests" / "00001.json").read_text())
    assert "rescore" in request if (index.catalogue.engine.store.values < 0).any() else "rescore" not in request
    if shutil.which("node"):
        lines = [line.rsplit("\t", 1) for line in typed(by_node, directory, url, name).split("\n") if "\t" in line]
        scores = [float(score) for *_, score in lines if score.replace(".", "").lstrip("-").isdigit()]
        np.testing.assert_allclose(scores[:positive], best[:positive], rtol=1e-5)


def test_codes_over_items_are_asked_by_ids_alone(over_items, cluster, tmp_path):
    check_items_loaded_and_asked(over_items, cluster.urls[0], tmp_path / "e", "opensearch")


@pytest.mark.slow
def test_elasticsearch_takes_codes_over_items(over_items, elasticsearch, tmp_path):
    check_items_loaded_and_asked(over_items, elasticsearch.urls[0], tmp_path / "e", "elasticsearch")


@pytest.mark.slow
def test_elasticsearch_files_are_loaded_and_asked_by_curl_and_node(local, histories, elasticsearch, tmp_path):
    simple = [[name for name in history if len(name) < 500] or ["item20"] for history in histories]
    check_loaded_and_asked(local, simple, elasticsearch.urls[0], tmp_path / "export", "elasticsearch")


def test_the_exported_request_gives_the_server_ranking(codes, histories, cluster, place, tmp_path):
    with ei.Index.build(codes, tmp_path / "i", **place("opensearch")) as index:
        ei.export(index, "opensearch", tmp_path / "export", histories=histories)
        there = index.search(histories, K, rank="server")
        for at, ids in enumerate(there.ids):
            request = tmp_path / "export" / "requests" / f"{at + 1:05d}.json"
            url = f"{cluster.urls[0]}/{index.manifest.parameters['name']}/_search"
            curl = ["curl", "-fsS", url, "-H", "Content-Type: application/json", "--data-binary", f"@{request}"]
            hits = json.loads(subprocess.run(curl, check=True, capture_output=True).stdout)["hits"]["hits"]
            names = [hit["fields"]["item_id"][0] if "fields" in hit else hit["_id"] for hit in hits]
            assert names == ids.tolist()


def test_histories_of_more_terms_than_a_query_may_have(cluster, tmp_path):
    codes = make_codes(400, dims=1400, nnz=16, seed=4)
    history = [f"item{row}" for row in range(100, 300)]
    with ei.Index.build(codes, tmp_path / "i", engine="exact") as index:
        assert len(index.catalogue.resolve(history).vector) > 1100
        ei.export(index, "opensearch", tmp_path / "e", histories=[history])
        load, ask, by_node = readme_blocks(tmp_path / "e")
        typed(load, tmp_path / "e", cluster.urls[0], "long")
        first, _ = (
            json.loads(line) for line in typed(ask, tmp_path / "e", cluster.urls[0], "long").splitlines() if line
        )
        truth = set(index.search([history], K).ids[0].tolist())
        found = {hit["_id"] for hit in first["hits"]["hits"]}
        assert len(found & truth) >= 0.95 * K
        if shutil.which("node"):
            lines = typed(by_node, tmp_path / "e", cluster.urls[0], "long").split("\n")
            assert len({line.rsplit("\t", 1)[0] for line in lines} & found) >= K - 3, "two ids hold tabs and newlines"


def test_exports_are_refused_where_they_cannot_be(local, codes, tmp_path):
    with pytest.raises(ei.UsageError, match="to must be one of opensearch, elasticsearch, jsonl, ciff, got 'csv'"):
        ei.export(local, "csv", tmp_path / "e")  # type: ignore[arg-type]
    with pytest.raises(ei.DataError, match="None of the 1 titles is of an item"):
        ei.export(local, "opensearch", tmp_path / "e", titles=[("nobody", "title")])
    with pytest.raises(ei.UsageError, match="ciff has no place for them"):
        ei.export(local, "ciff", tmp_path / "e", titles=[("item20", "title")])
    with pytest.raises(ei.DataError, match="None of the 1 histories"):
        ei.export(local, "ciff", tmp_path / "e", histories=[["nobody"]])
    with (
        ei.Index.build(codes, tmp_path / "dense", engine="faiss-flat") as dense,
        pytest.raises(ei.UsageError, match="faiss-flat keeps no sparse codes"),
    ):
        ei.export(dense, "ciff", tmp_path / "e")
    assert not (tmp_path / "e").exists()
    before = digest(local.path)
    with pytest.raises(ei.StorageError, match="is not what this command writes"):
        ei.export(local, "ciff", local.path, overwrite=True)
    assert digest(local.path) == before
    for _ in range(2):
        ei.export(local, "ciff", tmp_path / "e", overwrite=True)
