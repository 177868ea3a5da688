"""Calibrating an opened catalogue again, on other histories."""

from collections.abc import Sequence

from ..engines.contract import Query
from ..errors import UsageError
from ..limits import THREADS
from .build_options import check_target
from .calibration import Calibration, calibrate
from .catalogue import Catalogue


def tune(
    catalogue: Catalogue, histories: Sequence[Sequence[object]], target_overlap: float, threads: int
) -> Calibration | None:
    """Calibrates searches on `histories` and writes that into the manifest; see `Index.tune`."""
    engine, manifest = catalogue.engine, catalogue.manifest
    if manifest.codes.history == "items":
        raise UsageError(
            "Queries of codes over items are short and never cut, so there is nothing to tune: all answers are exact."
        )
    if not engine.capabilities.cuts_queries:
        without = "" if engine.capabilities.keeps_codes else " without stored codes"
        raise UsageError(
            f"The engine {engine.name}{without} does not cut queries, so there is nothing to tune; use "
            "lucene or opensearch."
        )
    check_target(target_overlap)
    THREADS.check("threads", threads)
    known = [history for history in catalogue.resolve_all(histories) if history.is_known]
    if not known:
        raise UsageError(f"None of the {len(histories):,} histories has an item that the index knows.")
    queries = [Query(history.vector, history.rows) for history in known]
    found = None if target_overlap == 1 else calibrate(engine, queries, target_overlap, threads)
    catalogue.rewrite_manifest(manifest.model_copy(update={"calibration": found, "changed": 0}), "tuned", "tune")
    return found
