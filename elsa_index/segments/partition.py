"""Segments as they are found: which items belong to each, and the vector that ranks it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array

from ..data.scipy_matrix import ranks_in_rows, reduce_rows, rows_of


@dataclass(frozen=True, eq=False)
class Partition:
    """of: (items,) int32, each item's segment, largest segments first; -1 for none. vectors: (segments, dims) CSR, unit
    norm: mean codes cut to their largest entries. merged: for each segment the signed dimensions (terms) that it was
    merged from, and how many items began in each, those of most items first."""

    of: npt.NDArray[np.int32]
    vectors: csr_array
    merged: list[list[tuple[int, int]]]

    @classmethod
    def of_codes(
        cls, weights: csr_array, of: npt.NDArray[np.int32], nonzeros: int, merged: list[list[tuple[int, int]]]
    ) -> "Partition":
        """Segments that were found elsewhere, ranked by the sum of their items' codes, (items, dims) CSR: the more an
        item is spoken for, the more it counts. Those whose codes cancel each other out are left out."""
        inside = np.flatnonzero(of >= 0)
        membership = csr_array((np.ones(len(inside)), (of[inside], inside)), shape=(len(merged), len(of)))
        sums = largest_entries(csr_array(membership @ weights), nonzeros)
        squares = reduce_rows(np.add, np.square(sums.data), sums.indptr[:-1], np.diff(sums.indptr))
        kept = np.flatnonzero(squares > 0)
        number = np.full(len(merged) + 1, -1, dtype=np.int32)  # the last one's is that of items without a segment
        number[kept] = np.arange(len(kept))
        vectors = csr_array(diags_array(1 / np.sqrt(squares[kept])) @ sums[kept]).astype(np.float32)
        return cls(number[of], vectors, [merged[segment] for segment in kept.tolist()])


def numbered_by_size(of: npt.NDArray[np.int32], least: int) -> npt.NDArray[np.int32]:
    """The same segments, largest first; -1 for what was in one of fewer than `least` items."""
    sizes = np.bincount(of[of >= 0], minlength=1)
    order = np.argsort(-sizes, kind="stable")
    number = np.full(len(sizes), -1, dtype=np.int32)
    kept = order[sizes[order] >= least]
    number[kept] = np.arange(len(kept))
    return np.where(of >= 0, number[of], -1).astype(np.int32)


def largest_entries(vectors: csr_array, nonzeros: int) -> csr_array:
    """Each row's `nonzeros` largest entries by magnitude."""
    kept = (ranks_in_rows(vectors) < nonzeros) & (vectors.data != 0)
    return csr_array((vectors.data[kept], (rows_of(vectors)[kept], vectors.indices[kept])), shape=vectors.shape)
