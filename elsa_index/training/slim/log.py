"""A log as the kernels read it: by users and by items, each entry with its value."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ...data.scipy_matrix import rows_of

Array = npt.NDArray


@dataclass(frozen=True, eq=False)
class Log:
    """Items are numbered by how often they occur, the most popular first: what is read most lies together, and an
    item's more popular ones are before it.

    user_starts: (users + 1,) int64, where each user's entries begin in items_of, int32 ascending, and by_user, float32,
    their values. item_starts, users_of, by_item: the same for each item. norms: (items,) of the items' columns. order:
    (items,) the column of the log that each item is.
    """

    user_starts: Array
    items_of: Array
    by_user: Array
    item_starts: Array
    users_of: Array
    by_item: Array
    norms: Array
    order: Array

    @classmethod
    def of(cls, matrix: csr_array, user_power: float) -> "Log":
        """From (users, items) CSR. A user with n items counts n^-user_power, and an interaction its value, over the
        mean of that: inner products of columns are still numbers of interactions, and λ is too."""
        sizes = np.diff(matrix.indptr)
        counts = (np.maximum(sizes, 1.0) ** -user_power)[rows_of(matrix)]
        counts *= matrix.nnz / max(float((counts * np.square(matrix.data, dtype=np.float64)).sum()), 1e-12)
        values = matrix.data * np.sqrt(counts)
        order = np.argsort(-np.bincount(matrix.indices, minlength=matrix.shape[1]), kind="stable")
        places = np.empty(len(order), dtype=np.int32)
        places[order] = np.arange(len(order))
        weighted = csr_array(
            (values.astype(np.float32), places[matrix.indices], matrix.indptr.copy()), shape=matrix.shape
        )
        weighted.sort_indices()
        by_item = csr_array(weighted.T)
        squares = np.bincount(weighted.indices, np.square(weighted.data, dtype=np.float64), minlength=matrix.shape[1])
        return cls(
            weighted.indptr.astype(np.int64), weighted.indices.astype(np.int32), weighted.data,
            by_item.indptr.astype(np.int64), by_item.indices.astype(np.int32), by_item.data, np.sqrt(squares),
            order,
        )  # fmt: skip

    @property
    def users(self) -> int:
        return len(self.user_starts) - 1

    @property
    def items(self) -> int:
        return len(self.item_starts) - 1
