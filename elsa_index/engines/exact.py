"""The oracle: exhaustive scoring of the stored codes with SciPy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..codes.item_codes import ItemCodes
from .contract import Answer, BuildPlan, Capabilities, Change, Progress, Query, SearchPlan
from .loops import exhaustively
from .stored_codes import StoredCodes, StoredCodesEngine


class ExactEngine(StoredCodesEngine):
    """Scores every item for every query. Nothing to get wrong: all other engines are compared with it."""

    name = "exact"
    capabilities = Capabilities(
        exact=True, cuts_queries=False, stores=("float16", "float32", "int8"), score_tolerance=1e-12, changes=True
    )

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        StoredCodes.round(codes, plan.store).save(directory)
        return {"dims": codes.dims, "store": plan.store}

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "ExactEngine":
        return cls(StoredCodes.load(directory, parameters["dims"]))

    def change(self, source: Path, directory: Path, parameters: dict[str, Any], change: Change) -> dict[str, Any]:
        self.changed_store(change, parameters["store"]).save(directory)
        return parameters | {"dims": change.dims}

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        return exhaustively(self.store, queries, plan.k, plan.threads, on_progress)
