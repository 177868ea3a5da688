"""The Lucene engine: impact postings for candidates, stored codes for exact scores."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ...codes.impacts import ImpactScale
from ...codes.item_codes import ItemCodes
from ...codes.query_vector import QueryVector, Vector
from ...errors import DataError, UsageError
from ...storage.files import load_array
from ...storage.ids import Rows
from ...storage.ranges import check_shape
from ...storage.staging import linked
from ..batching import answer_each, answer_in_two
from ..contract import Answer, BuildPlan, Capabilities, Change, Engine, Progress, Query, SearchPlan
from ..document_numbers import load_numbers, save_numbers
from ..exhaustive import postings_of
from ..loops import exhaustively, pay, usable
from ..one_stage import OneStageSearch
from ..stored_codes import StoredCodes, StoredCodesEngine
from ..two_stage import Growth, HeavyItems, TwoStageSearch
from .jvm import JAVA, lucene_version
from .postings import LucenePostings
from .writer import change_postings, merge_postings, write_postings

_POSTINGS = "postings"
_NEGATIVE = "postings.negative.npy"
_LITTLE = 1_000_000
"""Postings of a query's dimensions up to which an index that was calibrated answers exactly all the same, if compiled
loops are usable: adding them all up takes about as long as Lucene does for its part of them, a millisecond, and less
where there are fewer or many histories are asked."""


_LISTS = 5
"""Dimensions for each query of a call for which reading all postings of an index without stored codes pays: a query
takes about as long as that many lists."""


class LuceneEngine(StoredCodesEngine):
    """Sign-split impact postings that Anserini's own searchers open, beside the stored codes."""

    name = "lucene"
    capabilities = Capabilities(
        exact=True, cuts_queries=True, stores=("float16", "float32", "int8", "none"), score_tolerance=1e-12,
        changes=True,
    )  # fmt: skip

    def __init__(self, store: StoredCodes, postings: LucenePostings, two_stage: TwoStageSearch) -> None:
        super().__init__(store)
        self.postings, self.two_stage = postings, two_stage

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        if plan.store == "none":
            return LuceneImpactsEngine.build(codes, directory, plan, on_progress)
        store = StoredCodes.round(codes, plan.store)
        scale = ImpactScale.fitting(plan.bits, store.values, unit_norm=codes.is_unit_norm)
        short = codes.history_kind == "items"
        heavy = HeavyItems.of(store, short_queries=short)
        store.save(directory)
        heavy.save(directory)
        (directory / _POSTINGS).mkdir()
        write_postings(store, codes.ids, scale.quantize, directory / _POSTINGS, plan.facets, on_progress)
        return {
            "dims": codes.dims,
            "items": store.items,
            "store": plan.store,
            "bits": plan.bits,
            "impact_scale": scale.scale,
            "rest_norm": heavy.rest_norm,
            "short_queries": short,
            "lucene": lucene_version(),
        }

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "LuceneEngine | LuceneImpactsEngine":
        if parameters["store"] == "none":
            return LuceneImpactsEngine.open(directory, parameters)
        store = StoredCodes.load(directory, parameters["dims"])
        postings = _open_postings(directory, parameters["items"])
        scale = ImpactScale(parameters["bits"], parameters["impact_scale"])
        heavy = HeavyItems.load(directory, parameters["rest_norm"], store.items)
        growth = Growth.of(short_queries=parameters.get("short_queries", False))
        return cls(store, postings, TwoStageSearch(postings, store, scale.step, heavy, growth))

    def change(self, source: Path, directory: Path, parameters: dict[str, Any], change: Change) -> dict[str, Any]:
        store = self.changed_store(change, parameters["store"])
        heavy = HeavyItems.of(store, short_queries=parameters.get("short_queries", False))
        store.save(directory)
        heavy.save(directory)
        scale = ImpactScale(parameters["bits"], parameters["impact_scale"])
        written = store.in_order(np.arange(len(change.kept), store.items))
        if float(np.max(np.abs(written.values), initial=0.0)) <= scale.scale:
            _change_postings(self.postings, source, directory, change, written, scale.quantize)
        else:  # no impact stands for so much: all are written again
            scale = ImpactScale.fitting(scale.bits, store.values, unit_norm=False)
            (directory / _POSTINGS).mkdir()
            write_postings(store, change.ids, scale.quantize, directory / _POSTINGS, change.facets)
        return parameters | {
            "dims": change.dims,
            "items": store.items,
            "impact_scale": scale.scale,
            "rest_norm": heavy.rest_norm,
            "lucene": lucene_version(),
        }

    def compact(self, source: Path, directory: Path, parameters: dict[str, Any]) -> dict[str, Any]:
        _merge_postings(source, directory)
        return parameters

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        JAVA.use()  # a forked child is told with its first query, not only with those that loops do not answer
        by_lucene = partial(self._by_lucene, plan)
        if not usable() or not (plan.exact or plan.calibrated):
            return by_lucene(queries, on_progress)

        def by_all(some: Sequence[Query], on_progress: Progress | None) -> list[Answer]:
            return exhaustively(self.store, some, plan.k, plan.threads, on_progress)

        if plan.calibrated:
            return answer_in_two(queries, self._reaches_little, by_all, by_lucene, on_progress)
        if not pay(len(queries)):
            return by_lucene(queries, on_progress)
        # Compiled loops take a tenth (10 thousand items) to half (a million) of the time that Lucene takes for a proof.
        return answer_in_two(
            queries,
            lambda query: self._reaches_little(query) or not self.two_stage.leaves_few(query),
            by_all, by_lucene, on_progress,
        )  # fmt: skip

    def _reaches_little(self, query: Query) -> bool:
        return postings_of(self.store, query) <= _LITTLE

    def _by_lucene(self, plan: SearchPlan, queries: Sequence[Query], on_progress: Progress | None) -> list[Answer]:
        return answer_each(queries, lambda query: self.two_stage.search(query, plan), plan.threads, on_progress)

    def close(self) -> None:
        self.postings.close()


class LuceneImpactsEngine(Engine):
    """Postings alone: their impacts are the codes, which nothing else keeps. For codes whose histories bring something
    else, as a code cannot be read back from its postings."""

    name = "lucene"
    capabilities = Capabilities(exact=True, cuts_queries=False, stores=("none",), score_tolerance=1e-12, changes=True)

    def __init__(self, postings: LucenePostings, one_stage: OneStageSearch, dims: int, nonzeros: int) -> None:
        self.postings, self.one_stage = postings, one_stage
        self.items, self.dims, self.nonzeros = one_stage.items, dims, nonzeros
        self._impacts: StoredCodes | None = None  # once many queries were asked at a time

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        given = StoredCodes.round(codes, "float32")
        scale = ImpactScale.fitting(plan.bits, given.values, unit_norm=False)
        np.save(directory / _NEGATIVE, np.unique(given.dims_of[given.weights < 0]).astype(np.uint32))
        (directory / _POSTINGS).mkdir()
        write_postings(given, codes.ids, scale.round, directory / _POSTINGS, plan.facets, on_progress)
        return {
            "dims": codes.dims,
            "items": given.items,
            "nonzeros": len(given.weights),
            "store": "none",
            "bits": plan.bits,
            "impact_scale": scale.scale,
            "lucene": lucene_version(),
        }

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "LuceneImpactsEngine":
        postings = _open_postings(directory, parameters["items"])
        scale = ImpactScale(parameters["bits"], parameters["impact_scale"])
        negative = load_array(directory / _NEGATIVE)
        check_shape(negative, (None,), "u", f"The dimensions in {directory / _NEGATIVE}")
        search = OneStageSearch(postings, parameters["items"], scale.max_impact, scale.step, negative.astype(np.int64))
        return cls(postings, search, parameters["dims"], parameters["nonzeros"])

    def change(self, source: Path, directory: Path, parameters: dict[str, Any], change: Change) -> dict[str, Any]:
        scale = ImpactScale(parameters["bits"], parameters["impact_scale"])
        written = StoredCodes.round_matrix(change.codes, change.written_ids, "float32") if change.codes.nnz else None
        largest = float(np.max(np.abs(change.codes.data), initial=0.0))
        if scale.round(np.array([largest]))[0] * scale.step < largest - scale.step:
            raise DataError(
                f"The codes have the weight {largest:g}, and the impacts of this index stand for {scale.scale:g} at "
                "most. Build it again, or with stored codes (--store int8), whose impacts are written again then."
            )
        negative = self.one_stage.negative
        if written is not None:
            negative = np.union1d(negative, written.dims_of[written.weights < 0])
        np.save(directory / _NEGATIVE, negative.astype(np.uint32))
        empty = np.zeros(0, dtype=np.float32)
        nothing = StoredCodes(empty, empty.astype(np.uint32), np.zeros(change.codes.shape[0], np.uint8), change.dims)
        _change_postings(self.postings, source, directory, change, written or nothing, scale.round)
        postings = _open_postings(directory, len(change.ids))
        try:
            nonzeros = postings.written
        finally:
            postings.close()
        return parameters | {
            "dims": change.dims,
            "items": len(change.ids),
            "nonzeros": nonzeros,
            "lucene": lucene_version(),
        }

    def compact(self, source: Path, directory: Path, parameters: dict[str, Any]) -> dict[str, Any]:
        _merge_postings(source, directory)
        return parameters

    def stored_rows(self, rows: Rows) -> csr_array:
        raise UsageError("An index built with --store none keeps no codes that could be read by item.")

    def query_vector(self, rows: Rows, weights: Vector) -> QueryVector:
        raise UsageError("An index built with --store none keeps no codes that a history could be made of.")

    def weights_at(self, rows: Rows, vector: QueryVector) -> csr_array:
        unique, which = np.unique(rows, return_inverse=True)
        places, dims, weights = self.one_stage.weights_at(unique, vector)
        return csr_array((weights, (places, dims)), shape=(len(unique), self.dims))[which]

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        JAVA.use()  # as above
        if usable() and (self._impacts is not None or len(queries) * _LISTS >= self.dims):
            if self._impacts is None:
                self._impacts = self.one_stage.impacts(self.dims)
            return self.one_stage.by_impacts(self._impacts, queries, plan, on_progress)
        return answer_each(queries, lambda query: self.one_stage.search(query, plan), plan.threads, on_progress)

    def close(self) -> None:
        self.postings.close()


def _open_postings(directory: Path, items: int) -> LucenePostings:
    return LucenePostings(directory / _POSTINGS, items, load_numbers(directory, items))


def _change_postings(
    postings: LucenePostings,
    source: Path,
    directory: Path,
    change: Change,
    written: StoredCodes,
    impacts_of: Callable[[Vector], npt.NDArray[np.int64]],
) -> None:
    """Lucene's own files, some of them those of the index as it was, and the numbers of documents."""
    before = np.arange(postings.most_candidates) if postings.numbers is None else postings.numbers
    numbers = save_numbers(directory, before, change.kept, len(change.ids))
    _link_postings(source, directory)
    gone, added = np.delete(before, change.kept), numbers[len(change.kept) :]
    change_postings(directory / _POSTINGS, gone, written, added, change.ids, impacts_of, change.facets)


def _merge_postings(source: Path, directory: Path) -> None:
    _link_postings(source, directory)
    merge_postings(directory / _POSTINGS)


def _link_postings(source: Path, directory: Path) -> None:
    linked(source, directory, [f"{_POSTINGS}/{path.name}" for path in (source / _POSTINGS).iterdir()])
