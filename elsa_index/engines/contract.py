"""What every engine must do, and the words they share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..codes.item_codes import ItemCodes
from ..codes.query_vector import QueryVector, Vector, vectors_of_each
from ..data.facets import NO_FACETS, Facets
from ..data.numbers import Range
from ..storage.ids import IdMap, Rows
from .names import EngineName, ManyTerms, RankName, StoreName
from .top_k import in_sorted

if TYPE_CHECKING:
    from .cluster_target import ClusterTarget

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


@dataclass(frozen=True)
class Capabilities:
    """What an engine promises. exact: `exact=True` is the exhaustive ranking of the stored codes.
    cuts_queries: takes query_terms and candidates. stores: how it can keep codes, its default first.
    score_tolerance: how far scores may be from float64 arithmetic, relative to the largest. efforts: values
    of `effort` that trade speed for quality, for engines that have such a thing. ranks: who may rank, for engines on a
    cluster, their default first. most_dims: of codes; None: any number. changes: items can be added, replaced and
    deleted.
    """

    exact: bool
    cuts_queries: bool
    stores: tuple[StoreName, ...]
    score_tolerance: float
    efforts: tuple[int, ...] = ()
    ranks: tuple[RankName, ...] = ()
    most_dims: int | None = None
    changes: bool = False

    @property
    def keeps_codes(self) -> bool:
        """Whether codes are stored, and not only their impacts."""
        return self.stores != ("none",)


@dataclass(frozen=True)
class BuildPlan:
    """What an engine writes. bits: of impacts. store: how the codes are kept. facets: what items can be filtered by.
    cluster: where an engine that needs one loads the catalogue; overwrite: whether another one may be served there.
    """

    bits: int = 8
    store: StoreName = "float16"
    facets: Facets = NO_FACETS
    cluster: "ClusterTarget | None" = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Change:
    """What becomes of an engine's items. Those that stay keep their order, and those that are written come after them.

    kept: rows that stay, ascending. codes: (written, dims) float32 CSR of those that are written. ids, facets, shares:
    of all items afterwards, shares being their history weights, None where all are 1. reshared: which of those that
    stay have another history weight than they had, as rows afterwards. fingerprint: of all codes afterwards.
    """

    kept: Rows
    codes: csr_array
    ids: IdMap
    facets: Facets
    shares: npt.NDArray[np.floating] | None
    reshared: Rows
    fingerprint: str

    @property
    def dims(self) -> int:
        return int(self.codes.shape[1])

    @property
    def written_ids(self) -> IdMap:
        return self.ids.in_order(np.arange(len(self.kept), len(self.ids)))


@dataclass(frozen=True)
class SearchPlan:
    """What an engine does for a query.

    k: how many items. exact: prove the answer. query_terms, candidates: of the first stage, None for its own. threads:
    over queries. effort: how far an approximate engine looks, None for its own. rank: who ranks, for engines on a
    cluster. many_terms: what becomes of a query with more terms than the engine takes. calibrated: terms and candidates
    are the index's own choice, so that whatever is better may take their place.
    """

    k: int
    exact: bool = True
    query_terms: int | None = None
    candidates: int | None = None
    threads: int = 1
    effort: int | None = None
    rank: RankName = "client"
    many_terms: ManyTerms = "cut"
    calibrated: bool = False


_NO_ROWS: Rows = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Filter:
    """What an item must be to be returned. No array of the catalogue's size is made where few items are asked for.

    What was asked, for engines that filter by themselves: tags: numbers of tags that an item must all carry. any_tags:
    of which it must carry one, if there are any. no_tags: of which it must carry none. ranges: that its numbers must be
    in. only: rows that alone may be returned, sorted; None: all. excluded: rows that are not returned, sorted.

    What it means, for all others: items: how many there are in all. allowed: rows that pass all but `excluded`, sorted;
    None where nothing else is asked.
    """

    items: int
    tags: tuple[int, ...] = ()
    any_tags: tuple[int, ...] = ()
    no_tags: tuple[int, ...] = ()
    ranges: tuple[Range, ...] = ()
    only: Rows | None = None
    excluded: Rows = field(default_factory=lambda: _NO_ROWS)
    allowed: Rows | None = None

    @cached_property
    def rows(self) -> Rows:
        """Those that pass, sorted."""
        if self.allowed is None:
            return np.delete(np.arange(self.items), self.excluded)
        return self.allowed[~in_sorted(self.allowed, self.excluded)]

    @cached_property
    def passing(self) -> npt.NDArray[np.bool_]:
        """(items,) bool, for engines that look items up one by one."""
        passing = np.zeros(self.items, dtype=bool)
        passing[self.rows] = True
        return passing

    def passes(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """(rows,) bool: which of some rows pass."""
        allowed = ~in_sorted(rows, self.excluded)
        return allowed if self.allowed is None else allowed & in_sorted(rows, self.allowed)

    @property
    def count(self) -> int:
        """How many items pass."""
        return self.items - len(self.excluded) if self.allowed is None else len(self.rows)

    @property
    def clauses(self) -> int:
        """How many conditions a query language needs for it."""
        whole = (self.any_tags, self.no_tags, self.only is not None, len(self.excluded))
        return len(self.tags) + len(self.ranges) + sum(map(bool, whole))


@dataclass(frozen=True)
class Query:
    """vector: the sum of the history's codes. seen: rows that must not be returned, sorted. only: what else restricts
    the items, or None.
    """

    vector: QueryVector
    seen: Rows
    only: Filter | None = None

    def left(self, items: int) -> int:
        """How many of `items` items may be returned."""
        if self.only is None:
            return items - len(self.seen)
        return self.only.count - int(np.count_nonzero(self.only.passes(self.seen)))

    def may_return(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """(rows,) bool: which of some rows may be returned."""
        fresh = ~in_sorted(rows, self.seen)
        return fresh if self.only is None else fresh & self.only.passes(rows)

    def rows_left(self, items: int) -> Rows:
        """The rows that may be returned, sorted."""
        if self.only is None:
            return np.delete(np.arange(items), self.seen)
        return self.only.rows[~in_sorted(self.only.rows, self.seen)]

    def first_rows_left(self, items: int, count: int, without: Rows) -> Rows:
        """The first `count` rows that may be returned and are not among `without`, sorted; fewer where fewer are left.
        Takes time for what is left out, not for all items."""
        left_out = len(self.seen) + len(without) + (len(self.only.excluded) if self.only is not None else 0)
        if self.only is not None and self.only.allowed is not None:
            rows = self.only.allowed[: count + left_out]
        else:
            rows = np.arange(min(items, count + left_out))
        rows = rows[self.may_return(rows)]
        return rows[~in_sorted(rows, np.sort(without))][:count]


@dataclass(frozen=True)
class Answer:
    """One query's result: rows and float64 scores, best first; equal scores in the order of rows.

    proven: the items are the exhaustive top k. terms, candidates: what the last step of the search used. cut: the
    engine could not take all terms that were to be asked. exhaustive: all items were scored, and the engine's index was
    not asked.
    """

    rows: Rows
    scores: npt.NDArray[np.float64]
    proven: bool
    terms: int = 0
    candidates: int = 0
    cut: bool = False
    exhaustive: bool = False


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
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
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

    def change(self, source: Path, directory: Path, parameters: dict[str, Any], change: Change) -> dict[str, Any]:
        """Writes into `directory` the files of an engine with other items; returns its parameters. source, parameters:
        of this one, which is open and stays as it is. Files that stay the same are linked, never written into.

        For engines whose capabilities say so. Raises DataError for codes that it cannot hold.
        """
        raise NotImplementedError(f"{self.name} changes nothing, as its capabilities say")

    def compact(self, source: Path, directory: Path, parameters: dict[str, Any]) -> dict[str, Any]:
        """Writes into `directory` the same items without what changes left behind; returns the engine's parameters."""
        return parameters

    def rebuilt(self, parameters: dict[str, Any], facets: Facets) -> BuildPlan:
        """How `build` would write the same items again."""
        return BuildPlan(parameters.get("bits", BuildPlan.bits), parameters["store"], facets)

    @abstractmethod
    def stored_rows(self, rows: Rows) -> csr_array:
        """(rows, dims) float64 CSR: codes as they are stored."""

    def weights_at(self, rows: Rows, vector: QueryVector) -> csr_array:
        """(rows, dims) float64 CSR: stored weights of some items, at least those in a query vector's dimensions."""
        return self.stored_rows(rows)

    @abstractmethod
    def query_vector(self, rows: Rows, weights: Vector) -> QueryVector:
        """u = Σ weight · A_i over the history's rows, from the stored codes."""

    def query_vectors(self, rows: Rows, weights: Vector, lengths: Rows) -> list[QueryVector]:
        """The same of many histories, one after the other. lengths: how many rows each has."""
        return vectors_of_each(self.query_vector, rows, weights, lengths)

    @abstractmethod
    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        """The best `k` unseen items of each query, or all unseen ones where fewer are left."""

    def close(self) -> None:
        """Gives back files and readers."""
