"""Writing an index directory from codes."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..codes.item_codes import ItemCodes
from ..data.histories import history_rows
from ..data.metadata import TITLE, Metadata
from ..data.tags import Tags
from ..data.title_lookup import Titles
from ..engines import engine_class
from ..engines.contract import BuildOptions, Engine, Progress, Query
from ..engines.names import StoreName
from ..engines.opensearch.target import ClusterTarget
from ..engines.stored_codes import rounded_shares
from ..errors import ClusterError, DataError, ElsaIndexError, UsageError
from ..processors import usable_processors
from ..segments.discovery import SegmentRules, has_dominant_dimensions
from ..segments.stored import DIRECTORY, TAG_PREFIX, write_segments
from ..storage.files import staged_directory
from .calibration import Calibration, calibrate, check_target
from .manifest import NAME, CodesEntry, Manifest, list_files
from .rounding_loss import store_loss


def write_index(
    codes: ItemCodes,
    path: Path,
    *,
    engine: str,
    bits: int,
    store: str | None,
    tags: Iterable[tuple[str, str]] | None,
    metadata: Mapping[str, Sequence[object]] | None,
    segments: SegmentRules | None,
    histories: Sequence[Sequence[object]] | None,
    target_overlap: float,
    cluster: ClusterTarget | None,
    overwrite: bool,
    on_progress: Progress | None,
) -> None:
    """What `Index.build` does, which see: all files are written beside `path` and moved into place at the end."""
    kind = engine_class(engine)
    allowed = kind.capabilities.stores
    if store is not None and store not in allowed:
        raise UsageError(f"store must be {' or '.join(allowed)} for the engine {engine}, got {store!r}.")
    check_target(target_overlap)
    tagged = None if tags is None else Tags.of(tags, codes.ids)
    known = None if metadata is None else Metadata.of(metadata, codes.ids)
    if (cluster is not None) != bool(kind.capabilities.ranks):
        if cluster is None:
            raise UsageError(f"The engine {engine} needs a cluster and a name there: --url http://… --name catalogue.")
        raise UsageError(f"A cluster's URL and name are for the engine opensearch; the engine is {engine}.")
    kept = cast(StoreName, store or allowed[0])
    with _taken_back(kind) as built, staged_directory(path, overwrite=overwrite, is_ours=_is_index) as staged:
        codes.ids.save(staged, "ids")
        if codes.item_counts is not None:
            np.save(staged / "item_counts.npy", codes.item_counts.astype(np.uint32))
        shares = rounded_shares(codes, kept)
        if shares is not None:
            np.save(staged / "history_weights.npy", shares)
        if known is not None:
            known.save(staged)
            if TITLE in known.columns:
                Titles(codes.ids, known.columns[TITLE]).lookup.save(staged)
        entry = None
        if segments is not None and has_dominant_dimensions(codes.weights.nnz, len(codes.ids), codes.dims):
            written = write_segments(
                codes, staged / DIRECTORY, segments, known, kind.name, BuildOptions(bits, _segment_store(kept))
            )
            if written is not None:
                entry, of = written
                tagged = Tags.with_groups(tagged, TAG_PREFIX, of)
        if tagged is not None:
            tagged.save(staged)
        options = BuildOptions(bits, kept, tagged, cluster, overwrite)
        started = time.perf_counter()
        built.parameters = parameters = kind.build(codes, staged, options, on_progress)
        seconds = time.perf_counter() - started
        with closing(kind.open(staged, parameters)) as opened:
            loss = store_loss(codes, opened)
            calibration = _calibrate(opened, codes, histories, target_overlap)
        Manifest(
            created_by=f"elsa-index {version('elsa-index')}",
            engine=kind.name,
            parameters=parameters,
            codes=CodesEntry(
                fingerprint=codes.fingerprint,
                items=len(codes.ids),
                dims=codes.dims,
                nnz=codes.nnz,
                origin=codes.origin,
            ),
            store_loss=loss,
            calibration=calibration,
            segments=entry,
            build_seconds=round(seconds, 6),
            files=list_files(staged),
        ).write(staged)
        kind.publish(parameters)
    kind.clear_up(parameters)


def _segment_store(store: StoreName) -> StoreName:
    """Segments are few: eight bits would save nothing, and their rounding could swap two of them."""
    return "float16" if store == "int8" else store


@dataclass
class _Built:
    parameters: dict[str, Any] | None = None


@contextmanager
def _taken_back(kind: type[Engine]) -> Iterator[_Built]:
    """Takes back what an engine built elsewhere where the directory does not come into place."""
    built = _Built()
    try:
        yield built
    except BaseException as error:
        if built.parameters is not None:
            try:
                kind.withdraw(built.parameters)
            except ElsaIndexError as failed:
                raise ClusterError(
                    f"{error} The index {built.parameters.get('index')} could not be taken back: {failed}"
                ) from error
        raise


def _calibrate(
    engine: Engine, codes: ItemCodes, histories: Sequence[Sequence[object]] | None, target: float
) -> Calibration | None:
    """Calibrates a new index on given histories, or on those that came with the codes."""
    if not engine.capabilities.cuts_queries or target == 1:
        return None
    if histories is not None:
        rows = [history_rows(codes.ids, history)[0] for history in histories]
        if not any(map(len, rows)):
            raise DataError(f"None of the {len(rows):,} histories to calibrate on has an item that the index knows.")
    elif codes.sample_histories is not None:
        sample = codes.sample_histories
        rows = [np.sort(part) for part in np.split(sample.indices.astype(np.int64), sample.indptr[1:-1])]
    else:
        return None
    queries = [Query(engine.query_vector(part, codes.history_weights_of(part)), part) for part in rows if len(part)]
    return calibrate(engine, queries, target, threads=usable_processors()) if queries else None


def _is_index(path: Path) -> bool:
    return (path / NAME).is_file()
