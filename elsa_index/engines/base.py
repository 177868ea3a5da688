"""What every engine does, and the words they share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ..codes import ItemCodes
from ..ids import Rows
from ..query import Vector

EngineName = Literal["lucene", "exact", "faiss-flat", "faiss-hnsw"]
StoreName = Literal["int8", "float16", "float32"]
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


@dataclass(frozen=True)
class Capabilities:
    """What an engine promises. exact: `exact=True` is the exhaustive ranking of the stored codes.
    cuts_queries: takes query_terms and candidates. stores: how it can keep codes, its default first.
    score_tolerance: how far scores may be from float64 arithmetic, relative to the largest.
    """

    exact: bool
    cuts_queries: bool
    stores: tuple[StoreName, ...]
    score_tolerance: float


@dataclass(frozen=True)
class BuildOptions:
    """bits: of impacts. store: how the codes are kept."""

    bits: int = 8
    store: StoreName = "float16"


@dataclass(frozen=True)
class SearchOptions:
    """k: how many items. exact: prove the answer. query_terms, candidates: of the first stage, None for its own.
    threads: over queries.
    """

    k: int = 10
    exact: bool = True
    query_terms: int | None = None
    candidates: int | None = None
    threads: int = 1


@dataclass(frozen=True)
class Query:
    """vector: (dims,) float64, the sum of the history's codes. seen: rows that must not be returned, sorted."""

    vector: Vector
    seen: Rows


@dataclass(frozen=True)
class Answer:
    """One query's result: rows and float64 scores, best first; equal scores in the order of rows.

    proven: the items are the exhaustive top k. terms, candidates: what the last step of the search used.
    """

    rows: Rows
    scores: npt.NDArray[np.float64]
    proven: bool
    terms: int = 0
    candidates: int = 0


class Engine(ABC):
    """A directory of files that ranks items. Engines know codes and impacts, and nothing of training."""

    name: ClassVar[EngineName]
    capabilities: ClassVar[Capabilities]
    items: int
    dims: int

    @classmethod
    @abstractmethod
    def build(
        cls, codes: ItemCodes, directory: Path, options: BuildOptions, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        """Writes the engine's files into `directory`; returns the parameters that `open` needs, as JSON."""

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


def best(rows: Rows, scores: npt.NDArray[np.float64], k: int) -> tuple[Rows, npt.NDArray[np.float64]]:
    """The `k` highest scores, best first, equal scores by row.

    >>> best(np.array([7, 3, 5]), np.array([1.0, 2.0, 2.0]), 2)[0].tolist()
    [3, 5]
    """
    if k < len(scores):
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        reached = np.flatnonzero(scores >= threshold)
        rows, scores = rows[reached], scores[reached]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def best_unseen(scores: npt.NDArray[np.float64], seen: Rows, k: int) -> tuple[Rows, npt.NDArray[np.float64]]:
    """`best` of every item's score, without the rows of `seen`.

    >>> best_unseen(np.array([3.0, 2.0, 1.0]), np.array([0]), 1)[0].tolist()
    [1]
    """
    unseen = np.ones(len(scores), dtype=bool)
    unseen[seen] = False
    rows = np.flatnonzero(unseen)
    return best(rows, scores[rows], k)


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
