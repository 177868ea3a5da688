import json
import shutil

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.catalogue.calibration import SAMPLE, Calibration

from ..support.catalogues import make_codes, make_histories
from ..support.files import digest


@pytest.fixture(scope="module")
def clustered() -> tuple[ei.ItemCodes, list[list[str]]]:
    """Enough items that 200 candidates are few, with histories for calibration."""
    codes = make_codes(items=3000, dims=128, nnz=8, seed=11)
    histories = make_histories(codes, 60, seed=12)
    rows = [np.sort(codes.ids.rows(history)) for history in histories]
    indptr = np.cumsum([0, *map(len, rows)])
    sample = csr_array((np.ones(indptr[-1]), np.concatenate(rows), indptr), shape=(60, 3000))
    return ei.ItemCodes(codes.ids, codes.weights, sample_histories=sample), histories


@pytest.fixture(scope="module")
def built(clustered, tmp_path_factory):
    path = tmp_path_factory.mktemp("calibrated") / "i"
    ei.Index.build(clustered[0], path, target_overlap=0.9).close()
    return path


@pytest.fixture
def index(built, tmp_path):
    with ei.Index.open(shutil.copytree(built, tmp_path / "i")) as opened:
        yield opened


def test_the_stated_overlap_is_what_a_search_returns(index, clustered):
    histories = clustered[1]
    chosen = index.manifest.calibration
    assert chosen.histories == 60
    assert 0.9 <= chosen.overlap < 1
    result, exact = index.search(histories, 100), index.search(histories, 100, exact=True)
    overlap = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(result.rows, exact.rows, strict=True)])
    assert overlap == pytest.approx(chosen.overlap, abs=1e-12)
    assert result.promise == f"calibrated: {chosen}"
    assert exact.promise.startswith("exact")
    assert {answer.terms for answer in result.answers} <= set(range(chosen.query_terms + 1))


@pytest.mark.slow
def test_the_lower_end_of_an_interval_reaches_the_target_so_that_other_histories_do(clustered, tmp_path):
    """With the mean alone, every second set of other histories would get less than was promised."""
    codes, target, kept = clustered[0], 0.95, []
    with ei.Index.build(codes, tmp_path / "i") as index:
        for seed in range(10):
            chosen = index.tune(make_histories(codes, 60, seed=seed), target)
            assert chosen is not None
            assert chosen.low is not None
            assert target <= chosen.low < chosen.overlap
            others = make_histories(codes, 80, seed=100 + seed)
            result, exact = index.search(others, 100), index.search(others, 100, exact=True)
            overlap = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(result.rows, exact.rows, strict=True)])
            kept.append(bool(overlap >= target))
    assert sum(kept) >= 8


def test_a_higher_target_costs_more(index, clustered, tmp_path):
    low = index.manifest.calibration
    high = index.tune(clustered[1], 0.999)
    assert high.overlap >= 0.999
    assert (high.query_terms, high.candidates) != (low.query_terms, low.candidates)


def test_tuning_is_kept_and_a_target_of_one_is_exact(index, clustered):
    found = index.tune(clustered[1][:20], 0.8)
    with ei.Index.open(index.path) as again:
        assert again.manifest.calibration == found
        assert found.histories == 20
    assert index.tune(clustered[1], 1) is None
    assert index.search(clustered[1], 10).proven.all()
    ei.Index.verify(index.path)


def test_codes_without_histories_answer_exactly(tmp_path):
    codes = make_codes(500)
    with ei.Index.build(codes, tmp_path / "i") as index:
        assert index.manifest.calibration is None
        assert index.search(make_histories(codes), 10).proven.all()
    with ei.Index.build(codes, tmp_path / "j", histories=make_histories(codes, SAMPLE + 50)) as index:
        assert index.manifest.calibration.histories == SAMPLE


@pytest.mark.parametrize("target", [0, -0.1, 1.01, float("nan")])
def test_targets_out_of_range_change_nothing(index, clustered, target):
    before = digest(index.path)
    with pytest.raises(ei.UsageError, match="target_overlap must be above 0 and at most 1"):
        index.tune(clustered[1], target)
    assert digest(index.path) == before


def test_engines_that_do_not_cut_have_nothing_to_tune(clustered, tmp_path):
    with ei.Index.build(clustered[0], tmp_path / "i", engine="exact") as index:
        assert index.manifest.calibration is None
        with pytest.raises(ei.UsageError, match="nothing to tune"):
            index.tune(clustered[1])


def test_histories_of_strangers_are_refused(index):
    with pytest.raises(ei.UsageError, match="None of the 1 histories"):
        index.tune([["nobody"]])


def test_an_index_that_was_replaced_meanwhile_is_left_alone(index, clustered):
    other = ei.Index.build(make_codes(50), index.path, overwrite=True)
    with pytest.raises(ei.StorageError, match="was replaced while it was tuned"):
        index.tune(clustered[1])
    assert json.loads((index.path / "manifest.json").read_text())["codes"]["items"] == 50
    other.close()


def test_more_items_than_a_hundred_get_more_candidates():
    chosen = Calibration(query_terms=32, candidates=500, overlap=0.99, target=0.99, histories=10)
    assert [chosen.candidates_for(k) for k in (1, 100, 101, 1000)] == [500, 500, 505, 5000]
