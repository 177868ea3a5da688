"""Segments by dominant dimensions: sets of items whose codes point the same way."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array

from ..codes.item_codes import ItemCodes
from ..storage.ids import Rows
from .partition import Partition, numbered_by_size
from .rules import SegmentRules
from .terms import ItemTerms, alike_in_terms

Vectors = npt.NDArray[np.float32]
MAX_DENSITY = 0.25
"""Codes with more nonzeros than this share of all weights have no dominant ones: dense models have no segments."""
_MOST_GROUPS = 8192
"""Dominant dimensions of most items, which are compared with each other: memory grows with the square of their number,
to 1.3 GB for so many. Items of others join segments as rare ones do."""
_CHUNK = 10_000


def has_dominant_dimensions(codes: ItemCodes) -> bool:
    """Whether codes are sparse enough for segments."""
    return codes.weights.nnz <= MAX_DENSITY * len(codes.ids) * codes.dims


def by_dominant_dimensions(codes: ItemCodes, rules: SegmentRules, terms: ItemTerms | None = None) -> Partition:
    """Items by dominant signed dimension, as in the paper's demo (Vančura et al., WWW 2026); dimensions whose items'
    mean codes are alike become one, and segments that are alike in codes and in their items' terms too.

    Popular items weigh more in mean codes, as their codes are better known.
    """
    units = csr_array(diags_array(1 / codes.norms) @ codes.weights)
    counts = (
        np.ones(len(codes.ids)) if codes.item_counts is None else np.maximum(codes.item_counts.astype(np.float64), 1)
    )
    dominant = dominant_terms(units)
    begins = _beginning(codes, dominant, rules)
    if not len(begins):
        nobody = np.full(len(codes.ids), -1, dtype=np.int32)
        return Partition(nobody, csr_array((0, codes.dims), dtype=np.float32), [])
    raw, label = np.unique(dominant[begins], return_inverse=True)
    of = _merged_dimensions(units, begins, label, counts, rules)
    of = _joined(units, of, _means_of(units, of, counts), rules.near)
    if terms is not None:
        of = _named_alike(of, _means_of(units, of, counts), terms, rules)
    of, means = _with_direction(of, units, counts)
    began = np.full(len(codes.ids), -1)
    began[begins] = label
    return Partition(of, _cut(means, rules.nonzeros), _merged(of, began, raw))


def _beginning(codes: ItemCodes, dominant: Rows, rules: SegmentRules) -> Rows:
    """The items that segments begin with: known well enough, in one of the commonest dominant dimensions."""
    known = np.arange(len(codes.ids))
    if codes.item_counts is not None:
        known = np.flatnonzero(codes.item_counts >= rules.least_count)
    return known[_in_largest(dominant[known], _MOST_GROUPS)]


def _merged_dimensions(
    units: csr_array, begins: Rows, label: npt.NDArray[np.integer], counts: npt.NDArray, rules: SegmentRules
) -> npt.NDArray[np.int32]:
    """(items,) segments of alike dominant dimensions, label: (begins,) which; -1 for all other items."""
    means = _means(units[begins], label, counts[begins], int(np.max(label)) + 1)
    of = np.full(units.shape[0], -1, dtype=np.int32)
    of[begins] = _clusters(means @ means.T, rules.alike, "average")[label]
    return numbered_by_size(of, rules.least_items)


def _with_direction(
    of: npt.NDArray[np.int32], units: csr_array, counts: npt.NDArray
) -> tuple[npt.NDArray[np.int32], Vectors]:
    """Segments, and their mean codes, without those whose codes cancel each other out: they have no direction."""
    means = _means_of(units, of, counts)
    directed = np.linalg.norm(means, axis=1) > 0
    if directed.all():
        return of, means
    of = numbered_by_size(np.where((of >= 0) & directed[of], of, -1).astype(np.int32), 1)
    return of, _means_of(units, of, counts)


def dominant_terms(units: csr_array) -> Rows:
    """(items,) the signed dimension (2·dim, + 1 where negative) of each item's largest weight."""
    magnitudes = np.abs(units.data)
    lengths = np.diff(units.indptr)
    at = np.flatnonzero(magnitudes == np.repeat(np.maximum.reduceat(magnitudes, units.indptr[:-1]), lengths))
    _, first = np.unique(np.repeat(np.arange(len(lengths)), lengths)[at], return_index=True)
    chosen = at[first]
    return 2 * units.indices[chosen].astype(np.int64) + (units.data[chosen] < 0)


def _in_largest(values: Rows, most: int) -> npt.NDArray[np.bool_]:
    """Which of `values` are among the `most` frequent ones."""
    unique, label, sizes = np.unique(values, return_inverse=True, return_counts=True)
    kept = np.zeros(len(unique), dtype=bool)
    kept[np.argsort(-sizes, kind="stable")[:most]] = True
    return kept[label]


def _means(units: csr_array, label: npt.NDArray[np.integer], weights: npt.NDArray, groups: int) -> Vectors:
    """(groups, dims) weighted mean codes, unit norm."""
    membership = csr_array((weights, label, np.arange(len(label) + 1)), shape=(len(label), groups))
    sums = (membership.T @ units).toarray().astype(np.float32)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)


def _means_of(units: csr_array, of: npt.NDArray[np.int32], counts: npt.NDArray) -> Vectors:
    inside = np.flatnonzero(of >= 0)
    return _means(units[inside], of[inside], counts[inside], int(np.max(of)) + 1)


def _clusters(alike: npt.NDArray[np.floating], least: float, method: str) -> npt.NDArray[np.int64]:
    """(groups,) clusters of what is `alike` (groups, groups) to at least `least`: every pair of a cluster (method
    `complete`) or all pairs on average (`average`). Both are balanced, unlike merging the mean codes of ever larger
    groups, which ends in one large segment."""
    # Imported here: it takes a quarter of a second, which nobody who opens an index should wait.
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(alike) < 2:
        return np.zeros(len(alike), dtype=np.int64)
    farthest = max(float(np.max(alike)), least)
    distances = (farthest - alike).astype(np.float64)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method=method)
    return fcluster(tree, farthest - least, criterion="distance").astype(np.int64) - 1


def _joined(units: csr_array, of: npt.NDArray[np.int32], means: Vectors, near: float) -> npt.NDArray[np.int32]:
    """Items without a segment in the nearest one, where it is near."""
    of = of.copy()
    others = np.flatnonzero(of < 0)
    if not len(means):
        return of
    for start in range(0, len(others), _CHUNK):
        rows = others[start : start + _CHUNK]
        cosines = units[rows] @ means.T
        best = cosines.argmax(axis=1)
        of[rows] = np.where(cosines[np.arange(len(rows)), best] >= near, best, -1)
    return numbered_by_size(of, 1)


def _named_alike(
    of: npt.NDArray[np.int32], means: Vectors, terms: ItemTerms, rules: SegmentRules
) -> npt.NDArray[np.int32]:
    """Segments with alike codes whose distinctive terms are alike too, as one."""
    if len(means) < 2:
        return of
    # Both are at least as alike as asked where the smaller share of what is asked reaches 1.
    by_terms = alike_in_terms(terms, of) / max(rules.alike_in_terms, 1e-9)
    by_codes = (means @ means.T) / max(rules.alike_and_named, 1e-9)
    cluster = _clusters(np.minimum(by_terms, by_codes), 1.0, "complete")
    return numbered_by_size(np.where(of >= 0, cluster[of], -1).astype(np.int32), 1)


def _cut(means: Vectors, nonzeros: int) -> csr_array:
    """Unit vectors of the largest `nonzeros` entries of each mean."""
    kept = means.copy()
    if len(means) and nonzeros < means.shape[1]:
        smallest = np.argpartition(np.abs(means), means.shape[1] - nonzeros, axis=1)[:, : means.shape[1] - nonzeros]
        np.put_along_axis(kept, smallest, 0, axis=1)
    kept /= np.linalg.norm(kept, axis=1, keepdims=True)
    return csr_array(kept)


def _merged(of: npt.NDArray[np.int32], began: Rows, raw: Rows) -> list[list[tuple[int, int]]]:
    """The dimensions in which the items of each segment began."""
    merged: list[list[tuple[int, int]]] = [[] for _ in range(int(np.max(of)) + 1)]
    inside = (of >= 0) & (began >= 0)
    pairs, counts = np.unique(np.stack([of[inside], began[inside]], axis=1), axis=0, return_counts=True)
    for (segment, dimension), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        merged[segment].append((int(raw[dimension]), count))
    return [sorted(parts, key=lambda part: -part[1]) for parts in merged]
