"""Interactions: a log as the binary users × items matrix `X`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.sparse import csr_array

from ..errors import UsageError
from ..forks import POLARS
from ..storage.ids import IdMap
from .ages import share_left
from .encoded import Encoder
from .scipy_matrix import rows_of

if TYPE_CHECKING:
    import polars as pl


TABLE = ("user_id", "item_id"), ("time", "weight")
"""Columns of `Interactions.pairs`: those that are there, and those that are there if the log says so."""


@dataclass(frozen=True)
class Interactions:
    """A log as a binary matrix.

    Attributes:
        users: Ids of the rows, in the order of their text, so that the order of the log's rows changes nothing.
        items: Ids of the columns, in the same order.
        matrix: (users, items) float32 CSR of ones, indices sorted.
        times: float64, when each stored one of `matrix` was seen first, in their order, or None.
        latest: The same for when it was seen last, None where that is `times`.
        weights: float32, what each of them counts, the largest where it was seen with several, above 0; or None.
        first_weights: The same of when it was seen first, None where that is `weights`.
        summary: What reading did: rows read, dropped, merged; and, as text, what it was read as.
    """

    users: IdMap
    items: IdMap
    matrix: csr_array
    times: npt.NDArray[np.float64] | None = None
    summary: dict[str, int | str] = field(default_factory=dict)
    latest: npt.NDArray[np.float64] | None = None
    weights: npt.NDArray[np.float32] | None = None
    first_weights: npt.NDArray[np.float32] | None = None

    @classmethod
    def from_pairs(
        cls,
        users: "pl.Series",
        items: "pl.Series",
        times: "pl.Series | None" = None,
        summary: Mapping[str, int | str] | None = None,
        *,
        weights: "pl.Series | None" = None,
    ) -> "Interactions":
        """From two text columns of equal length. Equal pairs are merged: of their times the first and the last are
        kept, of their weights the largest."""
        encoded = []
        for column in (users, items):
            encoder = Encoder()
            encoder.add(column)
            encoded.append(encoder.finish())
        (user_ids, rows), (item_ids, columns) = encoded
        seconds = None if times is None else times.to_numpy()
        counts = None if weights is None else weights.to_numpy().astype(np.float32)
        return cls.from_numbers(user_ids, rows, item_ids, columns, seconds, summary, weights=counts)

    @classmethod
    def from_table(cls, frame: "pl.DataFrame") -> "Interactions":
        """From what `pairs` gave, also as text."""
        import polars as pl

        known = [frame[name].cast(pl.Float64) if name in frame.columns else None for name in TABLE[1]]
        return cls.from_pairs(frame["user_id"], frame["item_id"], known[0], weights=known[1])

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
        *,
        latest: npt.NDArray[np.float64] | None = None,
        weights: npt.NDArray[np.float32] | None = None,
    ) -> "Interactions":
        """The same from numbers of users and items. Users without items, and items without users, are left out.

        min_user_items: users with fewer items are left out too, and their rows counted. latest: where a row stands for
        several times, the last of them.
        """
        size, told = len(items), dict(summary or {})
        keys = rows.astype(np.int64)  # in place from here on: these arrays are what memory is needed for
        keys *= size
        keys += columns
        order = None
        if times is None and weights is None:
            keys.sort()
        else:
            order = np.argsort(keys, kind="stable") if times is None else np.lexsort((times, keys))
            keys = keys[order]
        first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=first[1:])
        told["merged_duplicates"] = len(keys) - int(np.count_nonzero(first))
        known: dict[str, npt.NDArray] = {}
        if order is not None and len(keys):
            starts = np.flatnonzero(first)
            ordered = None if weights is None else weights[order]
            if ordered is not None:
                known["weights"] = np.maximum.reduceat(ordered, starts)
            if times is not None:
                known["latest"] = np.maximum.reduceat((times if latest is None else latest)[order], starts)
                times = times[order]
                known["times"] = times[first]
                if ordered is not None:
                    at_first = times == np.repeat(known["times"], np.diff(np.append(starts, len(times))))
                    known["first_weights"] = np.maximum.reduceat(np.where(at_first, ordered, 0), starts)
        keys = keys[first]
        lengths = np.diff(np.searchsorted(keys, size * np.arange(len(users) + 1, dtype=np.int64)))
        if min_user_items > 1:
            enough = lengths >= min_user_items
            told["dropped_by_min_user_items"] = int(np.count_nonzero(~enough[rows]))
            kept = np.repeat(enough, lengths)
            keys, known = keys[kept], {name: values[kept] for name, values in known.items()}
            lengths = np.where(enough, lengths, 0)
        keys %= size
        indices = keys.astype(np.int32)
        occurs = np.bincount(indices, minlength=size) > 0
        indices = (np.cumsum(occurs, dtype=np.int32) - 1)[indices]
        users, items = (names.in_order(np.flatnonzero(kept)) for names, kept in ((users, lengths > 0), (items, occurs)))
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[lengths > 0])])
        matrix = csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(users), len(items)))
        told |= {"users": len(users), "items": len(items), "interactions": len(indices)}
        if "latest" in known and np.array_equal(known["latest"], known["times"]):
            del known["latest"]
        if "first_weights" in known and np.array_equal(known["first_weights"], known["weights"]):
            del known["first_weights"]
        return cls(users, items, matrix, summary=told, **known)

    def subset(
        self, keep: npt.NDArray[np.bool_], *, before: float = np.inf, summary: Mapping[str, int | str] | None = None
    ) -> "Interactions":
        """The interactions that `keep` marks, one for each stored one of `matrix`. before: what is known of an
        interaction from this time on is left out, so that it was last seen when it was first."""
        rows, columns = rows_of(self.matrix)[keep], self.matrix.indices[keep]
        times = None if self.times is None else self.times[keep]
        latest = None if self.latest is None else self.latest[keep]
        weights = None if self.weights is None else self.weights[keep]
        if times is not None and latest is not None:
            is_known = latest < before
            latest = np.where(is_known, latest, times)
            if weights is not None and self.first_weights is not None:
                weights = np.where(is_known, weights, self.first_weights[keep])
        return Interactions.from_numbers(
            self.users, rows, self.items, columns, times, summary, latest=latest, weights=weights
        )

    def weighted(self, half_life: float | None = None) -> csr_array:
        """(users, items) float32 CSR: what each interaction counts, its weight and its age together; `matrix` where
        there are neither.

        half_life: seconds after which an interaction counts half as much, its age being the time from when it was seen
        last to the latest time of the log; what is older than twenty half-lives counts as if it were of that age. The
        mean square of all is 1, so that only what they are beside each other says anything.

        Raises UsageError for a half-life without times.

        >>> log = Interactions(IdMap("u"), IdMap("ab"), csr_array(np.ones((1, 2))), times=np.array([0.0, 60.0]))
        >>> [f"{value:.2f}" for value in log.weighted(half_life=60).data]
        ['0.63', '1.26']
        """
        if half_life is None and self.weights is None:
            return self.matrix
        values = np.ones(self.matrix.nnz) if self.weights is None else self.weights.astype(np.float64)
        if half_life is not None:
            values = values * share_left(self.last_times, half_life)
        values = (values / np.sqrt(np.square(values).mean())).astype(np.float32)
        return csr_array((values, self.matrix.indices, self.matrix.indptr), shape=self.matrix.shape)

    def __repr__(self) -> str:
        users, items = self.matrix.shape
        known = [name for name in ("times", "weights") if getattr(self, name) is not None]
        beside = f", with {' and '.join(known)}" if known else ""
        return f"Interactions({users:,} users x {items:,} items, {self.matrix.nnz:,} interactions{beside})"

    @property
    def last_times(self) -> npt.NDArray[np.float64]:
        """When each was seen last. Raises UsageError for a log without times."""
        if self.times is None:
            raise UsageError("A half-life needs a log with times: pass --time-column (time_column).")
        return self.times if self.latest is None else self.latest

    @cached_property
    def fingerprint(self) -> str:
        """XXH3 of ids and pairs: equal for equal logs, however their rows are ordered."""
        digest = xxhash.xxh3_128()
        for part in (*self.users.content(), *self.items.content()):
            digest.update(part)
        digest.update(self.matrix.indptr.astype("<i8").tobytes())
        digest.update(self.matrix.indices.astype("<i8").tobytes())
        return digest.hexdigest()

    def fingerprint_of_training(self, half_life: float | None) -> str:
        """The same with what interactions count, where they do not count alike."""
        if half_life is None and self.weights is None:
            return self.fingerprint
        digest = xxhash.xxh3_128(self.fingerprint.encode())
        digest.update(self.weighted(half_life).data.tobytes())
        return digest.hexdigest()

    @property
    def about(self) -> dict[str, int | float]:
        """How large it is, and its latest time if it has times."""
        about: dict[str, int | float] = {"users": len(self.users), "items": len(self.items)}
        about["interactions"] = int(self.matrix.nnz)
        if self.times is not None:
            about["latest_time"] = float(np.max(self.last_times))
        return about

    @property
    def item_counts(self) -> npt.NDArray[np.int64]:
        """(items,) int64: how many users have each item."""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1]).astype(np.int64)

    def pairs(self, *, last_times: bool = False) -> "pl.DataFrame":
        """The log as a table with the columns user_id, item_id (and time, weight): a row for each interaction, with its
        first time; last_times: and a row with its last time, if that is another, each with what was known by then."""
        import polars as pl

        POLARS.use()
        users, items = (pl.Series(list(names), dtype=pl.String) for names in (self.users, self.items))
        columns = {"user_id": users.gather(rows_of(self.matrix)), "item_id": items.gather(self.matrix.indices)}
        known = {"time": self.times, "weight": self.weights}
        frame = pl.DataFrame(columns | {name: values for name, values in known.items() if values is not None})
        if self.latest is None or not last_times:
            return frame
        weights_then = [] if self.first_weights is None else [pl.Series("weight", self.first_weights)]
        again = np.flatnonzero(self.latest != self.times)
        return pl.concat(
            [frame.with_columns(weights_then), frame[again].with_columns(pl.Series("time", self.latest[again]))]
        )
