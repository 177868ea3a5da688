"""Tags: what items can be filtered by: a category, a segment, "in stock"."""

import os
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError, UsageError, name_some
from ..storage.files import load_array
from ..storage.ids import IdMap, Rows
from ..storage.ranges import check_range, check_shape, check_starts
from .tables import read_table, refuse_missing

_STARTS, _ROWS = "tags.starts.npy", "tags.rows.npy"


@dataclass(frozen=True, eq=False)
class Tags:
    """names: of the tags. starts: (tags + 1,) and rows: the items of each tag, sorted; `items` in all.

    >>> tags = Tags.of([("a", "red"), ("b", "red"), ("b", "new"), ("zz", "red")], IdMap("abc"))
    >>> list(tags.names), tags.rows_of_all(tags.numbers(["red", "new"])).tolist()
    (['red', 'new'], [1])
    """

    names: IdMap
    starts: Rows
    rows: npt.NDArray[np.unsignedinteger]
    items: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], ids: IdMap) -> "Tags":
        """From pairs of item id and tag; items that are not in `ids` are left out.

        Raises DataError where no item is.
        """
        items, names = zip(*pairs, strict=True) if (pairs := list(pairs)) else ((), ())
        rows = ids.find(items)
        known = rows >= 0
        if not known.any():
            raise DataError(f"None of the {len(items):,} tagged items is in the index: {name_some(list(items))}.")
        tags = IdMap(dict.fromkeys(name for name, there in zip(names, known, strict=True) if there))
        numbers = tags.find(name for name, there in zip(names, known, strict=True) if there)
        return cls._sorted(tags, numbers, rows[known], len(ids))

    @classmethod
    def _sorted(cls, names: IdMap, numbers: Rows, rows: Rows, items: int) -> "Tags":
        unique = np.unique(np.stack([numbers, rows], axis=1), axis=0)
        starts = np.searchsorted(unique[:, 0], np.arange(len(names) + 1))
        return cls(names, starts, unique[:, 1].astype(np.min_scalar_type(items)), items)

    @classmethod
    def with_groups(cls, tags: "Tags | None", prefix: str, of: npt.NDArray[np.signedinteger]) -> "Tags":
        """`tags`, and after them `prefix` + number for every item's group; of: (items,) numbers, -1 for none.

        Raises DataError where a tag begins with `prefix` already.

        >>> grouped = Tags.with_groups(None, "shelf:", np.array([1, -1, 0]))
        >>> list(grouped.names), grouped.rows_of(0).tolist()
        (['shelf:0', 'shelf:1'], [2])
        """
        names = [] if tags is None else list(tags.names)
        if clashing := [name for name in names if name.startswith(prefix)]:
            raise DataError(f"Tags that begin with {prefix} are made here; no item may carry {name_some(clashing)}.")
        inside = np.flatnonzero(of >= 0)
        numbers, rows = [of[inside].astype(np.int64) + len(names)], [inside]
        if tags is not None:
            numbers.append(np.repeat(np.arange(len(names)), np.diff(tags.starts)))
            rows.append(tags.rows.astype(np.int64))
        groups = [f"{prefix}{number}" for number in range(int(np.max(of)) + 1)]
        return cls._sorted(IdMap(names + groups), np.concatenate(numbers), np.concatenate(rows), len(of))

    def numbers(self, wanted: Sequence[object]) -> list[int]:
        """The numbers of tags. Raises UsageError that lists some of the tags there are."""
        found = self.names.find(wanted)
        missing = [name for name, number in zip(wanted, found, strict=True) if number < 0]
        if missing:
            some = name_some([self.names[at] for at in range(min(len(self.names), 5))])
            raise UsageError(
                f"No item carries the tag {name_some(list(map(str, missing)))}; the index has {len(self.names):,} "
                f"tags, among them {some}."
            )
        return [int(number) for number in found]

    def rows_of(self, number: int) -> Rows:
        """Items that carry a tag, sorted."""
        return self.rows[int(self.starts[number]) : int(self.starts[number + 1])].astype(np.int64)

    def rows_of_all(self, numbers: Sequence[int]) -> Rows:
        """Items that carry every one of the tags of these numbers, sorted."""
        fewest_first = sorted(map(self.rows_of, numbers), key=len)
        return reduce(partial(np.intersect1d, assume_unique=True), fewest_first)

    def by_row(self) -> list[list[int]]:
        """For each item the numbers of its tags."""
        result: list[list[int]] = [[] for _ in range(self.items)]
        for number in range(len(self.names)):
            for row in self.rows_of(number).tolist():
                result[row].append(number)
        return result

    def save(self, directory: Path) -> None:
        self.names.save(directory, "tags.names")
        np.save(directory / _STARTS, self.starts)
        np.save(directory / _ROWS, self.rows)

    @staticmethod
    def are_in(names: Container[str]) -> bool:
        """Whether tags are among the files of these names."""
        return _ROWS in names

    @classmethod
    def load(cls, directory: Path, items: int) -> "Tags":
        starts, rows = load_array(directory / _STARTS), load_array(directory / _ROWS)
        names = IdMap.load(directory, "tags.names")
        check_shape(starts, (len(names) + 1,), "iu", "The tags")
        check_shape(rows, (None,), "iu", "The tags")
        check_starts(starts, len(rows), "The tags")
        check_range(rows, items, "The rows of the tags")
        return cls(names, starts, rows, items)


def read_tags(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Pairs of item id and tag from a table with the columns item_id and tag."""
    frame = read_table(path, ["item_id", "tag"])
    refuse_missing(frame, ["item_id", "tag"], path)
    return list(zip(frame["item_id"].to_list(), frame["tag"].to_list(), strict=True))
