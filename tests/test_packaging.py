"""What is published: files around the code, and wheel and source distribution, looked at from outside."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCHEMAS = {
    ".github/workflows/*.yml": "github-workflows",
    ".github/dependabot.yml": "dependabot",
    ".github/ISSUE_TEMPLATE/[!c]*.yml": "github-issue-forms",
    ".github/ISSUE_TEMPLATE/config.yml": "github-issue-config",
    "CITATION.cff": "citation-file-format",
}


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


@pytest.mark.parametrize(("files", "schema"), SCHEMAS.items())
def test_files_for_the_host_fit_their_schemas(files, schema):
    paths = sorted(map(str, ROOT.glob(files)))
    assert paths
    done = subprocess.run(
        [program("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *paths], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(
    not shutil.which("actionlint") and "ELSA_INDEX_TESTS_REQUIRE_ACTIONLINT" not in os.environ,
    reason="no actionlint: go install github.com/rhysd/actionlint/cmd/actionlint@latest",
)
def test_workflows_pass_actionlint():
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    done = subprocess.run(["actionlint", "-shellcheck=", *workflows], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_citation_is_of_this_version():
    assert f"\nversion: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A wheel and a source distribution, made from a copy: building leaves things beside the sources."""
    place = tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(".*", "build", "dist", "demo-output", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, place / "sources", ignore=ignored)
    subprocess.run([program("pyproject-build"), "--outdir", place / "dist", place / "sources"], check=True,
                   capture_output=True)  # fmt: skip
    return place / "dist"


@pytest.mark.slow
def test_distributions_are_complete(built):
    dist = sorted(built.iterdir())
    done = subprocess.run([program("twine"), "check", "--strict", *dist], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    wanted = {
        str(path.relative_to(root))
        for root, package in ((ROOT, "elsa_index"), (ROOT / "cli", "elsa_index_cli"))
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wheel = zipfile.ZipFile(next(built.glob("*.whl")))
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == wanted
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.replace("elsa_index_cli/", "cli/elsa_index_cli/") for name in wanted} <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "CITATION.cff", "pyproject.toml"} <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docker"))]


USER = """
import elsa_index as ei

with ei.Index.open("i") as index:
    found = index.search([["a"]], k=5)
    reveal_type(index)
    reveal_type(found)
    reveal_type(found.scores)
index.search("a", kk=5)
codes: str = ei.train(ei.read_interactions("log.csv"))
"""
REVEALED = ("Index", "SearchResult", "ndarray")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_checkers_of_types_see_ours_from_outside(built, how, tmp_path):
    """In an environment that has elsa-index and what its own types name, and nothing of the project."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    what = [next(built.glob("*.whl"))] if how == "wheel" else ["--editable", built.parent / "sources"]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", *what], check=True, capture_output=True)
    subprocess.run([*pip, "numpy", "scipy", "pydantic", "polars"], check=True, capture_output=True)
    (tmp_path / "user.py").write_text(USER)
    mypy = subprocess.run(
        [program("mypy"), "--python-executable", python, "user.py"], cwd=tmp_path, capture_output=True, text=True
    ).stdout
    pyright = json.loads(
        subprocess.run(
            [program("pyright"), "--pythonpath", python, "--outputjson", "user.py"], cwd=tmp_path, capture_output=True,
            text=True,
        ).stdout
    )  # fmt: skip
    for revealed in REVEALED:
        assert re.search(rf"Revealed type is .*{revealed}", mypy), mypy
    assert len(re.findall(r": error: ", mypy)) >= 2, mypy
    messages = [one["message"] for one in pyright["generalDiagnostics"]]
    for revealed in REVEALED:
        assert any(re.search(rf"is \"[^\"]*{revealed}", message) for message in messages), messages
    assert any('No parameter named "kk"' in message for message in messages), messages
    assert any('"ItemCodes"' in message for message in messages), messages
    assert not any("could not be resolved" in message for message in messages), messages


def typed(page: str, language: str, begins: str) -> str:
    """The block of a document that begins so."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(begins)]
    return str(found)


BLOCKS = (("sh", "elsa-index"), ("python", "import elsa_index"))


@pytest.mark.parametrize(("language", "begins"), BLOCKS)
def test_the_quick_start_says_what_the_readme_says(language, begins):
    assert typed("docs/quick-start.md", language, begins) == typed("README.md", language, begins)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_what_the_readme_says_runs_from_a_wheel(built, tmp_path):
    """In a clean environment, on the demo's log, as written."""
    from benchmarks import demo

    venv.create(tmp_path / "venv", with_pip=True)
    wheel = next(built.glob("*.whl"))
    pip = [tmp_path / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, f"elsa-index[train] @ {wheel.as_uri()}"], check=True, capture_output=True)
    environment = {"PATH": f"{tmp_path / 'venv' / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path)}
    place = tmp_path / "work"
    place.mkdir()
    demo.write_log(place)
    shown = []
    for (language, begins), program in zip(BLOCKS, (["bash", "-euc"], ["python", "-c"]), strict=True):
        command = [*program, typed("README.md", language, begins)]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
    assert "Toy Story 2" in shown[0]
    assert "ndcg@100" in shown[0]
    assert "For you" in shown[1]
