"""Writing an index directory from codes."""

import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np

from ..codes.item_codes import ItemCodes
from ..data.facets import Facets
from ..data.histories import history_rows
from ..data.metadata import Metadata
from ..data.numbers import Numbers
from ..data.scipy_matrix import column_lists
from ..data.tags import Tags
from ..engines import engine_class
from ..engines.contract import BuildPlan, Engine, Progress, Query
from ..engines.names import StoreName
from ..engines.stored_codes import rounded_shares
from ..errors import DataError, StorageError, refuse_kind
from ..processors import usable_processors
from ..segments.edits import SegmentEdit
from ..segments.stored import TAG_PREFIX
from ..segments.write import write_segments
from ..storage.seal import list_files
from ..storage.staging import staged_directory
from .build_options import BuildOptions
from .calibration import Calibration, calibrate
from .files import HISTORY_WEIGHTS, ITEM_COUNTS, SEGMENTS
from .history_codes import HistoryCodes, open_history_codes, save_history_codes
from .manifest import CodesEntry, Manifest, is_index, now
from .outside import taken_back
from .rounding_loss import rounding_loss


def write_index(codes: ItemCodes, path: Path, options: BuildOptions, on_progress: Progress | None = None) -> None:
    """Writes an index directory beside `path` and moves it into place at the end; see `Index.build`."""
    refuse_kind("codes", codes, ItemCodes, "load_codes reads them from a path, and train returns them.")
    kind = engine_class(options.engine)
    options.check(kind.capabilities, codes)
    tags = None if options.tags is None else Tags.of(options.tags, codes.ids)
    metadata = None if options.metadata is None else Metadata.of(options.metadata, codes.ids)
    numbers = Numbers.of(options.metadata, codes.ids, options.numbers) if options.numbers else None
    store = cast(StoreName, options.store or kind.capabilities.stores[0])
    with (
        taken_back() as outside,
        staged_directory(path, overwrite=options.overwrite, is_ours=is_index) as staged,
    ):
        _save_items(codes, store, metadata, staged)
        entry = None
        if options.segments is not None:
            plan = BuildPlan(options.bits, _segment_store(store))
            written = write_segments(
                codes,
                staged / SEGMENTS,
                options.segments,
                metadata,
                kind.name,
                plan,
                options.segments_from,
                _former_edits(path),
            )
            if written is not None:
                entry, of = written
                tags = Tags.with_groups(tags, TAG_PREFIX, of)
        if tags is not None:
            tags.save(staged)
        if numbers is not None:
            numbers.save(staged)
        started = time.perf_counter()
        plan = BuildPlan(options.bits, store, Facets(tags, numbers), options.cluster, options.overwrite)
        outside.kind, outside.parameters = kind, kind.build(codes, staged, plan, on_progress)
        seconds = time.perf_counter() - started
        with closing(kind.open(staged, outside.parameters)) as opened:
            history_codes = open_history_codes(codes.history_kind, staged, opened)
            loss = rounding_loss(codes, opened, history_codes)
            calibration = _calibrated(opened, codes, history_codes, options)
        Manifest(
            created_by=f"elsa-index {version('elsa-index')}",
            engine=kind.name,
            parameters=outside.parameters,
            codes=CodesEntry.of(codes),
            store_loss=loss,
            calibration=calibration,
            segments=entry,
            build_seconds=round(seconds, 6),
            built_at=now(),
            files=list_files(staged),
        ).write(staged)
        outside.publish()


def _save_items(codes: ItemCodes, store: StoreName, metadata: Metadata | None, directory: Path) -> None:
    """Ids, counts, history weights and metadata: what every engine's index has."""
    codes.ids.save(directory, "ids")
    if codes.item_counts is not None:
        smallest = np.uint16 if np.max(codes.item_counts) < 2**16 else np.uint32
        np.save(directory / ITEM_COUNTS, codes.item_counts.astype(smallest))
    save_history_codes(codes, store, directory)
    shares = rounded_shares(codes, store)
    if shares is not None:
        np.save(directory / HISTORY_WEIGHTS, shares)
    if metadata is not None:
        metadata.save(directory)


def _former_edits(path: Path) -> list[SegmentEdit]:
    """What an editor wanted of the segments of the index that is replaced."""
    try:
        entry = Manifest.read(path).segments
    except StorageError:  # there is none, or it is damaged, which is often why it is built again
        return []
    return entry.edits if entry else []


def _segment_store(store: StoreName) -> StoreName:
    """Segments are few: eight bits would save nothing, and their rounding could swap two of them."""
    return "float16" if store in ("int8", "none") else store


def _calibrated(
    engine: Engine, codes: ItemCodes, history_codes: HistoryCodes, options: BuildOptions
) -> Calibration | None:
    """Calibrates a new index on given histories, or on those that came with the codes. Queries that are items are short
    and never cut."""
    target = options.target_overlap
    if not engine.capabilities.cuts_queries or target == 1 or codes.history_kind == "items":
        return None
    if options.histories is not None:
        rows = [history_rows(codes.ids, history)[0] for history in options.histories]
        if not any(map(len, rows)):
            raise DataError(f"None of the {len(rows):,} histories to calibrate on has an item that the index knows.")
    elif codes.sample_histories is not None:
        rows = [np.sort(part) for part in column_lists(codes.sample_histories)]
    else:
        return None
    queries = [Query(history_codes.vector(part, codes.history_weights_of(part)), part) for part in rows if len(part)]
    return calibrate(engine, queries, target, threads=usable_processors()) if queries else None
