"""At the ends of what floats hold, and where sums cancel: exact is exact, and the best two begin the best three."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei

FAR = np.zeros((60, 4))
FAR[:, 2] = 1 + np.arange(60) / 100
FAR[0], FAR[7] = [1e20, -1e20, 1e19, 0], [1e20, 1e20, 5e18, 0]
NEAR = np.random.default_rng(3).normal(size=(200, 16)) * 3e-23
WIDE = np.random.default_rng(4).normal(size=(200, 16)) * 10.0 ** np.random.default_rng(5).uniform(-25, 15, (200, 1))


@pytest.mark.parametrize("codes", [FAR, NEAR, WIDE], ids=["far", "near", "wide"])
@pytest.mark.parametrize("weight", [1.0, 1e-30, 3.0])
def test_flat_vectors_rank_as_float64_does(tmp_path, codes, weight):
    given = codes.astype(np.float32)
    made = ei.ItemCodes(ei.IdMap(range(len(given))), csr_array(given))
    vector = given[0].astype(np.float64)
    scores = (given.astype(np.float64) * vector).sum(axis=1)
    expected = [row for row in np.argsort(-scores, kind="stable").tolist() if row][:10]
    with ei.Index.build(made, tmp_path / "i", engine="faiss-flat", segments=None) as index:
        for k in (1, 3, 10):
            result = index.search([["0"]], k, weights=[[weight]], exact=True)
            assert result.proven.all()
            assert result.rankings[0].rows.tolist() == expected[:k]


@pytest.mark.parametrize("engine", ["exact", "lucene", "faiss-flat"])
def test_the_best_few_begin_the_best_more(tmp_path, engine):
    """Items whose products with a history cancel score about 0, as those do that share nothing with it."""
    rng = np.random.default_rng(7)
    dense = np.zeros((200, 48), dtype=np.float32)
    dense[0, :24] = rng.choice([1 / 3, 0.1, 0.7], 24)
    for row in range(150, 200):
        at = rng.permutation(24)
        dense[row, at[:12]], dense[row, at[12:]] = 1 / dense[0, at[:12]], -1 / dense[0, at[12:]]
    dense[1:150, 24:] = rng.random((149, 24))
    codes = ei.ItemCodes(ei.IdMap(range(200)), csr_array(dense))
    with ei.Index.build(codes, tmp_path / "i", engine=engine, store="float32", segments=None) as index:
        tops = [index.search([["0"]], k, weights=[[0.7]], exact=True).rankings[0].rows.tolist() for k in range(1, 30)]
    for shorter, longer in pairwise(tops):
        assert longer[: len(shorter)] == shorter
