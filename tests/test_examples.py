"""examples/: every file run, or checked against what the program takes."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
import yaml
from elsa_index_cli.main import app

import elsa_index as ei

from .support.catalogues import make_taste_log

EXAMPLES = Path(__file__).parents[1] / "examples"
UNITS = sorted(EXAMPLES.glob("*.service")) + sorted(EXAMPLES.glob("*.timer"))


def test_no_example_is_forgotten():
    assert {path.name for path in EXAMPLES.iterdir()} == {path.name for path in UNITS} | {
        "nightly.sh",
        "kubernetes.yaml",
    }


def serve_options() -> set[str]:
    """Variables that `serve` hears."""
    command: Any = typer.main.get_command(app)
    options = [one for one in command.commands["serve"].params if one.param_type_name == "option"]
    return {f"ELSA_INDEX_SERVE_{one.name.upper()}" for one in options} | {"ELSA_INDEX_TOKEN", "ELSA_INDEX"}


def parsed(arguments: list[str]) -> None:
    """Whether the program takes a command line; nothing is run."""
    command: Any = typer.main.get_command(app)
    own = command.commands[arguments[0]]
    own.make_context(arguments[0], list(arguments[1:]))


def read_unit(path: Path) -> dict[str, list[tuple[str, str]]]:
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            section.append((name, value))
    return sections


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_call_the_program_as_it_is(path):
    unit = read_unit(path)
    assert set(unit) <= {"Unit", "Install", "Service" if path.suffix == ".service" else "Timer"}
    for name, value in unit.get("Service", []):
        if name == "ExecStart" and value.split()[0].endswith("/elsa-index"):
            parsed(shlex.split(value)[1:])
        if name == "ExecStart" and value.split()[0].endswith(".sh"):
            assert (EXAMPLES / Path(value.split()[0]).name).exists()
        if name == "Environment":
            assert value.split("=")[0] in serve_options()
    if path.suffix == ".timer":
        assert path.with_suffix(".service").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_units(tmp_path):
    """As they are, but for programs and users that this machine does not have."""
    for path in UNITS:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text.replace("User=elsa-index", "User=root"))
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / path.name) for path in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line], done.stderr


def test_kubernetes_asks_what_the_service_answers():
    deployment, service = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())
    assert (deployment["kind"], service["kind"]) == ("Deployment", "Service")
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"] == pod["metadata"]["labels"] == deployment["spec"]["selector"]["matchLabels"]
    (container,) = pod["spec"]["containers"]
    parsed(container["args"])
    assert {variable["name"] for variable in container["env"]} <= serve_options()
    routes = (Path(ei.__file__).parent / "server" / "routes.py").read_text()
    for probe in ("readinessProbe", "livenessProbe"):
        assert f'"{container[probe]["httpGet"]["path"]}"' in routes
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["containerPort"]
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert pod["spec"]["securityContext"]["runAsUser"] == 10001  # as in docker/Dockerfile


def night(log_path: Path, state: Path, **environment: str) -> subprocess.CompletedProcess:
    program = state.parent / "elsa-index"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m elsa_index_cli "$@"\n')
    program.chmod(0o755)
    return subprocess.run(
        [EXAMPLES / "nightly.sh", log_path, state], capture_output=True, text=True,
        env=os.environ | {"ELSA_INDEX": str(program)} | environment,
    )  # fmt: skip


@pytest.mark.slow
def test_nights_follow_each_other_and_a_bad_one_leaves_all_as_it_was(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    log = make_taste_log().pairs()
    log.write_csv(tmp_path / "log.csv")
    first = night(tmp_path / "log.csv", state)
    assert first.returncode == 0, first.stderr
    assert float(re.search(r"nDCG@100 (\S+),", first.stdout)[1]) > 0.1
    more = pl.DataFrame({"user_id": ["u000", "u004"], "item_id": ["new"] * 2})
    pl.concat([log, more]).write_csv(tmp_path / "log.csv")
    second = night(tmp_path / "log.csv", state, LEAST="0.1")
    assert second.returncode == 0, second.stderr
    assert "are those of" in second.stderr
    with ei.Index.open(state / "catalogue.index") as index:
        assert "new" in index.ids
        before = index.manifest.codes.fingerprint
    refused = night(tmp_path / "log.csv", state, LEAST="0.999")
    assert refused.returncode == 1
    with ei.Index.open(state / "catalogue.index") as index:
        assert index.manifest.codes.fingerprint == before
    assert sorted(path.name for path in state.iterdir()) == ["catalogue.index", "model", "model.before"]
