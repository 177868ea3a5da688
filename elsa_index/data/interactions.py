"""Interactions: a log as the binary users × items matrix `X`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.sparse import csr_array

from ..storage.ids import IdMap
from .encoded import Encoder
from .scipy_matrix import rows_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Interactions:
    """A log as a binary matrix.

    Attributes:
        users: Ids of the rows, in the order of their text, so that the order of the log's rows changes nothing.
        items: Ids of the columns, in the same order.
        matrix: (users, items) float32 CSR of ones, indices sorted.
        times: float64, one per stored one of `matrix`, in its order, or None.
        summary: What reading did: rows read, dropped, merged; and, as text, what it was read as.
    """

    users: IdMap
    items: IdMap
    matrix: csr_array
    times: npt.NDArray[np.float64] | None = None
    summary: dict[str, int | str] = field(default_factory=dict)

    @classmethod
    def from_pairs(
        cls,
        users: "pl.Series",
        items: "pl.Series",
        times: "pl.Series | None" = None,
        summary: Mapping[str, int | str] | None = None,
    ) -> "Interactions":
        """From two text columns of equal length. Equal pairs are merged; of their times the first is kept."""
        encoded = []
        for column in (users, items):
            encoder = Encoder()
            encoder.add(column)
            encoded.append(encoder.finish())
        (user_ids, rows), (item_ids, columns) = encoded
        seconds = None if times is None else times.to_numpy()
        return cls.from_numbers(user_ids, rows, item_ids, columns, seconds, summary)

    @classmethod
    def from_numbers(
        cls,
        users: IdMap,
        rows: npt.NDArray[np.integer],
        items: IdMap,
        columns: npt.NDArray[np.integer],
        times: npt.NDArray[np.float64] | None = None,
        summary: Mapping[str, int | str] | None = None,
        min_user_items: int = 1,
    ) -> "Interactions":
        """The same from numbers of users and items. Users without items, and items without users, are left out.

        min_user_items: users with fewer items are left out too, and their rows counted.
        """
        size, told = len(items), dict(summary or {})
        keys = rows.astype(np.int64)  # in place from here on: these arrays are what memory is needed for
        keys *= size
        keys += columns
        if times is None:
            keys.sort()
        else:
            order = np.lexsort((times, keys))
            keys, times = keys[order], times[order]
        first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=first[1:])
        told["merged_duplicates"] = len(keys) - int(np.count_nonzero(first))
        keys, times = keys[first], None if times is None else times[first]
        lengths = np.diff(np.searchsorted(keys, size * np.arange(len(users) + 1, dtype=np.int64)))
        if min_user_items > 1:
            enough = lengths >= min_user_items
            told["dropped_by_min_user_items"] = int(np.count_nonzero(~enough[rows]))
            kept = np.repeat(enough, lengths)
            keys, times = keys[kept], None if times is None else times[kept]
            lengths = np.where(enough, lengths, 0)
        keys %= size
        indices = keys.astype(np.int32)
        occurs = np.bincount(indices, minlength=size) > 0
        indices = (np.cumsum(occurs, dtype=np.int32) - 1)[indices]
        users, items = (names.in_order(np.flatnonzero(kept)) for names, kept in ((users, lengths > 0), (items, occurs)))
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[lengths > 0])])
        matrix = csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(users), len(items)))
        told |= {"users": len(users), "items": len(items), "interactions": len(indices)}
        return cls(users, items, matrix, times, told)

    def subset(self, keep: npt.NDArray[np.bool_], summary: Mapping[str, int | str] | None = None) -> "Interactions":
        """The interactions that `keep` marks, one for each stored one of `matrix`."""
        times = None if self.times is None else self.times[keep]
        rows, columns = rows_of(self.matrix)[keep], self.matrix.indices[keep]
        return Interactions.from_numbers(self.users, rows, self.items, columns, times, summary)

    def __repr__(self) -> str:
        users, items = self.matrix.shape
        times = "" if self.times is None else ", with times"
        return f"Interactions({users:,} users x {items:,} items, {self.matrix.nnz:,} interactions{times})"

    @cached_property
    def fingerprint(self) -> str:
        """XXH3 of ids and pairs: equal for equal logs, however their rows are ordered."""
        digest = xxhash.xxh3_128()
        for part in (*self.users.content(), *self.items.content()):
            digest.update(part)
        digest.update(self.matrix.indptr.astype("<i8").tobytes())
        digest.update(self.matrix.indices.astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def item_counts(self) -> npt.NDArray[np.int64]:
        """(items,) int64: how many users have each item."""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1]).astype(np.int64)

    def pairs(self) -> "pl.DataFrame":
        """The log as a table with the columns user_id, item_id (and time)."""
        import polars as pl

        users, items = (pl.Series(list(names), dtype=pl.String) for names in (self.users, self.items))
        columns = {"user_id": users.gather(rows_of(self.matrix)), "item_id": items.gather(self.matrix.indices)}
        frame = pl.DataFrame(columns)
        return frame if self.times is None else frame.with_columns(pl.Series("time", self.times))
