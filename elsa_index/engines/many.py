"""Many queries at a time, exhaustively: blocks of them through compiled loops, in several threads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from ..storage.ids import Rows
from .batching import answer_each
from .contract import Answer, Progress, Query
from .exhaustive import exhaustive, margin, postings_of
from .stored_codes import StoredCodes

LEAST = 32
"""Queries for which compiled loops pay: loading them takes as long as some tens of answers."""
_BLOCK = 256
_SPARSE = 8
"""Queries that reach fewer than one item in so many look at those alone."""


def pays(queries: Sequence[Query]) -> bool:
    """Whether there are so many queries that compiled loops pay, and Numba is there, which the extra `train` brings."""
    return len(queries) >= LEAST and find_spec("numba") is not None


def exhaustive_of_many(
    store: StoredCodes, queries: Sequence[Query], k: int, threads: int, on_progress: Progress | None = None
) -> list[Answer]:
    """The best `k` items left to each query, of all items: the same as `exhaustive`, to the bit."""
    blocks = list(_blocks(store, queries))
    _ = store.postings, store.indptr, store.values32  # made once, and not by each thread
    sizes = [len(block.which) for block in blocks]
    found = answer_each(blocks, lambda block: _answered(store, block, queries, k), threads, on_progress, sizes)
    answers: list[Answer] = [None] * len(queries)  # type: ignore[list-item]
    for block, of_block in zip(blocks, found, strict=True):
        for at, answer in zip(block.which, of_block, strict=True):
            answers[at] = answer
    return answers


@dataclass(frozen=True)
class _Block:
    """Queries of one filter, which reach few items or all: which: of all queries."""

    which: list[int]
    is_sparse: bool


def _blocks(store: StoredCodes, queries: Sequence[Query]) -> Iterator[_Block]:
    groups: dict[tuple[int, bool], list[int]] = {}
    for at, query in enumerate(queries):
        is_sparse = postings_of(store, query) * _SPARSE < store.items
        groups.setdefault((id(query.only), is_sparse), []).append(at)
    for (_, is_sparse), which in groups.items():
        for first in range(0, len(which), _BLOCK):
            yield _Block(which[first : first + _BLOCK], is_sparse)


def _answered(store: StoredCodes, block: _Block, all_queries: Sequence[Query], k: int) -> list[Answer]:
    from .kernels import best_of_each

    queries = [all_queries[at] for at in block.which]
    vectors, only = [query.vector for query in queries], queries[0].only
    starts, left_out_starts = (_starts(map(len, parts)) for parts in (vectors, [query.seen for query in queries]))
    rows, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    found = np.zeros(len(queries), np.int64)
    everything = np.arange(store.items, dtype=np.int32)
    posting_starts, posting_rows, posting_values = store.postings
    best_of_each(
        0, len(queries), k, starts, np.concatenate([vector.dims for vector in vectors]),
        np.concatenate([vector.weights for vector in vectors]), np.array([margin(store, query) for query in queries]),
        left_out_starts, np.concatenate([query.seen for query in queries]),
        np.zeros(0, bool) if only is None else only.passing, posting_starts, posting_rows, posting_values, store.indptr,
        store.dims_of, store.values32, np.zeros(store.items), np.zeros(store.dims), everything,
        np.zeros(store.items if block.is_sparse else 0, np.int64), rows, scores, found,
    )  # fmt: skip
    return [_answer(store, *parts, k) for parts in zip(queries, rows, scores, found.tolist(), strict=True)]


def _answer(store: StoredCodes, query: Query, rows: Rows, scores: npt.NDArray[np.float64], size: int, k: int) -> Answer:
    if size < 0:
        return exhaustive(store, [query], k)[0]
    return Answer(rows[:size], scores[:size], True, len(query.vector), store.items)


def _starts(lengths: Iterator[int]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *lengths])
