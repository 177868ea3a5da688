"""Whatever is called exact is the ranking of sums without rounding, for codes and histories made to break it."""

import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import elsa_index as ei

from ..support.adversarial import Case, cases, check
from ..support.engines import growing_from

EXACT = [
    ("exact", "float16"),
    ("exact", "int8"),
    ("lucene", "float16"),
    ("lucene", "float32"),
    ("lucene", "int8"),
    ("faiss-flat", "float32"),
]
unhurried = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def run(engine: str, store: str, case: Case) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        ei.Index.build(case.codes, Path(directory) / "i", engine=engine, store=store, segments=None) as index,
    ):
        check(index, case)
        growing_from(index, full_query_up_to=0, first_terms=1, exact_candidates=2, first_candidates=1, few=0)
        check(index, case)


@pytest.mark.parametrize(("engine", "store"), EXACT)
@unhurried(max_examples=40)
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
