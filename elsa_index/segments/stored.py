"""Segments: sets of items that share a dominant latent direction, stored in an index and ranked as its items are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy.sparse import csc_array, csr_array

from ..codes.query_vector import QueryVector
from ..data.metadata import TITLE, Metadata
from ..data.title_lookup import Titles
from ..engines.contract import Query, SearchPlan
from ..engines.names import EngineName
from ..engines.opening import open_engine
from ..engines.stored_codes import StoredCodesEngine
from ..errors import StorageError
from ..storage.files import load_array
from ..storage.ids import IdMap, Rows
from ..storage.ranges import check_range, check_shape
from .edits import SegmentEdit, former
from .naming import name_segments
from .rules import SegmentRules
from .terms import ItemTerms

DIRECTORY = "segments"
TAG_PREFIX = "segment:"
"""Items carry their segment as a tag, so that the engine's filter serves a segment's items."""


class SegmentsEntry(BaseModel):
    """What a manifest says of segments: how many there are, of how many items, made by which rules, and the engine that
    ranks them with its parameters. edits: of an editor."""

    model_config = ConfigDict(frozen=True)

    segments: int
    items: int
    rules: SegmentRules
    engine: EngineName
    parameters: dict[str, Any]
    edits: list[SegmentEdit] = []


@dataclass(frozen=True)
class SegmentDimension:
    """One direction of a dimension: sign is 1 or -1. items: of the segment, that are strongest there."""

    dimension: int
    sign: int
    items: int


@dataclass(frozen=True)
class Segment:
    """One segment.

    Attributes:
        number: 0 for the largest.
        name: Readable and unique.
        tag: What `search` can filter by.
        size: Items.
        typical: Ids of its most typical items.
        dimensions: What it was merged from, those of most items first.
    """

    number: int
    name: str
    tag: str
    size: int
    typical: list[str]
    dimensions: list[SegmentDimension]


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of an index.

    Attributes:
        names: Of the segments.
        ids: Of the items.
        of: (items,) each item's segment, -1 for none.
        typical: (segments, 20) rows, -1 at the end of small ones.
        merged: (entries, 3) segment, signed dimension (2·dim, + 1 where negative), items that begin there.
        engine: Ranks them.
        hidden: Numbers of segments that an editor hides: they are neither listed nor ranked.
        pinned: Numbers of those that come first.
        unedited: Names before an editor changed some; None where nobody did.
    """

    names: IdMap
    ids: IdMap
    of: npt.NDArray[np.signedinteger]
    typical: npt.NDArray[np.int32]
    merged: npt.NDArray[np.int32]
    engine: StoredCodesEngine
    hidden: frozenset[int] = frozenset()
    pinned: tuple[int, ...] = ()
    unedited: IdMap | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Segment]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Segment:
        begin, end = np.searchsorted(self.merged[:, 0], [number, number + 1])
        return Segment(
            number,
            self.names[number],
            f"{TAG_PREFIX}{number}",
            int(self.sizes[number]),
            [self.ids[int(row)] for row in self.typical[number] if row >= 0],
            [
                SegmentDimension(term // 2, -1 if term % 2 else 1, count)
                for _, term, count in self.merged[begin:end].tolist()
            ],
        )

    @cached_property
    def listed(self) -> list[int]:
        """Numbers of the segments that are not hidden, largest first."""
        return [number for number in range(len(self)) if number not in self.hidden]

    @cached_property
    def sizes(self) -> Rows:
        """(segments,) items of each."""
        return np.bincount(self.of[self.of >= 0], minlength=len(self)).astype(np.int64)

    def of_dimension(self, dim: int, sign: float) -> int | None:
        """The segment whose vector points furthest in one direction of a dimension; None where none does."""
        entries = slice(*self._by_dimension.indptr[dim : dim + 2])
        along = self._by_dimension.data[entries] * (1 if sign >= 0 else -1)
        if not (along > 0).any():
            return None
        return int(self._by_dimension.indices[entries][np.argmax(along)])

    @cached_property
    def _by_dimension(self) -> csc_array:
        return csc_array(self.vectors)

    @cached_property
    def vectors(self) -> csr_array:
        """(segments, dims) float64 CSR: unit vectors in code space, as they are stored."""
        return self.engine.store.matrix

    def rank(self, vector: QueryVector, k: int) -> tuple[Rows, npt.NDArray[np.float64]]:
        """The numbers and scores of at most `k` segments whose vector's product with a query vector is positive, best
        first: one query, exact, as for items."""
        query = Query(vector, np.zeros(0, dtype=np.int64))
        (answer,) = self.engine.search([query], SearchPlan(min(k + len(self.hidden), len(self)), exact=True))
        shown = (answer.scores > 0) & ~np.isin(answer.rows, list(self.hidden))
        return answer.rows[shown][:k], answer.scores[shown][:k]

    def renamed(self, metadata: Metadata) -> "Segments":
        """The same segments with names from other metadata."""
        terms = ItemTerms.of(metadata, len(self.ids))
        return replace(self, names=names_of(self.of, self.typical, self.ids, metadata, terms))

    def edited(self, edits: Sequence[SegmentEdit]) -> "Segments":
        """As an editor wants them, whatever was wanted before; but for merging, which is done when an index is
        built."""
        given = self.names if self.unedited is None else self.unedited
        names, hidden, pinned = list(given), set(), []
        for edit in edits:
            number = former(edit.items, self.ids, self.of)
            if number < 0:
                continue
            if edit.name is not None:
                others = {name.casefold() for at, name in enumerate(names) if at != number}
                names[number] = edit.name if edit.name.casefold() not in others else f"{edit.name} ({number})"
            if edit.hide:
                hidden.add(number)
            if edit.pin:
                pinned.append(number)
        return replace(
            self,
            names=IdMap(names),
            hidden=frozenset(hidden),
            pinned=tuple(dict.fromkeys(pinned)),
            unedited=given,
        )

    def rows_of(self, number: int) -> Rows:
        """A segment's items, the most typical first."""
        typical = self.typical[number][self.typical[number] >= 0].astype(np.int64)
        members = self.members(number)
        return np.concatenate([typical, members[~np.isin(members, typical)]])

    def members(self, number: int) -> Rows:
        """A segment's items, sorted."""
        order, starts = self._by_segment
        return order[starts[number] : starts[number + 1]]

    @cached_property
    def _by_segment(self) -> tuple[Rows, Rows]:
        """All items, one segment after the other, and where each segment begins."""
        order = np.argsort(self.of, kind="stable").astype(np.int64)
        return order, np.searchsorted(self.of[order], np.arange(len(self) + 1)).astype(np.int64)

    def close(self) -> None:
        self.engine.close()

    @classmethod
    def load(cls, directory: Path, entry: SegmentsEntry, ids: IdMap, dims: int) -> "Segments":
        """Opens by memory map. dims: of the codes."""
        of, typical, merged = (load_array(directory / f"{name}.npy") for name in ("of", "typical", "merged"))
        names = IdMap.load(directory, "names")
        check_shape(of, (len(ids),), "i", "Segments")
        check_range(of, len(names), "Segments", least=-1)
        check_shape(typical, (len(names), None), "i", "Typical items")
        check_range(typical, len(ids), "Typical items", least=-1)
        check_shape(merged, (None, 3), "i", "Merged dimensions")
        check_range(merged[:, 0], len(names), "Merged dimensions")
        engine = open_engine(entry.engine, directory, entry.parameters, dims)
        if not isinstance(engine, StoredCodesEngine) or engine.items != len(names):
            raise StorageError(f"{directory} is damaged: {engine.items:,} vectors of {len(names):,} segments.")
        return cls(names, ids, of, typical, merged, engine)


def names_of(
    of: npt.NDArray[np.signedinteger],
    typical: npt.NDArray[np.int32],
    ids: IdMap,
    metadata: Metadata | None,
    terms: ItemTerms | None,
) -> IdMap:
    """Names of segments; see `name_segments`."""
    shown = Titles(ids, metadata.columns.get(TITLE) if metadata else None)
    titles = [[shown[int(row)] for row in rows if row >= 0] for rows in typical]
    return IdMap(name_segments(of.astype(np.int32), titles, terms))
