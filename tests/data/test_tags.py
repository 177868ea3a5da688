import numpy as np
import pytest

import elsa_index as ei
from elsa_index.data.tags import Tags


def test_tags_are_read_and_wrong_files_named(tmp_path):
    path = tmp_path / "tags.csv"
    path.write_text("item_id,tag\na,red\na,red\nb,new\n")
    assert ei.read_tags(path) == [("a", "red"), ("a", "red"), ("b", "new")]
    path.write_text("item_id,tag\na,\n")
    with pytest.raises(ei.DataError, match="row 1: tag is empty"):
        ei.read_tags(path)
    path.write_text("item_id,label\na,b\n")
    with pytest.raises(ei.DataError, match="no column 'tag'"):
        ei.read_tags(path)


def test_a_pair_given_twice_counts_once():
    tags = Tags.of([("a", "red"), ("a", "red"), ("c", "red")], ei.IdMap("abc"))
    assert tags.rows_of(0).tolist() == [0, 2]
    assert tags.by_row(np.arange(3)) == [[0], [], [0]]
    assert tags.by_row(np.array([2, 1])) == [[0], []]


@pytest.mark.parametrize("pairs", [[], [("z", "red")]])
def test_tags_of_no_known_item_are_refused(pairs):
    with pytest.raises(ei.DataError, match="None of the"):
        Tags.of(pairs, ei.IdMap("abc"))
