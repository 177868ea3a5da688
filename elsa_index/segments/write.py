"""Discovering, naming and writing the segments of an index."""

import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codes.item_codes import ItemCodes
from ..data.metadata import Metadata
from ..engines import engine_class
from ..engines.contract import BuildPlan
from ..engines.names import EngineName
from ..errors import DataWarning, name_some
from ..storage.ids import IdMap
from .discovery import discover
from .edits import SegmentEdit, carried, with_merged
from .partition import Partition
from .rules import SegmentRules
from .stored import TAG_PREFIX, SegmentsEntry, names_of
from .terms import ItemTerms

_TYPICAL = 20


def write_segments(
    codes: ItemCodes,
    directory: Path,
    rules: SegmentRules,
    metadata: Metadata | None,
    engine: EngineName,
    plan: BuildPlan,
    source: ItemCodes | None = None,
    edits: Sequence[SegmentEdit] = (),
) -> tuple[SegmentsEntry, npt.NDArray[np.int32]] | None:
    """Discovers, names and writes segments; returns what the manifest says of them and each item's segment. None, with
    nothing written, where the codes have no segments or no set of items is large enough.
    source: see `discover`. edits: of the index that this one replaces.

    Lucene indexes rank them by postings of their own, whose documents are segments; all others exhaustively.
    """
    terms = None if metadata is None else ItemTerms.of(metadata, len(codes.ids))
    found = discover(codes, rules, terms, source)
    if found is None or not found.vectors.shape[0]:
        return None
    edits, lost = carried(edits, codes.ids, found.of, codes.item_counts)
    for edit in lost:
        warnings.warn(
            f"The segment that was edited{f' to {edit.name!r}' if edit.name else ''} is no more: no segment has a "
            f"fifth of its items, {name_some(edit.items, 3)}.",
            DataWarning,
            stacklevel=4,
        )
    found = with_merged(found, edits, codes.ids, _nonzeros(codes, rules))
    directory.mkdir()
    typical = _typical(codes, found)
    names = names_of(found.of, typical, codes.ids, metadata, terms)
    names.save(directory, "names")
    smallest = np.int16 if len(names) < 2**15 else np.int32
    np.save(directory / "of.npy", found.of.astype(smallest))
    np.save(directory / "typical.npy", typical)
    entries = [(number, *part) for number, parts in enumerate(found.merged) for part in parts]
    np.save(directory / "merged.npy", np.array(entries, dtype=np.int32).reshape(-1, 3))
    ranked_by: EngineName = "lucene" if engine == "lucene" else "exact"
    tags = IdMap(f"{TAG_PREFIX}{number}" for number in range(len(names)))
    parameters = engine_class(ranked_by).build(ItemCodes(tags, found.vectors), directory, plan)
    entry = SegmentsEntry(
        segments=len(names),
        items=int(np.count_nonzero(found.of >= 0)),
        rules=rules,
        engine=ranked_by,
        parameters=parameters,
        edits=edits,
    )
    return entry, found.of


def _nonzeros(codes: ItemCodes, rules: SegmentRules) -> int:
    return rules.nonzeros_of_items if codes.history_kind == "items" else rules.nonzeros


def _typical(codes: ItemCodes, found: Partition) -> npt.NDArray[np.int32]:
    """(segments, 20) rows: items whose codes are close to their segment's vector and that many users have."""
    counts = np.ones(len(codes.ids)) if codes.item_counts is None else codes.item_counts
    inside = np.flatnonzero(found.of >= 0)
    products = codes.weights[inside].multiply(found.vectors[found.of[inside]]).sum(axis=1)
    norms = codes.norms[inside]
    cosines = np.divide(np.asarray(products).ravel(), norms, out=np.zeros(len(inside)), where=norms > 0)
    worth = cosines * np.log1p(counts[inside])
    typical = np.full((found.vectors.shape[0], _TYPICAL), -1, dtype=np.int32)
    order = np.lexsort((-worth, found.of[inside]))
    starts = np.searchsorted(found.of[inside][order], np.arange(len(typical) + 1))
    for segment, (begin, end) in enumerate(pairwise(starts.tolist())):
        rows = inside[order[begin : min(end, begin + _TYPICAL)]]
        typical[segment, : len(rows)] = rows
    return typical
