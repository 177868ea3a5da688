"""Titles: what items are shown as, and looking them up by how a word begins."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..storage.files import load_array
from ..storage.ids import IdMap, Rows
from ..storage.ranges import check_range, check_shape
from ..storage.strings import Strings

_ROWS, _STARTS = "metadata.words.rows.npy", "metadata.words.starts.npy"
_WORD_START = re.compile(r"\b\w")
_SORTED_BY = 40  # characters from a word's beginning: enough to tell titles apart
_LAST_START = 2**16 - 1


@dataclass(eq=False)
class Titles:
    """ids: of the items. known: their titles, "" where there is none; None where no titles are known. counts: (items,)
    interactions.

    >>> titles = Titles(IdMap(["t1", "t2"]), Strings(["Toy Story", ""]))
    >>> titles[0], titles[1], titles.find("sto").tolist(), titles.find("t2").tolist()
    ('Toy Story', 't2', [0], [1])
    """

    ids: IdMap
    known: Strings | None = None
    counts: Rows | None = None

    def __getitem__(self, row: int) -> str:
        """An item's title, or its id where it has none."""
        return (self.known[row] if self.known is not None else "") or self.ids[row]

    @cached_property
    def lookup(self) -> "TitleLookup":
        """What finds titles; an index that was built with titles keeps it."""
        return TitleLookup.of(self)

    def find(self, beginning: str, k: int = 10) -> Rows:
        """Rows of at most `k` items of whose title a word begins so, those with most interactions first."""
        rows = self.lookup.rows_of(self, beginning)
        if self.counts is not None:
            rows = rows[np.argsort(-self.counts[rows].astype(np.int64), kind="stable")]
        return rows[:k]


@dataclass(frozen=True, eq=False)
class TitleLookup:
    """Every beginning of a word of every title, in alphabetical order of the title from there on.

    rows, starts: (words,) which title, and at which character of the folded title the word begins.

    >>> titles = Titles(IdMap("abc"), Strings(["The  Matrix", "Amélie", "Mad Max"]))
    >>> [TitleLookup.of(titles).rows_of(titles, text).tolist() for text in ("the MA", "amel", "ma")]
    [[0], [1], [0, 2]]
    """

    rows: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.uint16]

    @classmethod
    def of(cls, titles: Titles) -> "TitleLookup":
        entries = sorted(
            (folded[start : start + _SORTED_BY], row, start)
            for row, folded in enumerate(fold(titles[row]) for row in range(len(titles.ids)))
            for start in _word_starts(folded)
        )
        rows = np.array([row for _, row, _ in entries], dtype=np.uint32)
        return cls(rows, np.array([start for _, _, start in entries], dtype=np.uint16))

    def rows_of(self, titles: Titles, beginning: str) -> Rows:
        """Rows, sorted, of titles of which a word and what follows it begin so; case and accents do not matter."""
        wanted = fold(beginning)[:_SORTED_BY]
        if not wanted:
            return np.zeros(0, dtype=np.int64)

        def key(at: int) -> str:
            start = int(self.starts[at])
            return fold(titles[int(self.rows[at])])[start : start + len(wanted)]

        places = range(len(self.rows))
        found = slice(bisect_left(places, wanted, key=key), bisect_right(places, wanted, key=key))
        return np.unique(self.rows[found]).astype(np.int64)

    def save(self, directory: Path) -> None:
        """Writes the order; titles are saved apart."""
        np.save(directory / _ROWS, self.rows)
        np.save(directory / _STARTS, self.starts)

    @staticmethod
    def is_in(names: Container[str]) -> bool:
        """Whether a lookup is among the files of these names."""
        return _ROWS in names

    @classmethod
    def load(cls, directory: Path, items: int) -> "TitleLookup":
        rows, starts = load_array(directory / _ROWS), load_array(directory / _STARTS)
        check_shape(rows, (None,), "iu", "The order of titles")
        check_shape(starts, (len(rows),), "iu", "The order of titles")
        check_range(rows, items, "The rows of titles")
        return cls(rows, starts)


def fold(text: str) -> str:
    """Without case, accents and repeated white space.

    >>> fold(" Amélie  №5")
    'amelie no5'
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(character for character in decomposed if not unicodedata.combining(character)).split())


def _word_starts(folded: str) -> Iterator[int]:
    return (match.start() for match in _WORD_START.finditer(folded) if match.start() <= _LAST_START)
