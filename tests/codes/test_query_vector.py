"""Query vectors are sparse: what they hold is what a dense one would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsa_index.codes.query_vector import QueryVector

ENTRIES = st.lists(st.tuples(st.integers(0, 40), st.sampled_from([-2.0, -0.5, 0.5, 1.5, 2.0])), max_size=30)


@given(entries=ENTRIES, looked_up=st.lists(st.integers(0, 40), max_size=20))
def test_entries_of_a_dimension_are_added_up_and_looked_up(entries, looked_up):
    dense = np.zeros(41)
    for dim, weight in entries:
        dense[dim] += weight
    dims = np.array([dim for dim, _ in entries], dtype=np.uint16)
    vector = QueryVector.summed(dims, np.array([weight for _, weight in entries]), 41)
    np.testing.assert_array_equal(vector.to_dense(), dense)
    np.testing.assert_array_equal(vector.dims, np.flatnonzero(dense))
    np.testing.assert_array_equal(vector.at(np.array(looked_up, dtype=np.uint32)), dense[looked_up])
    assert len(vector) == np.count_nonzero(dense)


def test_what_one_vector_looked_up_is_not_seen_by_the_next():
    first = QueryVector(np.array([3]), np.array([1.0]), 10)
    second = QueryVector(np.array([7]), np.array([2.0]), 2_000_000)
    assert first.at(np.array([3, 7])).tolist() == [1.0, 0.0]
    assert second.at(np.array([3, 7, 1_999_999])).tolist() == [0.0, 2.0, 0.0]
    with pytest.raises(IndexError):
        second.at(np.array([2_000_000]))
    assert first.at(np.array([3, 7])).tolist() == [1.0, 0.0]
