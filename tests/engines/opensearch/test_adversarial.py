"""The client's proof holds on a cluster for codes and histories made to break it."""

import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import elsa_index as ei

from ...support.adversarial import Case, cases, check
from ...support.engines import growing_from

unhurried = partial(
    settings,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


def run(cluster, name: str, store: str, case: Case) -> None:
    """Each case takes the name over from the one before."""
    target = ei.ClusterTarget(cluster.url, name)
    with (
        tempfile.TemporaryDirectory() as directory,
        ei.Index.build(
            case.codes, Path(directory) / "i", engine="opensearch", store=store, cluster=target, overwrite=True,
            segments=None,
        ) as index,
    ):  # fmt: skip
        check(index, case)
        growing_from(index, full_query_up_to=0, first_terms=1, exact_candidates=2, first_candidates=1, few=0)
        check(index, case)


@pytest.mark.parametrize("store", ["float16", "float32"])
@unhurried(max_examples=10)
@given(case=cases())
def test_no_item_is_before_a_better_one(cluster, name, store, case):
    run(cluster, name, store, case)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("store", ["float16", "float32"])
@unhurried(max_examples=120)
@given(case=cases())
def test_no_item_is_before_a_better_one_at_length(cluster, name, store, case):
    run(cluster, name, store, case)
