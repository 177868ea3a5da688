"""Validation users: kept from training, part of whose items must come back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..data.protocols import hidden_count
from ..data.scipy_matrix import rows_of
from ..errors import UsageError

HIDE = 0.2


@dataclass(frozen=True)
class HeldOut:
    """histories, hidden: (users, items) CSR; together they are what the users have, with what it counts."""

    histories: csr_array
    hidden: csr_array


def hold_out(matrix: csr_array, users: int, seed: int) -> tuple[csr_array, HeldOut]:
    """The matrix without `users` of its rows, and these, a fifth of each one's items (rounded up) hidden.

    Raises UsageError where too few users have the two items that it takes.
    """
    sizes = np.diff(matrix.indptr)
    eligible = np.flatnonzero(sizes >= 2)
    if users > min(len(eligible), len(sizes) - 1):
        raise UsageError(
            f"validation_users is {users:,}, but of {len(sizes):,} users {len(eligible):,} have two items or more "
            f"and one must be left for training: choose at most {min(len(eligible), len(sizes) - 1):,}."
        )
    rng = np.random.default_rng([seed, 1])
    chosen = np.sort(rng.choice(eligible, users, replace=False))
    rest = np.ones(len(sizes), dtype=bool)
    rest[chosen] = False
    held = matrix[chosen]
    rows = rows_of(held)
    # The place of each item in its user's random order; the first fifth is hidden.
    order = np.lexsort((rng.random(len(rows)), rows))
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows)) - held.indptr[rows]
    is_hidden = place < hidden_count(np.diff(held.indptr), HIDE)[rows]

    def part(keep: np.ndarray) -> Any:
        at = (rows[keep], held.indices[keep])
        return csr_array((held.data[keep], at), shape=held.shape)

    return matrix[rest], HeldOut(part(~is_hidden), part(is_hidden))
