import numpy as np
import pytest

import elsa_index as ei

from ..support.catalogues import ODD_IDS


def test_any_text_is_an_id_and_comes_back_unchanged(tmp_path):
    ids = ei.IdMap(ODD_IDS)
    ids.save(tmp_path, "ids")
    again = ei.IdMap.load(tmp_path, "ids")
    assert list(again) == ODD_IDS
    np.testing.assert_array_equal(again.rows(reversed(ODD_IDS)), np.arange(len(ODD_IDS))[::-1])
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("ids.utf8.npy", "ids.offsets.npy")] == []


def test_integers_are_their_digits():
    assert ei.IdMap([1, np.int64(2), "3"]).rows(["1", 2, 3]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("ids", "message"), [
    (["a", "b", "a"], "Ids must be unique; repeated: 'a'"),
    ([""], "An id must be a non-empty string"),
    ([None], "An id must be a non-empty string or an integer, got 'None'"),
    ([float("nan")], "float"),
    (["\ud800"], "not valid Unicode"),
])  # fmt: skip
def test_what_is_no_id_is_refused(ids, message):
    with pytest.raises(ei.DataError, match=message):
        ei.IdMap(ids)


def test_strict_look_up_lists_what_it_did_not_know():
    with pytest.raises(ei.UnknownIdError, match="2 unknown ids: 'x', 'y'"):
        ei.IdMap("abc").rows(["a", "x", "y"])
    assert ei.IdMap("abc").find(["x", "c"]).tolist() == [-1, 2]
