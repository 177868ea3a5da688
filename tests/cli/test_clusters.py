"""The engine opensearch and exports as a user types them."""

import json

import pytest

from ..support.catalogues import make_codes
from ..support.command_line import run


@pytest.fixture(scope="module")
def there(cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("there")
    make_codes().save(folder / "model")
    cluster_options = ["--engine", "opensearch", "--url", cluster.url, "--name", "typed", "--shards", "2"]
    command = ["build", folder / "model", "-o", folder / "i", *cluster_options]
    done = run(*command)
    assert "served as typed by the cluster's index typed-" in done.stdout
    again = run(*command, status=1)
    assert "exists; name another path or pass --overwrite" in again.stderr
    replaced = run(*command, "--overwrite")
    assert "was replaced; the next build removes it" in replaced.stderr
    return folder / "i"


@pytest.mark.parametrize(
    ("options", "promise"),
    [
        (["--exact"], "exact: the exhaustive top k of the opensearch index's stored codes, 300 items"),
        (["--rank", "server"], "server: signed scores to nine bits, among the best 200 of each shard"),
        (["--rank", "first-stage"], "first stage: the cluster's ranking by upper bound"),
    ],
)
def test_every_way_to_rank_says_what_it_promises(there, options, promise):
    found = json.loads(run("search", there, "--items", "item20,item30", "--json", *options).stdout)
    assert promise in found["promise"]
    assert len(found["results"][0]["items"]) == 10


def test_an_index_on_a_cluster_is_verified_and_measured(there, tmp_path):
    assert json.loads(run("verify", there, "--json").stdout)["whole"]
    (tmp_path / "h.csv").write_text("user_id,item_id\nu,item20\nu,item30\n")
    few = ["--users", "1", "-k", "20", "--rounds", "1", "--threads", "1"]
    shown = run("bench", there, "--histories", tmp_path / "h.csv", *few).stdout
    assert all(setting in shown for setting in ("exact", "server", "first-stage"))


@pytest.mark.parametrize("to", ["opensearch", "elasticsearch", "jsonl", "ciff"])
def test_every_export_has_a_readme(there, to, tmp_path):
    shown = run("export", there, "--to", to, "-o", tmp_path / "e").stdout
    assert f"300 items for {to}" in shown
    assert "@" not in (tmp_path / "e" / "README.md").read_text().replace("--data-binary @", "").replace('"@$part"', "")


def test_a_cluster_that_is_away_costs_one_line(tmp_path):
    make_codes().save(tmp_path / "m")
    options = ["--engine", "opensearch", "--url", "http://127.0.0.1:9", "--name", "typed"]
    done = run("build", tmp_path / "m", "-o", tmp_path / "i", *options, status=1)
    assert done.stderr.count("\n") == 1
    assert "no node answers" in done.stderr
    assert not (tmp_path / "i").exists()
