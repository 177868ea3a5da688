"""docker/: its files checked without an engine, and what the image runs, run in a clean virtual environment."""

import json
import re
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import elsa_index as ei

from .support.catalogues import make_codes

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def test_the_dockerfile_is_linted():
    done = subprocess.run([program("hadolint"), ROOT / "docker" / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_fits_its_schema():
    compose = str(ROOT / "docker" / "compose.yaml")
    command = [program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", compose]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_bases_are_pinned_and_nothing_runs_as_root_or_beyond_loopback():
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) + re.findall(r"image: (\S+/\S+)", compose)
    assert len(images) == 2
    assert all(re.search(r":\d+\.\d+\.\d+", image) for image in images)
    assert re.search(r"^USER 10001$", DOCKERFILE, re.M)
    assert all(port.startswith("127.0.0.1:") for port in re.findall(r'- "(\S+:\d+)"', compose))


def test_the_image_has_all_that_the_base_needs():
    """It is installed without looking at dependencies."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    listed = (ROOT / "docker" / "requirements.txt").read_text()
    pinned = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", listed, re.M)}
    wanted = {canonicalize_name(one.name): one.marker for one in map(Requirement, needed)}
    assert {
        name for name, marker in wanted.items() if not marker or marker.evaluate({"python_version": "3.12"})
    } <= pinned


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the image's requirements are those of Python 3.12")
def test_what_the_image_runs_serves_in_a_clean_environment(tmp_path, cluster):
    """The Dockerfile's own commands: installation, entry point, the service and its health check; then the compose
    file's build job."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = re.search(r"RUN (docker/install.sh) python3", DOCKERFILE).group(1)
    subprocess.run([ROOT / install, python], cwd=ROOT, check=True, capture_output=True)
    unwanted = "import importlib.util as u; print([name for name in ('torch', 'faiss') if u.find_spec(name)])"
    assert subprocess.run([python, "-c", unwanted], capture_output=True, text=True).stdout == "[]\n"
    health = json.loads(re.search(r"HEALTHCHECK .*\n  CMD (\[.*\])", DOCKERFILE).group(1))
    entry = json.loads(re.search(r"^ENTRYPOINT (\[.*\])", DOCKERFILE, re.M).group(1))

    def run(*command: object) -> str:
        words = [tmp_path / "venv" / "bin" / str(command[0]), *command[1:]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(*entry, "doctor")
    codes = make_codes()
    codes.save(tmp_path / "model")
    run(*entry, "build", "model", "-o", "lucene.index")
    with (tmp_path / "log").open("wb") as log:
        serving = subprocess.Popen(
            [tmp_path / "venv" / "bin" / entry[0], "serve", "lucene.index", "--port", "0"], cwd=tmp_path, stderr=log
        )
    while not (port := re.search(r'"url": ?"http://127.0.0.1:(\d+)/"', (tmp_path / "log").read_text())):
        assert serving.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.1)
    assert ":8080/" in health[-1]
    run(*health[:-1], health[-1].replace(":8080/", f":{port[1]}/"))
    serving.terminate()
    assert serving.wait(timeout=60) == 0
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    arguments = re.findall(r"^      - (\S+)$", compose.split("  build:\n    <<")[1], re.M)
    assert arguments[:2] == ["build", "/data/model"]
    here = [part.replace("/data/", f"{tmp_path}/") for part in arguments]
    run(*entry, *(f"--url={cluster.url}" if part.startswith("--url=") else part for part in here))
    answers = [
        json.loads(run(*entry, "search", path, "--items", "item20,item30", "--exact", "--json"))["results"]
        for path in ("lucene.index", "catalogue.index")
    ]
    assert answers[0] == answers[1]
    with ei.Index.open(tmp_path / "lucene.index") as index:
        assert [item["item_id"] for item in answers[0][0]["items"]] == index.search([["item20", "item30"]], 10).ids[
            0
        ].tolist()
