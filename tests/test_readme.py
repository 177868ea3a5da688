"""The figures in the documents are those of the results, and the paths they name exist."""

import re

import pytest

from benchmarks.tables import ROOT, TABLES, with_table


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_made_from_the_results(name):
    text = (ROOT / TABLES[name].document).read_text()
    assert with_table(text, name) == text


def test_paths_named_in_the_readme_exist():
    named = re.findall(r"`((?:elsa_index|cli|benchmarks)/[\w./]*)`", (ROOT / "README.md").read_text())
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []
