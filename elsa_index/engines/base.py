"""What every engine does, and the words they share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ..codes import ItemCodes
from ..ids import Rows
from ..query import Vector
from ..tags import Tags

if TYPE_CHECKING:
    from .opensearch.target import ClusterTarget

EngineName = Literal["lucene", "exact", "faiss-flat", "faiss-sq8", "faiss-hnsw", "faiss-ivfpq", "seismic", "opensearch"]
RankName = Literal["client", "server", "first-stage"]
ManyTerms = Literal["refuse", "cut"]
StoreName = Literal["int8", "float16", "float32"]
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


@dataclass(frozen=True)
class Capabilities:
    """What an engine promises. exact: `exact=True` is the exhaustive ranking of the stored codes.
    cuts_queries: takes query_terms and candidates. stores: how it can keep codes, its default first.
    score_tolerance: how far scores may be from float64 arithmetic, relative to the largest. efforts: values
    of `effort` that trade speed for quality, for engines that have such a thing. ranks: who may rank, for engines on a
    cluster, their default first.
    """

    exact: bool
    cuts_queries: bool
    stores: tuple[StoreName, ...]
    score_tolerance: float
    efforts: tuple[int, ...] = ()
    ranks: tuple[RankName, ...] = ()


@dataclass(frozen=True)
class BuildOptions:
    """bits: of impacts. store: how the codes are kept. tags: what items can be filtered by. cluster: where an engine
    that needs one loads the catalogue; overwrite: whether another one may be served there.
    """

    bits: int = 8
    store: StoreName = "float16"
    tags: Tags | None = None
    cluster: "ClusterTarget | None" = None
    overwrite: bool = False


@dataclass(frozen=True)
class SearchOptions:
    """k: how many items. exact: prove the answer. query_terms, candidates: of the first stage, None for its own.
    threads: over queries. effort: how far an approximate engine looks, None for its own. rank: who ranks, for engines
    on a cluster. many_terms: what becomes of a query with more terms than the engine takes.
    """

    k: int = 10
    exact: bool = True
    query_terms: int | None = None
    candidates: int | None = None
    threads: int = 1
    effort: int | None = None
    rank: RankName = "client"
    many_terms: ManyTerms = "cut"


@dataclass(frozen=True, eq=False)
class Filter:
    """tags: numbers of tags that an item must all carry. excluded: rows that are not returned, sorted.
    passing: (items,) bool, what both leave.
    """

    tags: tuple[int, ...]
    excluded: Rows
    passing: npt.NDArray[np.bool_]

    @cached_property
    def count(self) -> int:
        """How many items pass."""
        return int(np.count_nonzero(self.passing))


@dataclass(frozen=True)
class Query:
    """vector: (dims,) float64, the sum of the history's codes. seen: rows that must not be returned, sorted.
    only: what else restricts the items, or None.
    """

    vector: Vector
    seen: Rows
    only: Filter | None = None

    def left(self, items: int) -> int:
        """How many of `items` items may be returned."""
        if self.only is None:
            return items - len(self.seen)
        return self.only.count - int(np.count_nonzero(self.only.passing[self.seen]))

    def rows_left(self, items: int) -> Rows:
        """The rows that may be returned."""
        left = np.ones(items, dtype=bool) if self.only is None else self.only.passing.copy()
        left[self.seen] = False
        return np.flatnonzero(left)


@dataclass(frozen=True)
class Answer:
    """One query's result: rows and float64 scores, best first; equal scores in the order of rows.

    proven: the items are the exhaustive top k. terms, candidates: what the last step of the search used. cut: the
    engine could not take all terms that were to be asked.
    """

    rows: Rows
    scores: npt.NDArray[np.float64]
    proven: bool
    terms: int = 0
    candidates: int = 0
    cut: bool = False


class Engine(ABC):
    """A directory of files that ranks items. Engines know codes and impacts, and nothing of training.

    items, dims, nonzeros: of the codes, nonzeros in all.
    """

    name: ClassVar[EngineName]
    capabilities: ClassVar[Capabilities]
    items: int
    dims: int
    nonzeros: int

    @classmethod
    @abstractmethod
    def build(
        cls, codes: ItemCodes, directory: Path, options: BuildOptions, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        """Writes the engine's files into `directory`; returns the parameters that `open` needs, as JSON."""

    @classmethod
    def publish(cls, parameters: dict[str, Any]) -> None:
        """Lets what `build` made serve others, where an engine has such a place; the directory follows at once."""

    @classmethod
    def clear_up(cls, parameters: dict[str, Any]) -> None:
        """Removes what nobody needs any more, once the directory is in place."""

    @classmethod
    def withdraw(cls, parameters: dict[str, Any]) -> None:
        """Takes back what `build` and `publish` did outside the directory, which did not come into place."""

    @classmethod
    @abstractmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "Engine":
        """Opens what `build` wrote."""

    @abstractmethod
    def stored_rows(self, rows: Rows) -> npt.NDArray[np.float64]:
        """(rows, dims) float64: codes as they are stored."""

    @abstractmethod
    def query_vector(self, rows: Rows, weights: Vector) -> Vector:
        """(dims,) float64: u = Σ weight · A_i over the history's rows, from the stored codes."""

    @abstractmethod
    def search(
        self, queries: Sequence[Query], options: SearchOptions, on_progress: Progress | None = None
    ) -> list[Answer]:
        """The best `k` unseen items of each query, or all unseen ones where fewer are left."""

    def close(self) -> None:
        """Gives back files and readers."""


_THINNED = 32


def best(rows: Rows, scores: npt.NDArray[np.float64], k: int) -> tuple[Rows, npt.NDArray[np.float64]]:
    """The `k` highest scores, best first, equal scores by row.

    >>> best(np.array([7, 3, 5]), np.array([1.0, 2.0, 2.0]), 2)[0].tolist()
    [3, 5]
    """
    if not k:
        return rows[:0], scores[:0]
    if k * _THINNED < len(scores):
        # The k-th best of a part is never above that of all: most scores need not be partitioned, which is slow.
        part = scores[::_THINNED]
        reached = np.flatnonzero(scores >= np.partition(part, len(part) - k)[len(part) - k])
        rows, scores = rows[reached], scores[reached]
    if k < len(scores):
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        reached = np.flatnonzero(scores >= threshold)
        rows, scores = rows[reached], scores[reached]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def in_sorted(values: Rows, among: Rows) -> npt.NDArray[np.bool_]:
    """Which of `values` are in the sorted `among`: for few values faster than np.isin.

    >>> in_sorted(np.array([3, 1, 9]), np.array([1, 2, 3])).tolist()
    [True, True, False]
    """
    if not len(among):
        return np.zeros(len(values), dtype=bool)
    places = np.minimum(np.searchsorted(among, values), len(among) - 1)
    found: npt.NDArray[np.bool_] = among.take(places) == values
    return found


def best_unseen(scores: npt.NDArray[np.float64], query: Query, k: int) -> tuple[Rows, npt.NDArray[np.float64]]:
    """`best` of every item's score, without the rows that the query must not return.

    >>> best_unseen(np.array([3.0, 2.0, 1.0]), Query(np.zeros(0), np.array([0])), 1)[0].tolist()
    [1]
    """
    rows = query.rows_left(len(scores))
    return best(rows, scores[rows], k)


def answer_each(
    queries: Sequence[Query],
    answer: Callable[[Query], Answer],
    threads: int,
    on_progress: Progress | None,
    at_end: Callable[[], None] = lambda: None,
) -> list[Answer]:
    """The answer to each query, `threads` of them at a time. at_end: what a thread calls before it ends."""
    counter = Counter(len(queries), on_progress)

    def one(query: Query) -> Answer:
        found = answer(query)
        counter.add()
        return found

    def part(which: int) -> list[Answer]:
        try:
            return [one(query) for query in queries[which::threads]]
        finally:
            at_end()

    if threads == 1 or len(queries) < 2:
        return [one(query) for query in queries]
    answers: list[Answer] = [None] * len(queries)  # type: ignore[list-item]
    with ThreadPoolExecutor(threads) as pool:
        for which, found in enumerate(pool.map(part, range(threads))):
            answers[which::threads] = found
    return answers


@dataclass
class Counter:
    """Counts finished queries for a progress bar."""

    total: int
    report: Progress | None
    done: int = field(default=0)

    def add(self, count: int = 1) -> None:
        self.done += count
        if self.report:
            self.report(self.done, self.total)
