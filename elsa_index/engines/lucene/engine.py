"""The Lucene engine: impact postings for candidates, stored codes for exact scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...codes.impacts import ImpactScale
from ...codes.item_codes import ItemCodes
from ..batching import answer_each
from ..contract import Answer, BuildPlan, Capabilities, Progress, Query, SearchPlan
from ..stored_codes import StoredCodes, StoredCodesEngine
from ..two_stage import Growth, HeavyItems, TwoStageSearch
from .jvm import detach, lucene_version
from .postings import LucenePostings
from .writer import write_postings

_POSTINGS = "postings"


class LuceneEngine(StoredCodesEngine):
    """Sign-split impact postings that Anserini's own searchers open, beside the stored codes."""

    name = "lucene"
    capabilities = Capabilities(
        exact=True, cuts_queries=True, stores=("float16", "float32", "int8"), score_tolerance=1e-12
    )

    def __init__(self, store: StoredCodes, postings: LucenePostings, two_stage: TwoStageSearch) -> None:
        super().__init__(store)
        self.postings, self.two_stage = postings, two_stage

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        store = StoredCodes.round(codes, plan.store)
        scale = ImpactScale.fitting(plan.bits, store.values, unit_norm=codes.is_unit_norm)
        short = codes.history_kind == "items"
        heavy = HeavyItems.none(store) if short else HeavyItems.of(store)
        store.save(directory)
        heavy.save(directory)
        (directory / _POSTINGS).mkdir()
        write_postings(store, codes.ids, scale, directory / _POSTINGS, plan.tags, on_progress)
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
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "LuceneEngine":
        store = StoredCodes.load(directory, parameters["dims"])
        postings = LucenePostings(directory / _POSTINGS, parameters["items"])
        scale = ImpactScale(parameters["bits"], parameters["impact_scale"])
        heavy = HeavyItems.load(directory, parameters["rest_norm"])
        growth = Growth.of(short_queries=parameters.get("short_queries", False))
        return cls(store, postings, TwoStageSearch(postings, store, scale.step, heavy, growth))

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        return answer_each(queries, lambda query: self.two_stage.search(query, plan), plan.threads, on_progress, detach)

    def close(self) -> None:
        self.postings.close()
