"""Swapping the index that is served, and closing the old one at the right moment."""

import threading
import time
import weakref
from typing import Any

import pytest

import elsa_index as ei
from elsa_index.server.current import Current


@pytest.fixture
def opened(served):
    """How to open the index, and every index that was opened with what became of it."""
    made: list[Any] = []

    def open_index() -> Any:
        index: Any = ei.Index.open(served)
        closes: list[int] = []
        close = index.close
        index.close = lambda: (closes.append(1), close())
        made.append((index, closes))
        return index

    open_index.made = made  # type: ignore[attr-defined]
    return open_index


def test_a_request_keeps_the_index_that_it_began_with(opened):
    current = Current(opened, warming=0)
    (old, closes) = opened.made[0]
    with current.use() as first, current.use() as second:
        current.swap()
        assert first is second is old
        assert closes == []
        with current.use() as third:
            assert third is opened.made[1][0]
        assert old.search([["t0-1"]], 1).ids.shape == (1, 1)
    assert closes == [1]
    current.close()
    assert opened.made[1][1] == [1]


def test_an_unused_index_is_closed_at_once(opened):
    current = Current(opened, warming=0)
    current.swap()
    current.swap()
    assert [closes for _, closes in opened.made] == [[1], [1], []]


def test_what_cannot_be_opened_or_asked_leaves_the_old_index(opened, monkeypatch):
    current = Current(opened, warming=0)
    monkeypatch.setattr(ei.Index, "search", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        current.swap()
    monkeypatch.undo()
    assert [closes for _, closes in opened.made] == [[], [1]]
    with current.use() as index:
        assert index is opened.made[0][0]


def test_nothing_of_an_old_index_is_kept(served):
    """Not even until the collector comes, which does not look at what an index holds."""
    opened = []

    def open_index():
        index = ei.Index.open(served)
        opened.append(weakref.ref(index.ids))
        return index

    current = Current(open_index, warming=0)
    current.swap()
    current.swap()
    assert [ids() is None for ids in opened] == [True, True, False]


def test_of_several_one_swaps_at_a_time(served):
    """As workers do, whose turn is a lock of files."""
    turn, opening, most = threading.Lock(), [0], [0]

    def open_index():
        opening[0] += 1
        most[0] = max(most[0], opening[0])
        time.sleep(0.05)
        index = ei.Index.open(served)
        opening[0] -= 1
        return index

    several = [Current(open_index, warming=0, turn=lambda: turn) for _ in range(3)]
    swapping = [threading.Thread(target=current.swap) for current in several]
    for thread in swapping:
        thread.start()
    for thread in swapping:
        thread.join()
    assert most == [1]
    for current in several:
        current.close()
