"""Tags: what items can be filtered by: a category, a segment, "in stock"."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, UnknownTagError, UsageError, name_some, shorten
from ..storage.files import load_array
from ..storage.ids import IdMap, Rows, external_id
from ..storage.ranges import check_range, check_shape, check_starts
from ..storage.runs import rows_now
from .columns import id_column
from .frames import as_polars, bare, is_missing
from .log_format import AS_IT_IS, LogFormat
from .reading.sources import Paths
from .tables import read_parts

if TYPE_CHECKING:
    import polars as pl

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
        items, names = zip(*pairs, strict=True) if (pairs := tag_pairs(pairs)) else ((), ())
        rows = ids.find(items)
        known = rows >= 0
        if not known.any():
            raise DataError(f"None of the {len(items):,} tagged items is in the index: {name_some(list(items))}.")
        tags = IdMap(dict.fromkeys(name for name, there in zip(names, known, strict=True) if there))
        numbers = tags.find(name for name, there in zip(names, known, strict=True) if there)
        return cls._sorted(tags, numbers, rows[known], len(ids))

    @classmethod
    def _sorted(cls, names: IdMap, numbers: Rows, rows: Rows, items: int) -> "Tags":
        unique = np.unique(numbers.astype(np.int64) * items + rows)
        starts = np.searchsorted(unique, items * np.arange(len(names) + 1))
        return cls(names, starts, (unique % max(items, 1)).astype(np.min_scalar_type(items)), items)

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
            numbers.append(tags.numbers_of_rows)
            rows.append(tags.rows.astype(np.int64))
        groups = [f"{prefix}{number}" for number in range(int(np.max(of)) + 1)]
        return cls._sorted(IdMap(names + groups), np.concatenate(numbers), np.concatenate(rows), len(of))

    def is_carried(self, tag: object) -> bool:
        """Whether any item carries a tag."""
        found = int(self.names.find([tag])[0])
        return found >= 0 and bool(self.sizes[found])

    def numbers(self, wanted: Sequence[object]) -> list[int]:
        """The numbers of tags. Raises UnknownTagError that lists some of the tags there are."""
        found = self.names.find(wanted)
        missing = [name for name in wanted if not self.is_carried(external_id(name))]
        if missing:
            carried = np.flatnonzero(self.sizes)
            some = name_some([self.names[int(at)] for at in carried[:5]])
            raise UnknownTagError(
                f"No item carries the tag {name_some(list(map(str, missing)))}; the index has {len(carried):,} "
                f"tags, among them {some}."
            )
        return [int(number) for number in found]

    @cached_property
    def sizes(self) -> Rows:
        """(tags,) how many items carry each: a change can leave a tag without any."""
        starts = self.starts.astype(np.int64)
        return starts[1:] - starts[:-1]

    @property
    def numbers_of_rows(self) -> Rows:
        """(rows,) the tag of each entry of `rows`."""
        return np.repeat(np.arange(len(self.names)), self.sizes)

    def rows_of(self, number: int) -> Rows:
        """Items that carry a tag, sorted."""
        return self.rows[int(self.starts[number]) : int(self.starts[number + 1])].astype(np.int64)

    def rows_of_all(self, numbers: Sequence[int]) -> Rows:
        """Items that carry every one of the tags of these numbers, sorted."""
        fewest_first = sorted(map(self.rows_of, numbers), key=len)
        return reduce(partial(np.intersect1d, assume_unique=True), fewest_first)

    def by_row(self, rows: Rows) -> list[list[int]]:
        """For each of some rows the numbers of its tags."""
        result: list[list[int]] = [[] for _ in rows]
        place = rows_now(rows, self.items)[self.rows]
        wanted = np.flatnonzero(place >= 0)
        for number, at in zip(self.numbers_of_rows[wanted].tolist(), place[wanted].tolist(), strict=True):
            result[at].append(number)
        return result

    @classmethod
    def changed(
        cls,
        tags: "Tags | None",
        former: Rows,
        added: Iterable[tuple[str, int]],
        removed: Iterable[tuple[str, int]] = (),
    ) -> "Tags":
        """Tags after items came, went and moved. Tags keep their numbers; new ones come after them.

        former: (items,) the row that each item had, -1 for none. added, removed: tags and the rows, as they are now, of
        items that get or lose them.

        >>> before = Tags.of([("a", "red"), ("b", "red"), ("b", "new")], IdMap("abc"))
        >>> after = Tags.changed(before, np.array([1, 2, -1]), added=[("old", 2)], removed=[("red", 0)])
        >>> list(after.names), [after.rows_of(number).tolist() for number in range(3)]
        (['red', 'new', 'old'], [[], [0], [2]])
        """
        items = len(former)
        added, removed = list(added), list(removed)
        names = IdMap(dict.fromkeys([*(tags.names if tags else ()), *(name for name, _ in added)]))
        numbers, rows = [names.find(name for name, _ in added)], [np.array([row for _, row in added], dtype=np.int64)]
        if tags is not None:
            kept = rows_now(former, tags.items)[tags.rows]
            stay = kept >= 0
            numbers.append(tags.numbers_of_rows[stay])
            rows.append(kept[stay])
        keys = np.concatenate(numbers) * items + np.concatenate(rows)
        gone = names.find(name for name, _ in removed) * items + np.array([row for _, row in removed], dtype=np.int64)
        keys = np.setdiff1d(keys, gone[gone >= 0])
        return cls._sorted(names, keys // items, keys % items, items)

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


def tag_pairs(given: Iterable[tuple[object, object]] | object) -> list[tuple[str, str]]:
    """Pairs of item id and tag, from pairs or a table with the columns item_id and tag.

    Raises UsageError for what is none.

    >>> tag_pairs([(1, "new")])
    [('1', 'new')]
    """
    frame = as_polars(given)
    pairs: list[Any] = list(given) if frame is None else list(_columns(frame))  # type: ignore[arg-type]
    for pair in pairs if not isinstance(given, (Mapping, str)) else [given]:
        if isinstance(pair, (str, Mapping)) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise UsageError(f"Tags are pairs of item id and tag, [('12', 'new')]; got {shorten(pair)}.")
    for row, (item, tag) in enumerate(pairs, 1):
        if is_missing(item) or is_missing(tag):
            raise DataError(f"Row {row:,} of the tags has no {'item_id' if is_missing(item) else 'tag'}.")
    return [(external_id(bare(item)), external_id(tag)) for item, tag in pairs]


def _columns(frame: "pl.DataFrame") -> Iterable[tuple[object, object]]:
    if missing := [name for name in ("item_id", "tag") if name not in frame.columns]:
        raise UsageError(f"A table of tags has the columns item_id and tag; {name_some(missing)} is not there.")
    return frame.select("item_id", "tag").iter_rows()


def read_tags(path: Paths, form: LogFormat = AS_IT_IS) -> list[tuple[str, str]]:
    """Pairs of item id and tag from tables with the columns item_id and tag."""
    columns = ["item_id", "tag"]
    parts = ([id_column(part, name).to_list() for name in columns] for part in read_parts(path, columns, (), form))
    return [pair for part in parts for pair in zip(*part, strict=True)]
