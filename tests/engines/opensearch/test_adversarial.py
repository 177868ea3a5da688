"""The client's proof holds on a cluster for codes and histories made to break it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given

import elsa_index as ei

from ...support.adversarial import Case, cases, check_all_ways, unhurried


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
        check_all_ways(index, case)


@pytest.mark.parametrize("store", ["float16", "float32"])
@pytest.mark.timeout(3600)
@unhurried(max_examples=80)
@given(case=cases())
def test_no_item_is_before_a_better_one(cluster, name, store, case):
    run(cluster, name, store, case)
