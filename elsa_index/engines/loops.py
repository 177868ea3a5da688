"""Exhaustively, whatever the engine: through compiled loops, blocks of queries in several threads, or SciPy."""

import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..storage.ids import Rows
from .batching import Counter, answer_each
from .contract import Answer, Progress, Query
from .exhaustive import exhaustive, margin, postings_of
from .stored_codes import StoredCodes

LEAST = 32
"""Queries for which loading compiled loops pays: it takes as long as some tens of answers. sys.maxsize: never."""
_BLOCK = 256
_BATCH = 64
"""Queries that SciPy multiplies at a time: (items, batch) float64 scores are 512 bytes per item."""
_SPARSE = 8
"""Queries that reach fewer than one item in so many look at those alone."""
_DENSE = 12
"""Queries that reach more than one weight in so many go over all of them, several together."""
_TOGETHER = 4
"""Queries for which that pays."""
_asked = 0


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None


def usable() -> bool:
    """Whether Numba is there, which the extras `serve` and `train` bring."""
    return sys.maxsize > LEAST and _has_numba()


def pay(count: int) -> bool:
    """Whether compiled loops answer so many queries more: they are usable, and so many were asked in this process that
    loading them pays."""
    global _asked
    _asked += count
    return _asked >= LEAST and usable()


def load() -> None:
    """Lets loops answer from now on: for a process that will be asked a lot."""
    pay(LEAST)


def exhaustively(
    store: StoredCodes, queries: Sequence[Query], k: int, threads: int, on_progress: Progress | None = None
) -> list[Answer]:
    """The best `k` items left to each query, of all items: by compiled loops if they pay, or by SciPy; the same, to the
    bit."""
    if pay(len(queries)):
        return _by_loops(store, queries, k, threads, on_progress)
    answers: list[Answer] = []
    counter = Counter(len(queries), on_progress)
    for first in range(0, len(queries), _BATCH):
        batch = queries[first : first + _BATCH]
        answers += exhaustive(store, batch, k)
        counter.add(len(batch))
    return answers


def _by_loops(
    store: StoredCodes, queries: Sequence[Query], k: int, threads: int, on_progress: Progress | None
) -> list[Answer]:
    blocks = list(_blocks(store, queries))
    _ = store.postings, store.indptr, store.values32  # made once, and not by each thread
    sizes = [len(block.which) for block in blocks]
    found = answer_each(blocks, lambda block: _answered(store, block, queries, k), threads, on_progress, sizes)
    answers: list[Answer] = [None] * len(queries)  # type: ignore[list-item]
    for block, of_block in zip(blocks, found, strict=True):
        for at, answer in zip(block.which, of_block, strict=True):
            answers[at] = answer
    return answers


Reach = Literal["few items", "some weights", "most weights"]


@dataclass(frozen=True)
class _Block:
    """Queries of one filter, which reach about as much. which: of all queries."""

    which: list[int]
    reach: Reach


def _blocks(store: StoredCodes, queries: Sequence[Query]) -> Iterator[_Block]:
    groups: dict[tuple[int, Reach], list[int]] = {}
    for at, query in enumerate(queries):
        groups.setdefault((id(query.only), _reach(store, postings_of(store, query))), []).append(at)
    for (_, reach), which in groups.items():
        for first in range(0, len(which), _BLOCK):
            yield _Block(which[first : first + _BLOCK], reach)


def _reach(store: StoredCodes, weights: int) -> Reach:
    if weights * _SPARSE < store.items:
        return "few items"
    return "most weights" if weights * _DENSE > len(store.weights) else "some weights"


class _Scratch(threading.local):
    """Arrays of one thread that loops add up in, and leave as they were: to make them anew takes as long as a short
    query."""

    def __init__(self) -> None:
        self.items = self.dims = self.marked = 0

    def fit(self, items: int, dims: int) -> None:
        if self.items != items:
            self.items, self.marked = items, 0
            self.sums, self.marks = np.zeros(items), np.zeros(items, np.int64)
            self.lacking = np.zeros(items, np.uint8)
            self.candidates, self.everything = np.empty(items, np.int32), np.arange(items, dtype=np.int32)
        if self.dims != dims:
            self.dims, self.vector = dims, np.zeros(dims)
            self._vectors: npt.NDArray[np.float64] | None = None

    @property
    def of_eights(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """What queries need that go over all codes together."""
        from .kernels import LANES

        if self._vectors is None:
            self._vectors = _on_lines(self.dims, LANES)
        return self._vectors, self.lacking


def _on_lines(rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Zeros, of which each row of eight is one line of the processor's cache: across two, it takes a sixth longer to
    go over all codes."""
    line = 8
    zeros = np.zeros(rows * columns + line)
    first = -(zeros.ctypes.data // zeros.itemsize) % line
    return zeros[first : first + rows * columns].reshape(rows, columns)


_scratch = _Scratch()
_NO_MARKS, _ALL_PASS = np.zeros(0, np.int64), np.zeros(0, bool)


def _answered(store: StoredCodes, block: _Block, all_queries: Sequence[Query], k: int) -> list[Answer]:
    from .kernels import best_of_each, best_of_eights

    queries = [all_queries[at] for at in block.which]
    vectors, only = [query.vector for query in queries], queries[0].only
    starts, left_out_starts = (_starts(map(len, parts)) for parts in (vectors, [query.seen for query in queries]))
    dims = np.concatenate([vector.dims for vector in vectors])
    weights = np.concatenate([vector.weights for vector in vectors])
    left_out = np.concatenate([query.seen for query in queries])
    passing = _ALL_PASS if only is None else only.passing
    rows, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    found = np.zeros(len(queries), np.int64)
    codes = store.indptr, store.dims_of, store.values32
    _scratch.fit(store.items, store.dims)
    if block.reach == "most weights" and len(queries) >= _TOGETHER:
        best_of_eights(
            k, starts, dims, weights, left_out_starts, left_out, passing, *codes, *_scratch.of_eights,
            rows, scores, found,
        )  # fmt: skip
    else:
        is_sparse = block.reach == "few items"
        best_of_each(
            _scratch.marked, k, starts, dims, weights, np.array([margin(store, query) for query in queries]),
            left_out_starts, left_out, passing, *store.postings, *codes, _scratch.sums, _scratch.vector,
            _scratch.candidates if is_sparse else _scratch.everything, _scratch.marks if is_sparse else _NO_MARKS,
            rows, scores, found,
        )  # fmt: skip
        _scratch.marked += len(queries)
    return [_answer(store, *parts, k) for parts in zip(queries, rows, scores, found.tolist(), strict=True)]


def _answer(store: StoredCodes, query: Query, rows: Rows, scores: npt.NDArray[np.float64], size: int, k: int) -> Answer:
    if size < 0:
        return exhaustive(store, [query], k)[0]
    return Answer(rows[:size], scores[:size], True, len(query.vector), store.items, exhaustive=True)


def _starts(lengths: Iterator[int]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *lengths])
