"""Integer weights are upper bounds, however small the numbers are that they stand for."""

import numpy as np
import pytest

from elsa_index.codes.query_terms import query_terms
from elsa_index.codes.query_vector import QueryVector


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e-320, 5e-324, 1e300])
def test_no_weight_is_rounded_down(scale):
    vector = QueryVector.from_dense(np.array([0.0, 1.0, -0.3, 1e-9]) * scale)
    with np.errstate(all="raise", under="ignore"):
        query = query_terms(vector)
    assert query.step > 0
    assert (query.weights >= 1).all()
    assert (query.weights * query.step >= np.sort(np.abs(vector.weights))[::-1]).all()
