"""The documents' examples for models of other packages, run against these packages: rankings are theirs."""

import os
import re

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

import elsa_index as ei
from benchmarks.tables import ROOT

REQUIRE_SANSA = "ELSA_INDEX_TESTS_REQUIRE_SANSA"


pytestmark = pytest.mark.filterwarnings("ignore:Method expects CSR input")  # implicit's own call


@pytest.fixture(scope="module")
def log() -> ei.Interactions:
    """200 users with 8 of 60 items, popular ones more often."""
    rng = np.random.default_rng(3)
    shares = 1 / (1 + np.arange(60)) ** 0.5
    chosen = [rng.choice(60, 8, replace=False, p=shares / shares.sum()) for _ in range(200)]
    pairs = [(f"u{user}", f"i{item}") for user, items in enumerate(chosen) for item in items]
    users, names = zip(*pairs, strict=True)
    return ei.Interactions.from_pairs(pl.Series(users), pl.Series(names))


def run_example(package: str, log: ei.Interactions) -> dict:
    """Runs the guide's Python block that imports the package; what it has made."""
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "guides" / "other-models.md").read_text(), flags=re.DOTALL
    )
    (block,) = [block for block in blocks if f"from {package}" in block]
    made = {"ei": ei, "log": log}
    exec(block, made)  # noqa: S102
    return made


def check_rankings(codes: ei.ItemCodes, log: ei.Interactions, theirs: np.ndarray, tmp_path) -> None:
    """An index of the codes gives the first users `theirs`: (users, 10) scores, best first, without what users have."""
    histories = [log.items.take(log.matrix[[user]].indices).tolist() for user in range(len(theirs))]
    with ei.Index.build(codes, tmp_path / "i", engine="lucene", store="float32") as index:
        result = index.search(histories, 10, exact=True)
    for expected, ranking in zip(theirs, result.rankings, strict=True):
        np.testing.assert_allclose(ranking.scores, expected, rtol=1e-4, atol=1e-5)


def test_neighbours_of_implicit_rank_as_implicit_does(log, tmp_path):
    made = run_example("implicit", log)
    _, theirs = made["model"].recommend(np.arange(50), csr_matrix(log.matrix)[:50], N=10)
    check_rankings(made["codes"], log, theirs, tmp_path)


def test_encoder_and_decoder_of_sansa_rank_as_sansa_does(log, tmp_path):
    if not os.environ.get(REQUIRE_SANSA):
        pytest.importorskip("sansa", reason="sansa is built with SuiteSparse's headers, which are not here")
    made = run_example("sansa", log)
    scores = made["model"].forward(csr_matrix(log.matrix, dtype=np.float32)).toarray()
    scores[log.matrix.toarray() > 0] = -np.inf
    check_rankings(made["codes"], log, np.sort(scores[:50], axis=1)[:, ::-1][:, :10], tmp_path)
