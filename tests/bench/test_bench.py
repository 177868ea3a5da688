"""bench, on real indexes in real processes."""

import json
import os
import re

import polars as pl
import pytest

import elsa_index as ei
from elsa_index.bench.measure import bench
from elsa_index.bench.processes import Process, ProcessError
from elsa_index.bench.questions import Questions
from elsa_index.bench.report import write_report

from ..support.catalogues import make_codes, make_histories

pytestmark = pytest.mark.slow  # processes of their own


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bench")
    codes = make_codes(items=1500, dims=128, nnz=6)
    for engine in ("lucene", "exact", "faiss-hnsw"):
        ei.Index.build(codes, directory / engine, engine=engine, histories=make_histories(codes, 30)).close()
    return [directory / engine for engine in ("lucene", "exact", "faiss-hnsw")]


@pytest.fixture(scope="module")
def report(paths):
    codes = make_codes(items=1500, dims=128, nnz=6)
    histories = make_histories(codes, 12, seed=9)
    hidden = [history[:2] for history in make_histories(codes, 12, seed=10)]
    return bench(paths, Questions(histories, hidden), k=20, rounds=2)


def test_every_index_is_measured_at_every_setting(report, paths):
    assert [about["name"] for about in report.indexes] == [path.name for path in paths]
    by_setting = {(one.index, one.setting): one for one in report.measured}
    assert by_setting["lucene", "exact"].overlap == 1.0
    assert by_setting["exact", "exhaustive"].overlap == 1.0
    assert by_setting["exact", "exhaustive"].quality == by_setting["lucene", "exact"].quality
    few = by_setting["lucene", "8 × 200"]
    assert 0.5 < few.overlap < 1
    assert {name for name, _ in by_setting if name == "faiss-hnsw"}
    for one in report.measured:
        assert 0 < one.ms["p50"] <= one.ms["p95"] <= one.ms["p99"]
        assert len(one.round_p50) == 2
        assert set(one.rates) == {"1", "2"}
        assert set(one.quality) == {"recall@20", "ndcg@20"}
    for about in report.indexes:
        assert about["resident_bytes"] > 0
        assert about["open_ms"] > 0
        assert about["build_seconds"] > 0


def test_the_report_opens_without_a_network_and_is_not_replaced_unasked(report, tmp_path):
    write_report(report, tmp_path / "r")
    page = (tmp_path / "r" / "index.html").read_text()
    assert page.count("<svg") == 3
    loaded = re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)([^\"']*)|url\((?!#)([^)]*)\)|@import", page)
    assert loaded == []
    for about in report.indexes:
        assert about["name"] in page
    assert json.loads((tmp_path / "r" / "report.json").read_text())["queries"] == 12
    with pytest.raises(ei.StorageError, match="pass --overwrite"):
        write_report(report, tmp_path / "r")


def test_an_engine_that_is_not_installed_is_named_as_skipped(paths, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['faiss'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = bench(paths[1:], Questions([["item20"]]), k=5, rounds=1, threads=[1])
    assert [about["name"] for about in found.indexes] == ["exact"]
    assert "pip install 'elsa-index[faiss]'" in found.skipped["faiss-hnsw"]
    assert found.measured[0].quality is None
    with pytest.raises(ei.UsageError, match="None of the indexes can be measured"):
        bench(paths[2:], Questions([["item20"]]), k=5, rounds=1, threads=[1])


def test_an_index_trained_on_another_log_than_the_split_is_refused(tmp_path, log):
    split = ei.split(log, users=10)
    codes = make_codes(40)
    other = ei.ItemCodes(codes.ids, codes.weights, {"log_fingerprint": "another"})
    ei.Index.build(other, tmp_path / "i", engine="exact").close()
    with pytest.raises(ei.ElsaIndexError, match="trained on another log"):
        bench([tmp_path / "i"], Questions.of_split(split, 5), k=5)


def test_parameters_out_of_range_and_equal_names_are_refused(paths, tmp_path):
    questions = Questions([["item20"]])
    for options in ({"k": 0}, {"rounds": 0}, {"threads": [0]}):
        with pytest.raises(ei.UsageError, match=r"must be (at least 1|from 1 to 512), got 0"):
            bench(paths, questions, **options)
    with pytest.raises(ei.UsageError, match="must have different names"):
        bench([paths[0], tmp_path / "lucene"], questions)
    with pytest.raises(ei.UsageError, match="at least one index"):
        bench([], questions)


def test_histories_of_strangers_are_not_measured(paths):
    with pytest.raises(ei.ElsaIndexError, match="knows no item of the 1 histories"):
        bench(paths[1:2], Questions([["nobody"]]), k=5)


def failing(how: str):
    def answer(_: object) -> None:
        if how == "ends":
            os._exit(3)
        raise ValueError("broken")

    return answer


def test_a_process_that_fails_or_ends_says_so():
    with Process("tests.bench.test_bench:failing", "raises") as process, pytest.raises(ProcessError, match="broken"):
        process.ask(1)
    with Process("tests.bench.test_bench:failing", "ends") as process, pytest.raises(ProcessError, match="status 3"):
        process.ask(1)


def test_threads_of_libraries_are_pinned_in_the_process_and_nowhere_else():
    before = os.environ.get("OMP_NUM_THREADS")
    with Process("tests.bench.test_bench:environment", threads=3) as process:
        assert process.ask("OMP_NUM_THREADS") == "3"
    assert os.environ.get("OMP_NUM_THREADS") == before


def environment():
    return os.environ.get


def test_a_split_asks_its_first_users(log):
    split = ei.split(log, users=10)
    questions = Questions.of_split(split, 4)
    assert len(questions) == 4
    first = split.hidden.filter(pl.col("fold") == 0).group_by("user_id", maintain_order=True).agg("item_id").head(1)
    assert questions.hidden[0] == first["item_id"].to_list()[0]
