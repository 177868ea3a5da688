"""What older versions wrote opens, and answers what it answered then."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.catalogue.manifest import FORMAT

from .write import ASKED, ENGINES, answers

HERE = Path(__file__).parent
FORMATS = sorted(int(path.name.removeprefix("format-")) for path in HERE.glob("format-*"))


def check_same(now, then):
    """Items and scores to float32, and proofs. Equal scores may be in another order: they were in no order with
    faiss-flat, at first."""
    np.testing.assert_allclose(now[1], then[1], rtol=1e-6)
    alone = np.diff(then[1], prepend=np.inf, append=-np.inf) < -1e-6
    for at in np.flatnonzero(alone[:-1] & alone[1:]):
        assert now[0][at] == then[0][at]
    assert now[2] == then[2]


def test_there_is_one_of_every_format():
    assert list(range(2, FORMAT + 1)) == FORMATS


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("number", FORMATS)
def test_it_is_upgraded_and_changed(number, engine, tmp_path):
    path = shutil.copytree(HERE / f"format-{number}" / engine, tmp_path / "i")
    with ei.Index.open(path) as index:
        before = index.search([[index.ids[0]]], 10, exact=True).rankings[0].items
    assert ei.upgrade(path) == (number < FORMAT)
    assert not ei.upgrade(path)
    with ei.Index.open(path) as index:
        assert index.manifest.format == FORMAT
        assert index.search([[index.ids[0]]], 10, exact=True).rankings[0].items == before
    ei.delete(path, before[:1])
    ei.Index.verify(path)
    with ei.Index.open(path) as index:
        assert index.search([[index.ids[0]]], 9, exact=True).rankings[0].items == before[1:]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("number", FORMATS)
def test_it_answers_what_it_answered(number, engine, tmp_path):
    expected = json.loads((HERE / f"format-{number}" / f"{engine}.json").read_text())
    assert expected["format"] == number
    path = shutil.copytree(HERE / f"format-{number}" / engine, tmp_path / "i")
    ei.Index.verify(path)
    with ei.Index.open(path) as index:
        assert index.manifest.format == number
        for name, asked in ASKED.items():
            given = answers(index, expected["histories"], asked)
            for now, then in zip(given, expected["answers"][name], strict=True):
                check_same(now, then)
        assert [segment.name for segment in index.segments] == expected["segments"]
        assert [index.titles[row] for row in range(len(index))] == expected["titles"]
        assert [row.items for row in index.homepage(expected["histories"][0], rows=3, k=4).rows] == expected["homepage"]
