"""The documents: figures are those of the results, and what they name exists. `make docs` checks their links."""

import inspect
import re
from pathlib import Path

import pytest

import elsa_index as ei
from benchmarks.tables import ROOT, TABLES, with_table

PAGES = sorted((ROOT / "docs").rglob("*.md"))
BESIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")]
"""Read where the code is hosted, too."""


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_made_from_the_results(name):
    text = (ROOT / TABLES[name].document).read_text()
    assert with_table(text, name) == text


def test_paths_that_are_named_exist():
    named = {
        path
        for page in (*PAGES, *BESIDE)
        for path in re.findall(r"`((?:elsa_index|cli|benchmarks|tests|docker|docs)/[\w./-]*)`", page.read_text())
    }
    assert len(named) > 30
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", BESIDE, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_one_screen_and_a_half():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 180


PUBLIC = {name: getattr(ei, name) for name in ei.__all__ if inspect.isfunction(getattr(ei, name))} | {
    f"Index.{name}": method
    for name, method in inspect.getmembers(ei.Index, callable)
    if not name.startswith("_") and len(inspect.signature(method).parameters) > 2
}


@pytest.mark.parametrize("name", PUBLIC)
def test_parameters_are_documented_each_by_name(name):
    parameters = set(inspect.signature(PUBLIC[name]).parameters) - {"self"}
    section = re.search(r"^Args:\n((?: .*\n?|\n)+)", inspect.getdoc(PUBLIC[name]) or "", re.MULTILINE)
    documented = set(re.findall(r"^    (\w+): ", section[1], re.MULTILINE)) if section else set()
    assert documented == parameters or (not documented and len(parameters) < 3)
