"""Titles: what items are shown as, and finding them as people type: words in any order, unfinished, with typos."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..storage.ids import IdMap, Rows
from ..storage.strings import Strings

_WORD = re.compile(r"\w+")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")  # "Howl's" is typed "howls"
_NUMERALS = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}  # "v" and "x" are letters
_ARTICLES = frozenset(["a", "an", "and", "the", "of"])
_LEAST_SIMILARITY = 0.72  # of a word with a typo: one wrong letter of four, two of eight
_LEAST_TYPED = 3  # letters: a typo in a shorter word could be any word
_BEGUN, _WRONG = 0.95, 0.85  # what an unfinished word, and one with a typo, count of a whole one
_LEAST_MATCH, _LEAST_OF_BEST = 0.25, 0.6  # of what was typed, and of what the best title has of it
_WEIGHED = 300  # best matches that are compared with all of what was typed
_LIKENESS, _POPULARITY = 0.2, 0.15  # what these count beside the match


@dataclass(eq=False)
class Titles:
    """What items are shown as.

    Attributes:
        ids: Of the items.
        known: Their titles, "" where there is none; None where no titles are known.
        counts: (items,) interactions.

    >>> titles = Titles(IdMap(["t1", "t2"]), Strings(["Toy Story", ""]))
    >>> titles[0], titles[1], titles.find("storry toy").tolist(), titles.find("t2").tolist()
    ('Toy Story', 't2', [0], [1])
    """

    ids: IdMap
    known: Strings | None = None
    counts: Rows | None = None

    def __getitem__(self, row: int) -> str:
        """An item's title, or its id where it has none."""
        return (self.known[row] if self.known is not None else "") or self.ids[row]

    def of(self, rows: Sequence[int]) -> list[str]:
        """Those of many items, each from 0 on: a third of the time of one after the other.

        >>> Titles(IdMap(["t1", "t2"]), Strings(["Toy Story", ""])).of([1, 0])
        ['t2', 'Toy Story']
        """
        if self.known is None:
            return self.ids.names_of(np.asarray(rows, dtype=np.int64))
        found = self.known.take(np.asarray(rows, dtype=np.int64)).tolist()
        return [title or self.ids[row] for title, row in zip(found, rows, strict=True)]

    @cached_property
    def lookup(self) -> "TitleLookup":
        """What finds titles, made when it is first asked: seconds for hundreds of thousands of them."""
        return TitleLookup.of([self[row] for row in range(len(self.ids))], self.counts)

    def find(self, typed: str, k: int = 10) -> Rows:
        """Rows of at most `k` items whose title is what somebody types, the likeliest first, and one whose id it is."""
        found = self.lookup.find(typed, k)
        if typed not in self.ids:
            return found
        named = self.ids.rows([typed])
        return found if named[0] in found else np.concatenate([found[: k - 1], named])


@dataclass(frozen=True, eq=False)
class TitleLookup:
    """Words of titles, and the titles that have them.

    Attributes:
        texts: (titles,) folded titles.
        words: Distinct words, sorted.
        having: (words, titles) CSR: which titles have a word.
        popularity: (titles,) from 0 to 1, of the logarithm of interactions.

    >>> lookup = TitleLookup.of(["Matrix, The", "Amélie", "Mad Max: Fury Road", "Godfather: Part II, The"])
    >>> [lookup.find(typed, 5).tolist() for typed in ("the matrix", "amel", "fury max", "godfater 2", "zebra")]
    [[0], [1], [2], [3], []]
    """

    texts: list[str]
    words: list[str]
    having: csr_array
    popularity: npt.NDArray[np.float64]

    @classmethod
    def of(cls, titles: list[str], counts: Rows | None = None) -> "TitleLookup":
        split = [words_of(title) for title in titles]
        words = sorted({word for title in split for word in title})
        number = {word: at for at, word in enumerate(words)}
        places = np.array([number[word] for title in split for word in title], dtype=np.int64)
        rows = np.repeat(np.arange(len(split)), [len(title) for title in split])
        having = csr_array((np.ones(len(places), np.int8), (places, rows)), shape=(len(words), len(titles)))
        logs = np.log1p(np.zeros(len(titles)) if counts is None else counts.astype(np.float64))
        return cls([" ".join(title) for title in split], words, having, logs / max(logs.max(initial=0.0), 1.0))

    def find(self, typed: str, k: int) -> Rows:
        """Rows of titles that have the words typed, most of them at least, in any order; the last may be unfinished,
        and each may have a typo. Ranked by what of them is there, by likeness to the whole, and by popularity."""
        from rapidfuzz import fuzz, process

        asked = words_of(typed)
        matches = self._matches(asked)
        rows = np.flatnonzero(matches >= max(_LEAST_MATCH, _LEAST_OF_BEST * float(np.max(matches, initial=0.0))))
        if not len(rows):
            return rows
        worth = matches[rows] + _POPULARITY * self.popularity[rows]
        first = np.lexsort((rows, -worth))[:_WEIGHED]
        rows, worth = rows[first], worth[first]
        text = " ".join(asked)
        texts = [self.texts[row] for row in rows.tolist()]
        (likeness,) = process.cdist([text], texts, scorer=fuzz.token_sort_ratio)
        # The very title comes first, however popular longer ones are.
        is_other = np.array([other != text for other in texts])
        return rows[np.lexsort((rows, -(worth + _LIKENESS * likeness.astype(np.float64) / 100), is_other))[:k]]

    def _matches(self, asked: list[str]) -> npt.NDArray[np.float64]:
        """(titles,) the share of what was typed that a title has; rare words count more, articles little."""
        total, matched = 0.0, np.zeros(len(self.texts))
        for at, word in enumerate(asked):
            best = np.zeros(len(self.texts))
            for number, likeness in self._alike(word, unfinished=at == len(asked) - 1):
                titles = self._having(number)
                best[titles] = np.maximum(best[titles], likeness)
            for titles in self._in_two(word):
                best[titles] = np.maximum(best[titles], _BEGUN)
            weight = 0.1 if word in _ARTICLES else np.log(2 + len(self.texts) / (1 + np.count_nonzero(best)))
            total += weight
            matched += weight * best
        return matched / total if total else matched

    def _having(self, number: int) -> Rows:
        """Titles with a word."""
        return self.having.indices[slice(*self.having.indptr[number : number + 2])]

    def _in_two(self, word: str) -> Iterator[Rows]:
        """Titles that have it as two words: "starwars"."""
        for cut in range(2, len(word)):
            first, second = self._number(word[:cut]), self._number(word[cut:])
            if first is not None and second is not None:
                yield np.intersect1d(self._having(first), self._having(second))

    def _number(self, word: str) -> int | None:
        at = bisect_left(self.words, word)
        return at if at < len(self.words) and self.words[at] == word else None

    def _alike(self, word: str, unfinished: bool) -> Iterator[tuple[int, float]]:
        """Numbers of words that are this one, begin with it, or are like it, and what each counts."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        first, after = bisect_left(self.words, word), bisect_left(self.words, word + "\U0010ffff")
        begun = _BEGUN if unfinished else _WRONG
        yield from ((at, 1.0 if self.words[at] == word else begun) for at in range(first, after))
        if len(word) >= _LEAST_TYPED:
            for _, likeness, at in process.extract(
                word, self.words, scorer=OSA.normalized_similarity, score_cutoff=_LEAST_SIMILARITY, limit=50
            ):
                if not first <= at < after:
                    yield at, _WRONG * likeness


def words_of(text: str) -> list[str]:
    """Words without case, accents and punctuation; Roman numerals as figures.

    >>> words_of("Amélie №5: Howl's Part II")
    ['amelie', 'no5', 'howls', 'part', '2']
    """
    found: list[str] = _WORD.findall(_APOSTROPHE.sub("", fold(text)))
    return [_NUMERALS.get(word, word) for word in found]


def fold(text: str) -> str:
    """Without case, accents and repeated white space.

    >>> fold(" Amélie  №5")
    'amelie no5'
    """
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(character for character in decomposed if not unicodedata.combining(character)).split())
