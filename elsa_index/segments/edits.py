"""Edits of segments: other names, hidden, pinned and merged ones, which find their segments again by the items."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.sparse import csr_array, diags_array

from ..choices import said
from ..errors import DataError, UsageError, name_some, shorten
from ..storage.files import existing_file
from ..storage.ids import IdMap
from .partition import Partition, largest_entries, numbered_by_size

KEPT = 200
"""Items by which an edit finds its segment again, the most typical ones."""
_LEAST_SHARE = 0.2  # of these, that a segment must hold to be the former one


class SegmentEdit(BaseModel):
    """What an editor wants of one segment.

    Attributes:
        items: Ids of items of the segment that it was made for.
        name: What it is called; None: as it is named from metadata.
        hide: It is neither listed nor a row.
        pin: It is the first row after the one for the whole history.
        merged: Items of segments that become part of this one when the index is built again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: list[str]
    name: str | None = None
    hide: bool = False
    pin: bool = False
    merged: list[list[str]] = Field(default_factory=list)

    def says_nothing(self) -> bool:
        return self.name is None and not self.hide and not self.pin and not self.merged


class Wanted(BaseModel):
    """One entry of a file of edits. What is left out stays as it is; reset takes back all that was wanted before."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str | None = Field(None, min_length=1, max_length=200)
    hide: bool | None = None
    pin: bool | None = None
    merge: list[str] = Field(default_factory=list)
    reset: bool = False


def read_edits(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a TOML file of edits: a table per segment, named by its tag.

    Raises:
        DataError: Where it is no TOML.
    """
    try:
        return tomllib.loads(existing_file(path, "a file of edits").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f'{path} is not TOML: {error}. An entry is ["segment:3"], then name = "…".') from None


def checked(edits: Mapping[str, Any], tags: IdMap) -> dict[int, Wanted]:
    """Entries by number of segment. Raises UsageError that names the entry, for what is none."""
    if not edits:
        raise UsageError('There are no edits; an entry is ["segment:3"], then name = "…".')
    found = {}
    for tag, entry in edits.items():
        if not isinstance(entry, Mapping):
            raise UsageError(f'{tag} = {shorten(entry)} is of no segment; an entry begins with ["segment:3"].')
        number = _number(tag, tags)
        try:
            found[number] = Wanted.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise UsageError(
                f"{tag}: {key or 'the entry'}: {said(first)}, got {shorten(first['input'])}. An entry may hold "
                f"{', '.join(Wanted.model_fields)}."
            ) from None
    _check_merges({number: [_number(other, tags) for other in entry.merge] for number, entry in found.items()}, tags)
    return found


def _check_merges(into: Mapping[int, Sequence[int]], tags: IdMap) -> None:
    """Each segment goes into one at most, which stays: others would be merged in a circle, or twice."""
    seen: set[int] = set()
    for number, parts in into.items():
        for part in parts:
            if part == number:
                raise UsageError(f"{tags[number]}: a segment cannot be merged into itself.")
            if part in seen or into.get(part):
                raise UsageError(f"{tags[part]} is merged into {tags[number]}, and can be in no other merge.")
            seen.add(part)


def _number(tag: str, tags: IdMap) -> int:
    if tag not in tags:
        raise UsageError(f"There is no segment {shorten(tag)}; elsa-index segments lists {name_some(list(tags), 3)}.")
    return int(tags.rows([tag])[0])


def former(items: Sequence[str], ids: IdMap, of: npt.NDArray[np.signedinteger]) -> int:
    """The segment that holds most of these items, -1 where none holds a fifth of them."""
    rows = ids.find(items)
    held = of[rows[rows >= 0]]
    counts = np.bincount(held[held >= 0], minlength=1)
    return int(np.argmax(counts)) if int(np.max(counts)) >= max(_LEAST_SHARE * len(items), 1) else -1


def members_to_keep(
    number: int, of: npt.NDArray[np.signedinteger], ids: IdMap, counts: npt.NDArray[np.integer] | None
) -> list[str]:
    """Ids of the items by which a segment is found again: those that most users have."""
    rows = np.flatnonzero(of == number)
    if counts is not None:
        rows = rows[np.argsort(-counts[rows].astype(np.int64), kind="stable")]
    return [ids[int(row)] for row in rows[:KEPT]]


def carried(
    edits: Sequence[SegmentEdit], ids: IdMap, of: npt.NDArray[np.signedinteger], counts: npt.NDArray[np.integer] | None
) -> tuple[list[SegmentEdit], list[SegmentEdit]]:
    """Edits of a former index, with the items of their segments as they are now; and those whose segment is no more."""

    def now(items: list[str]) -> list[str]:
        number = former(items, ids, of)
        return members_to_keep(number, of, ids, counts) if number >= 0 else items

    kept, lost = [], []
    for edit in edits:
        if former(edit.items, ids, of) < 0:
            lost.append(edit)
        else:
            kept.append(
                edit.model_copy(update={"items": now(edit.items), "merged": [now(part) for part in edit.merged]})
            )
    return kept, lost


def with_merged(found: Partition, edits: Sequence[SegmentEdit], ids: IdMap, nonzeros: int) -> Partition:
    """The partition, where what edits merge is one segment: ranked by the mean of the parts, each by its size."""
    target = np.arange(found.vectors.shape[0])
    for edit in edits:
        into = former(edit.items, ids, found.of)
        for items in edit.merged:
            part = former(items, ids, found.of)
            if into >= 0 and part >= 0:
                target[target == target[part]] = target[into]
    if np.array_equal(target, np.arange(len(target))):
        return found
    sizes = np.bincount(found.of[found.of >= 0], minlength=len(target))
    of = np.where(found.of >= 0, target[found.of], -1)
    number = np.full(len(target), -1, dtype=np.int64)
    renumbered = numbered_by_size(of, 1)
    number[of[of >= 0]] = renumbered[of >= 0]
    parts = csr_array((sizes, (number[target], np.arange(len(target)))), shape=(int(np.max(number)) + 1, len(target)))
    sums = largest_entries(csr_array(parts @ found.vectors), nonzeros)
    norms = np.sqrt(np.asarray(sums.multiply(sums).sum(axis=1)).ravel())
    vectors = csr_array(diags_array(1 / norms) @ sums).astype(np.float32)
    merged: list[list[tuple[int, int]]] = [[] for _ in range(vectors.shape[0])]
    for segment, dimensions in enumerate(found.merged):
        merged[number[target[segment]]] += dimensions
    return Partition(renumbered, vectors, [sorted(dimensions, key=lambda part: -part[1]) for dimensions in merged])
