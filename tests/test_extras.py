"""What the base does without is told in one sentence, that works, before any work is done."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import elsa_index as ei
from elsa_index.extras import EXTRA_OF, require
from elsa_index.index import Index

from .support.catalogues import make_codes

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {
    "faiss": "faiss-cpu", "opensearchpy": "opensearch-py", "prometheus_client": "prometheus-client",
    "pythonjsonlogger": "python-json-logger", "seismic": "pyseismic-lsr",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.instrumentation.asgi": "opentelemetry-instrumentation-asgi",
}  # fmt: skip


def test_every_package_is_one_of_its_extra_and_none_of_the_base():
    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\s<>=;\[]", requirement)[0] for requirement in requirements}

    for package, extra in EXTRA_OF.items():
        name = DISTRIBUTIONS.get(package, package)
        assert name in names(PYPROJECT["optional-dependencies"][extra])
        assert name not in names(PYPROJECT["dependencies"])


@pytest.fixture
def without(monkeypatch):
    def remove(*packages: str) -> None:
        for package in packages:
            monkeypatch.setitem(sys.modules, package, None)

    return remove


def test_all_that_is_missing_is_named_once(without):
    without("torch", "numba", "faiss")
    expected = r"^Much needs what is not installed \(torch, faiss\): pip install 'elsa-index\[faiss,train\]'\.$"
    with pytest.raises(ei.MissingExtraError, match=expected):
        require("Much", "torch", "faiss", "uvicorn")


@pytest.mark.parametrize(("config", "package"), [(None, "torch"), (ei.SlimConfig(), "numba")])
def test_training(without, log, config, package):
    without(package)
    with pytest.raises(ei.MissingExtraError, match=rf"\({package}\): pip install 'elsa-index\[train\]'"):
        ei.train(log, config)


@pytest.mark.parametrize(("engine", "package", "extra"), [
    ("faiss-flat", "faiss", "faiss"), ("faiss-hnsw", "faiss", "faiss"), ("seismic", "seismic", "peers"),
    ("opensearch", "opensearchpy", "opensearch"),
])  # fmt: skip
def test_engines(without, tmp_path, engine, package, extra):
    without(package)
    target = ei.ClusterTarget("http://127.0.0.1:1", "n") if engine == "opensearch" else None
    with pytest.raises(
        ei.MissingExtraError, match=rf"The engine {engine} needs .* pip install 'elsa-index\[{extra}\]'"
    ):
        Index.build(make_codes(30), tmp_path / "i", engine=engine, cluster=target)
    assert not (tmp_path / "i").exists()


def run(*arguments: object, without: str, path: Path) -> subprocess.CompletedProcess:
    """The command line where `without` is not installed."""
    (path / "sitecustomize.py").write_text(f"import sys; sys.modules[{without!r}] = None\n")
    command = [sys.executable, "-m", "elsa_index_cli", *map(str, arguments)]
    environment = {"PYTHONPATH": str(path)} | {"PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_commands_say_it_before_they_begin(tmp_path):
    Index.build(make_codes(30), tmp_path / "i", engine="exact").close()
    (tmp_path / "h.csv").write_text("user_id,item_id\nu,item20\n")
    for arguments, package, extra in (
        (("serve", tmp_path / "i"), "fastapi", "serve"),
        (
            ("bench", tmp_path / "i", "--histories", tmp_path / "h.csv", "--report", tmp_path / "r"),
            "matplotlib",
            "report",
        ),
    ):
        done = run(*arguments, without=package, path=tmp_path)
        assert done.returncode == 2
        assert re.fullmatch(rf"error: .* \({package}\): pip install 'elsa-index\[{extra}\]'\.\n", done.stderr)
