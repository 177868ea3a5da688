"""Codes of items that nobody has yet: those of the nearest items by metadata."""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, vstack

from ..catalogue.catalogue import Catalogue
from ..codes.item_codes import ItemCodes
from ..data.metadata import Metadata
from ..data.scipy_matrix import largest_in_rows, row_norms, widened
from ..engines.top_k import best
from ..segments.terms import ItemTerms
from ..storage.ids import IdMap, Rows

BY_METADATA = "code:metadata"
"""The tag of items that have such a code, until they have one of their own."""
NEAREST = 20
SHARE = 0.5
"""Of its neighbours' norm. On MovieLens new items are then found, and rankings of all items lose nothing; with all of
the norm they take the places of items that are known better (benchmarks/by_metadata.py)."""


def rows_by_metadata(catalogue: Catalogue) -> Rows:
    """Rows of an index's items that have such a code, sorted."""
    tags = catalogue.tags
    if tags is None or not tags.is_carried(BY_METADATA):
        return np.zeros(0, dtype=np.int64)
    return tags.rows_of(int(tags.names.find([BY_METADATA])[0]))


def with_codes_by_metadata(codes: ItemCodes, names: list[str], metadata: Metadata, ids: IdMap) -> ItemCodes:
    """Codes of further items, after those of the others: the mean of the codes of their NEAREST by terms of metadata
    (cosine of tf-idf), its largest weights, as many as items have on average, and SHARE of those items' norm. An item
    that has no term in common with one that has a code is left out.

    Args:
        codes: Of the other items.
        names: Ids of the items.
        metadata: Of `ids`.
        ids: All items of `codes`, and `names`.
    """
    coded = codes.ids.take(np.flatnonzero(np.diff(codes.weights.indptr))).tolist()
    similar = _nearest(metadata, ids.rows(names), ids.rows(coded))
    near = np.flatnonzero(np.diff(similar.indptr))
    if not len(near):
        return codes
    similar = csr_array(similar[near])
    weights = codes.weights[codes.ids.rows(coded)]
    mean = csr_array(similar @ weights.astype(np.float64))
    budget = max(1, round(weights.nnz / len(coded)))
    own = largest_in_rows(mean, np.full(len(near), budget))
    norms = row_norms(own)
    wanted = SHARE * (similar @ row_norms(weights))
    own.data *= np.repeat(wanted / np.where(norms > 0, norms, 1), np.diff(own.indptr))
    return _joined(codes, [names[at] for at in near.tolist()], own, row_norms(own))


def _nearest(metadata: Metadata, rows: Rows, others: Rows) -> csr_array:
    """(rows, others) the cosines of the NEAREST of others of each row, divided by their sum; empty where all are 0."""
    has = ItemTerms.of(metadata, len(next(iter(metadata.columns.values())))).has
    items_of_term = np.bincount(has.indices, minlength=has.shape[1])
    weighted = csr_array(has * np.log(has.shape[0] / np.maximum(items_of_term, 1))[None, :])
    norms = row_norms(weighted)
    weighted.data /= np.repeat(np.where(norms > 0, norms, 1), np.diff(weighted.indptr))
    turned = csr_array(weighted[others].T)
    indptr, indices, data = [0], [], []
    for row in rows.tolist():
        similar = csr_array(weighted[[row]] @ turned)
        near, cosines = best(similar.indices.astype(np.int64), similar.data, NEAREST)
        near, cosines = near[cosines > 0], cosines[cosines > 0]
        indices.append(near)
        data.append(cosines / max(cosines.sum(), np.finfo(np.float64).tiny))
        indptr.append(indptr[-1] + len(near))
    arrays = np.concatenate(data), np.concatenate(indices), np.array(indptr)
    return csr_array(arrays, shape=(len(rows), len(others)))


def _joined(codes: ItemCodes, names: list[str], own: csr_array, norms: np.ndarray) -> ItemCodes:
    """`codes`, and after them own, (names, dims) of these norms."""
    before, ids = len(codes.ids), IdMap([*codes.ids, *names])
    over_items = codes.history_kind == "items"
    parts = codes.weights, own.astype(np.float32)
    weights = vstack([widened(part, len(ids) if over_items else codes.dims) for part in parts])
    counts, shares = codes.item_counts, codes.history_weights
    if counts is not None:
        counts = np.append(counts, np.zeros(len(names), counts.dtype))
    if not over_items:  # in a history it counts as others do
        kept = codes.history_weights_of(np.arange(before))
        shares = np.append(kept, float(np.mean(row_norms(codes.weights) * kept)) / norms).astype(np.float32)
    elif shares is not None:
        shares = np.append(shares, np.ones(len(names), np.float32))
    return replace(
        codes, ids=ids, weights=csr_array(weights), item_counts=counts, history_weights=shares, sample_histories=None,
        origin=codes.origin | {"space": codes.space},
    )  # fmt: skip
