"""Upserting: codes of new items, and other codes of items that are there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..catalogue.catalogue import Catalogue
from ..catalogue.history_codes import ItemsThemselves
from ..codes.item_codes import ItemCodes
from ..data.scipy_matrix import widened, with_columns
from ..data.tags import tag_pairs
from ..engines.stored_codes import StoredCodes
from ..errors import UsageError, refuse_kind
from ..storage.ids import IdMap, Rows
from .by_metadata import BY_METADATA, rows_by_metadata
from .draft import Draft
from .tag import Pairs, checked_pairs, known_rows

_AT_ONCE = 10_000  # codes that are compared with those stored


def draft_upsert(
    catalogue: Catalogue,
    codes: ItemCodes,
    items: Iterable[object] | None,
    tags: Iterable[tuple[str, str]] | None,
    metadata: Mapping[str, Sequence[object]] | None,
    *,
    same_space: bool,
) -> Draft:
    """Writes items of a model whose codes are not stored already; see `elsa_index.upsert`."""
    refuse_kind("codes", codes, ItemCodes, "load_codes reads them from a path, and train returns them.")
    wanted = np.arange(len(codes.ids)) if items is None else np.unique(codes.ids.rows(items))
    space = _space(catalogue, codes, wanted, same_space=same_space)
    now = catalogue.ids.find(codes.ids.names_of(wanted))
    matrix = _in_dims_of(catalogue, codes, wanted, now)
    differ = (now < 0) | ~_are_stored(catalogue, codes.ids.in_order(wanted), matrix, now)
    written = np.flatnonzero(differ)
    coded = codes.ids.in_order(wanted[written])
    added = [] if tags is None else checked_pairs(tag_pairs(tags))
    known = known_rows(catalogue, added, besides=coded)
    if catalogue.facets.numbers is not None:
        known = np.union1d(known, catalogue.facets.numbers.rows_changed(catalogue.ids, metadata))
    removed = [pair for pair in _marked(catalogue, now[written]) if pair not in added]
    draft = Draft.of(catalogue, refiled=known, coded=(coded, matrix[written]))
    return replace(
        draft, given=codes, given_rows=wanted, tags_added=added, tags_removed=removed, metadata=metadata, space=space
    )


def _marked(catalogue: Catalogue, rows: Rows) -> Pairs:
    """Those of the items in `rows`, -1 for none, whose codes were those of their nearest by metadata."""
    marked = np.intersect1d(rows_by_metadata(catalogue), rows)
    return [(BY_METADATA, name) for name in catalogue.ids.take(marked).tolist()]


def _space(catalogue: Catalogue, codes: ItemCodes, wanted: Rows, *, same_space: bool) -> str | None:
    """The space of the codes afterwards, None where it stays. Raises UsageError where codes do not go together."""
    has = catalogue.manifest.codes
    if codes.history_kind != has.history:
        raise UsageError(
            f"The index has codes whose items bring to a history {has.history!r}, and these {codes.history_kind!r}; "
            "build it again."
        )
    if has.history == "items":
        return None
    if codes.dims != catalogue.engine.dims:
        raise UsageError(
            f"The index has codes of {catalogue.engine.dims:,} dimensions, and these are of {codes.dims:,}."
        )
    space = has.space or has.fingerprint
    if same_space or codes.space == space:
        return None
    if not set(catalogue.ids).difference(codes.ids.names_of(wanted)):
        return codes.space
    raise UsageError(
        f"The codes are of another training ({codes.space}) than those of the index ({space}), so that their "
        "dimensions mean something else. Write all items of the index, or say --same-space (same_space=True) if you "
        "know that they go together."
    )


def _in_dims_of(catalogue: Catalogue, codes: ItemCodes, wanted: Rows, now: Rows) -> csr_array:
    """(wanted, dims) the codes by the index's dimensions. Where these are items, each keeps the one that it has, new
    items get further ones, and what refers to an item that is in neither is left out."""
    chosen = codes.weights[wanted]
    if not isinstance(catalogue.history_codes, ItemsThemselves):
        return chosen
    dims = catalogue.history_codes.dims
    new = wanted[now < 0]
    there = catalogue.ids.find(codes.ids)
    dim_of = np.where(there >= 0, catalogue.history_codes.dims_of(np.maximum(there, 0)), -1)
    dim_of[new] = dims + np.arange(len(new))
    return with_columns(chosen, dim_of, dims + len(new))


def _are_stored(catalogue: Catalogue, ids: IdMap, matrix: csr_array, now: Rows) -> npt.NDArray[np.bool_]:
    """(rows,) whether an item's stored code is that of `matrix`, once rounded. now: its row, -1 for none. None is where
    no codes are stored."""
    same = np.zeros(len(now), dtype=bool)
    if not catalogue.engine.capabilities.keeps_codes or catalogue.manifest.parameters["store"] == "none":
        return same
    there = np.flatnonzero(now >= 0)
    for at in range(0, len(there), _AT_ONCE):
        part = there[at : at + _AT_ONCE]
        stored = catalogue.engine.stored_rows(now[part])
        rounded = StoredCodes.round_matrix(matrix[part], ids.in_order(part), catalogue.manifest.parameters["store"])
        given = rounded.csr_rows(np.arange(len(part)))
        width = max(stored.shape[1], given.shape[1])
        same[part] = np.diff((widened(stored, width) != widened(given, width)).indptr) == 0
    return same
