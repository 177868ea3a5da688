"""Whatever is called exact is the ranking of sums without rounding, for codes and histories made to break it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given

import elsa_index as ei

from ..support.adversarial import Case, cases, check_all_ways, unhurried

EXACT = [
    ("exact", "float16"),
    ("exact", "int8"),
    ("lucene", "float16"),
    ("lucene", "float32"),
    ("lucene", "int8"),
    ("faiss-flat", "float32"),
]


def run(engine: str, store: str, case: Case) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        ei.Index.build(case.codes, Path(directory) / "i", engine=engine, store=store, segments=None) as index,
    ):
        check_all_ways(index, case)


@pytest.mark.parametrize(("engine", "store"), EXACT)
@unhurried(max_examples=20)
@given(case=cases())
def test_no_item_is_before_a_better_one(engine, store, case):
    run(engine, store, case)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("engine", "store"), EXACT)
@unhurried(max_examples=120)
@given(case=cases())
def test_no_item_is_before_a_better_one_at_length(engine, store, case):
    run(engine, store, case)
