"""Writing a draft: the next commit of an index."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.sparse import csr_array

from ..catalogue.catalogue import Catalogue
from ..catalogue.files import HISTORY_WEIGHTS, ITEM_COUNTS, SEGMENTS
from ..catalogue.history_codes import NAME, ItemsThemselves, OwnCodes, precision_of
from ..catalogue.manifest import FORMAT, Manifest, now
from ..catalogue.outside import Outside
from ..catalogue.parts import part_of
from ..data.facets import Facets
from ..data.metadata import Metadata
from ..data.numbers import Numbers
from ..data.scipy_matrix import widened
from ..data.tags import Tags
from ..engines.contract import Change
from ..engines.item_dims import ITEM_DIMS
from ..engines.stored_codes import StoredCodes
from ..errors import StorageError
from ..segments.stored import TAG_PREFIX, Segments, SegmentsEntry
from ..storage.ids import Rows
from ..storage.runs import rows_now
from ..storage.seal import Entry, list_files
from ..storage.staging import linked
from .draft import Draft

_SPARE = 64 << 20  # bytes that a disk should have left beyond what is written again


def write_draft(catalogue: Catalogue, draft: Draft, staged: Path, outside: Outside) -> Manifest:
    """Writes all files of the next commit, and what is made `outside` for it. What a change leaves as it is, is linked;
    arrays by row are written again, which takes as long as copying them."""
    source, before = catalogue.path, catalogue.manifest
    refuse_full_disk(source, before)
    draft.ids.save(staged, "ids")
    at = draft.given_rows
    if draft.given is not None:
        at = draft.rows_of(catalogue, draft.given.ids.names_of(at))
    _save_counts(catalogue, draft, at, staged)
    shares = _save_history(catalogue, draft, at, staged)
    metadata = Metadata.changed(catalogue.metadata, draft.former, draft.ids, draft.metadata)
    if metadata is not None:
        metadata.save(staged)
    of, entry = _save_segments(catalogue, draft, staged)
    tags = _tags(catalogue, draft, of)
    if tags is not None:
        tags.save(staged)
    numbers = Numbers.changed(catalogue.facets.numbers, draft.former, draft.ids, draft.metadata)
    if numbers is not None:
        numbers.save(staged)
    fingerprint = _fingerprint(before.codes.fingerprint, draft)
    reshared = _reshared(catalogue, draft, shares)
    change = Change(draft.stay_rows, draft.codes, draft.ids, Facets(tags, numbers), shares, reshared, fingerprint)
    outside.parameters = catalogue.engine.change(source, staged, before.parameters, change)
    codes = before.codes.model_copy(update={
        "fingerprint": fingerprint,
        "space": draft.space or before.codes.space or before.codes.fingerprint,
        "items": len(draft.ids),
        "dims": draft.dims,
        "nnz": max(before.codes.nnz, int(np.max(np.diff(draft.codes.indptr), initial=0))),
    })  # fmt: skip
    manifest = before.model_copy(update={
        "format": FORMAT,
        "parameters": outside.parameters,
        "codes": codes,
        "segments": entry,
        "commits": before.commits + 1,
        "changed_at": now(),
        "changed": before.changed + len(draft.coded) + draft.gone,
        "files": files_of(staged, source, before),
    })  # fmt: skip
    manifest.write(staged)
    return manifest


def files_of(staged: Path, source: Path, before: Manifest) -> dict[str, Entry]:
    """What the next manifest lists. The checksum of a file that is linked is the one that was written down, so that
    damage is found."""
    same = {name for name in before.files if _is_one_file(staged / name, source / name)}
    return list_files(staged, {name: before.files[name] for name in same})


def _is_one_file(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.samefile(other)


def refuse_full_disk(source: Path, before: Manifest) -> None:
    """Raises StorageError where there is no room for all that may be written again, twice where Lucene merges."""
    parts = [(entry.bytes, part_of(name)) for name, entry in before.files.items()]
    needed = _SPARE + sum(2 * size if part == "postings" else size for size, part in parts)
    free = shutil.disk_usage(source.resolve().parent).free
    if free < needed:
        raise StorageError(
            f"{source} was not changed: its disk has {free / 1e6:,.0f} MB left, and up to {needed / 1e6:,.0f} MB "
            "may be needed for a moment."
        )


def _by_row(values: npt.NDArray, former: Rows, default: float) -> npt.NDArray:
    """Values of items where they are now; `default` for new ones."""
    return np.where(former >= 0, values[np.maximum(former, 0)], values.dtype.type(default))


def _save_counts(catalogue: Catalogue, draft: Draft, at: Rows, staged: Path) -> None:
    if catalogue.item_counts is None:
        return
    counts = _by_row(catalogue.item_counts.astype(np.int64), draft.former, 0)
    if draft.given is not None and draft.given.item_counts is not None:
        counts[at] = draft.given.item_counts[draft.given_rows]
    np.save(staged / ITEM_COUNTS, counts.astype(np.uint16 if np.max(counts) < 2**16 else np.uint32))


def _save_history(catalogue: Catalogue, draft: Draft, at: Rows, staged: Path) -> npt.NDArray | None:
    """How much each item counts in a history, which is returned, and what it brings to one if that is not its code."""
    shares: npt.NDArray | None = None
    kept = catalogue.history_weights
    given = draft.given.history_weights if draft.given is not None else None
    if kept is not None or given is not None:
        precision = np.float32 if catalogue.manifest.parameters["store"] == "float32" else np.float16
        shares = np.ones(len(draft.ids), precision) if kept is None else _by_row(kept, draft.former, 1.0)
        if draft.given is not None:
            shares[at] = 1.0 if given is None else given[draft.given_rows]
        np.save(staged / HISTORY_WEIGHTS, shares)
    brought = catalogue.history_codes
    if isinstance(brought, ItemsThemselves):
        dims = brought.dims_of(np.maximum(draft.former, 0))
        dims[draft.former < 0] = np.arange(brought.dims, draft.dims)
        np.save(staged / ITEM_DIMS, dims.astype(np.uint32))
    elif isinstance(brought, OwnCodes):
        _history_codes(catalogue, brought, draft, at).save(staged, NAME)
    return shares


def _reshared(catalogue: Catalogue, draft: Draft, shares: npt.NDArray | None) -> Rows:
    """Rows afterwards of items that stay as they are but for how much they count in a history."""
    before, stay = catalogue.history_weights, draft.stay_rows
    then = np.ones(len(stay)) if before is None else before[stay]
    now = np.ones(len(stay)) if shares is None else shares[: len(stay)]
    return np.flatnonzero(then != now)


def _history_codes(catalogue: Catalogue, brought: OwnCodes, draft: Draft, at: Rows) -> StoredCodes:
    if draft.given is None or isinstance(draft.given.history_codes, str):
        return brought.store.in_order(draft.former)
    precision = precision_of(catalogue.manifest.parameters["store"])
    ids = draft.given.ids.in_order(draft.given_rows)
    given = StoredCodes.round_matrix(draft.given.history_codes[draft.given_rows], ids, precision)
    order = draft.former.copy()
    order[at] = brought.store.items + np.arange(len(at))
    return brought.store.followed_by(given).in_order(order)


def _save_segments(
    catalogue: Catalogue, draft: Draft, staged: Path
) -> tuple[npt.NDArray[np.signedinteger] | None, SegmentsEntry | None]:
    """Segments stay those that were found when the index was built, and what an editor wanted of them. An item with
    another code joins the one whose vector is nearest."""
    segments, entry = catalogue.segments, catalogue.manifest.segments
    if segments is None or entry is None:
        return None, entry
    of = _by_row(segments.of, draft.former, -1)
    of[draft.coded] = _nearest(segments, draft.codes[draft.refiled :])
    now = rows_now(draft.former, len(catalogue.ids))  # -1, for none, is what -1 leads to
    typical = _first(now[segments.typical], of)
    (staged / SEGMENTS).mkdir(exist_ok=True)
    np.save(staged / SEGMENTS / "of.npy", of)
    np.save(staged / SEGMENTS / "typical.npy", typical)
    names = [name for name in catalogue.manifest.files if part_of(name) == SEGMENTS]
    linked(catalogue.path, staged, names)
    parameters = entry.parameters | {"dims": draft.dims}
    return of, entry.model_copy(update={"items": int(np.count_nonzero(of >= 0)), "parameters": parameters})


def _nearest(segments: Segments, codes: csr_array) -> Rows:
    """The segment whose vector has the largest product with each code, -1 where none is above 0."""
    products = csr_array(codes.astype(np.float64) @ widened(segments.vectors, codes.shape[1]).T)
    nearest = np.full(codes.shape[0], -1, dtype=np.int64)
    for row, (begin, end) in enumerate(zip(products.indptr, products.indptr[1:], strict=False)):
        if end > begin and products.data[begin:end].max() > 0:
            best = products.data[begin:end] == products.data[begin:end].max()
            nearest[row] = products.indices[begin:end][best].min()
    return nearest


def _first(typical: Rows, of: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.int32]:
    """Typical items that are still of their segment, before the places of those that are not."""
    numbers = np.arange(len(typical))[:, None]
    left = np.where((typical >= 0) & (of[np.maximum(typical, 0)] == numbers), typical, -1)
    order = np.argsort(left < 0, axis=1, kind="stable")
    return np.take_along_axis(left, order, axis=1).astype(np.int32)


def _tags(catalogue: Catalogue, draft: Draft, of: npt.NDArray[np.signedinteger] | None) -> Tags | None:
    """Tags afterwards, those of segments among them."""
    added, removed = list(draft.tags_added), list(draft.tags_removed)
    if of is not None and catalogue.segments is not None:
        for row in draft.coded.tolist():
            before = int(catalogue.segments.of[draft.former[row]]) if draft.former[row] >= 0 else -1
            if before != int(of[row]):
                name = draft.ids[row]
                removed += [(f"{TAG_PREFIX}{before}", name)] * (before >= 0)
                added += [(f"{TAG_PREFIX}{of[row]}", name)] * (int(of[row]) >= 0)
    if catalogue.tags is None and not added:
        return None

    def by_row(pairs: list[tuple[str, str]]) -> list[tuple[str, int]]:
        rows = draft.rows_of(catalogue, [item for _, item in pairs])
        return [(tag, row) for (tag, _), row in zip(pairs, rows.tolist(), strict=True)]

    return Tags.changed(catalogue.tags, draft.former, by_row(added), by_row(removed))


def _fingerprint(before: str, draft: Draft) -> str:
    """Of the codes afterwards: those before, and what became of them."""
    digest = xxhash.xxh3_128(before.encode())
    parts: list[Any] = [*draft.ids.content(), draft.codes.indptr.astype("<i8"), draft.codes.indices.astype("<i8")]
    for part in (*parts, draft.codes.data.astype("<f4")):
        digest.update(part if isinstance(part, bytes) else part.tobytes())
    return digest.hexdigest()
