"""Few ids of many are found without a table of all, as with it."""

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.storage import ids as module
from elsa_index.storage.strings import Strings

KINDS = {
    "numbers": [str(at) for at in range(500)],
    "long ones that end alike": [f"{at:05d}-the-same-end" for at in range(500)],
    "short ones, and some of many bytes": [chr(0x400 + at) * (1 + at % 5) for at in range(500)],
    "mixed": [*(f"i{at}" for at in range(250)), *(f"日本-{at}" for at in range(250))],
}


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch):
    monkeypatch.setattr(module, "_MANY", 100)


@pytest.mark.parametrize("names", KINDS.values(), ids=KINDS)
def test_they_are_found_and_named(names):
    ids = ei.IdMap(names)
    asked = [names[7], "nobody", names[-1], names[0], names[7], "\0" + names[3]]
    expected = [7, -1, len(names) - 1, 0, 7, -1]
    for _ in range(20):  # first without the table, then with it
        assert ids.find(asked).tolist() == expected
        assert ids.names_of(np.array([3, 0, 3])) == [names[3], names[0], names[3]]
    assert ids.find([]).tolist() == []
    with pytest.raises(ei.UnknownIdError, match="nobody"):
        ei.IdMap(names).rows(["nobody", names[1]])


def test_ids_that_are_there_twice_are_damage():
    ids = ei.IdMap([f"i{at}" for at in range(200)])
    ids.utf8 = ids.utf8.copy()
    ids.utf8[:2] = np.frombuffer(b"i1", np.uint8)  # i0 becomes i1
    with pytest.raises(ei.StorageError, match="there twice"):
        ids.find(["i1"])


def test_too_many_that_end_alike_are_found_by_the_table(monkeypatch):
    monkeypatch.setattr(module, "_FEW", 3)
    ids = ei.IdMap([f"{at:03d}-the-same-end" for at in range(200)])
    assert ids.find(["003-the-same-end"]).tolist() == [3]


def test_texts_are_read_together_as_one_by_one():
    texts = [*KINDS["mixed"], "", "a\0b", "𝄞", ""]
    strings = Strings(texts)
    assert list(strings) == texts == [strings[at] for at in range(len(texts))]
    broken = Strings(["aä", "b"])
    broken.offsets = np.array([0, 2, 4], np.uint32)  # within the ä
    with pytest.raises(ei.StorageError, match="begins within a character"):
        list(broken)
