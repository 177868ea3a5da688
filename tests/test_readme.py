"""The README's figures are those of the results, and its paths exist."""

import json
import re

from benchmarks.tables import RESULTS, ROOT, gowalla_table, with_table


def test_the_table_is_made_from_the_results():
    readme = (ROOT / "README.md").read_text()
    assert with_table(readme, gowalla_table(json.loads(RESULTS.read_text()))) == readme


def test_paths_named_in_the_readme_exist():
    named = re.findall(r"`((?:elsa_index|cli|benchmarks)/[\w./]*)`", (ROOT / "README.md").read_text())
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []
