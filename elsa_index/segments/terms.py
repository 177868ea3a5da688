"""Terms of metadata: words of titles, categories, decades; and which are commoner in a segment than elsewhere."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..data.metadata import TITLE, Metadata
from ..storage.ids import Rows

_PRIOR = 50.0  # items: how much of the catalogue's share of a term is added to a segment's
SURE = 3.0  # standard errors by which a distinctive term is commoner than elsewhere
LEAST_ITEMS = 3
_COMPARED = 5  # terms by which segments are compared
_LONG = 60  # characters on average from which a column is text and not categories
_SEPARATOR = re.compile(r"\s*[|;,]\s*")
_WORD = re.compile(r"[^\W\d_][\w'’-]+")
_YEAR = re.compile(r"\b(1[5-9]|20)(\d)\d\b")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by for from in is it its my no not of on or our part so that the this to vol was we "
        "with you your der die das und le la les un une des du de et el los las del il i ii iii iv v vs aka",
    )
)


@dataclass(frozen=True, eq=False)
class ItemTerms:
    """names: of terms, as they are shown. is_word: (terms,) whether a term is of titles and texts.
    has: (items, terms) CSR of 0 and 1."""

    names: list[str]
    is_word: npt.NDArray[np.bool_]
    has: csr_array

    @classmethod
    def of(cls, metadata: Metadata, items: int) -> "ItemTerms":
        """Titles and long texts give their words and pairs of words; a year its decade; every other column its values,
        separated by |, ; or a comma. Columns of numbers, and terms of fewer than three items, are left out."""
        number_of: dict[tuple[bool, str], int] = {}
        shown: list[str] = []
        rows, columns = [], []
        for name, texts in metadata.columns.items():
            values = list(texts)
            split, is_word = _splitter(name, values)
            if split is None:
                continue
            for row, value in enumerate(values):
                for term in dict.fromkeys(split(value)):
                    key = (is_word, term.casefold())
                    if key not in number_of:
                        number_of[key] = len(shown)
                        shown.append(term)
                    rows.append(row)
                    columns.append(number_of[key])
        has = csr_array((np.ones(len(rows)), (rows, columns)), shape=(items, len(shown)))
        has.data[:] = 1  # an item that has a term in two columns has it once
        kept = np.flatnonzero(np.asarray(has.sum(axis=0)).ravel() >= LEAST_ITEMS)
        words = np.array([word for word, _ in number_of], dtype=bool)
        return cls([shown[at] for at in kept], words[kept], has[:, kept])

    def take(self, rows: Rows) -> "ItemTerms":
        """The same terms of some items."""
        return ItemTerms(self.names, self.is_word, self.has[rows])


@dataclass(frozen=True, eq=False)
class Distinctive:
    """For every segment the terms that its items carry. scores, carriers: (segments, terms) CSR of one pattern: by how
    many standard errors a term is commoner there than elsewhere, and how many items of the segment carry it."""

    scores: csr_array
    carriers: csr_array

    def of(self, segment: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """A segment's terms, their scores and carriers."""
        part = slice(*self.scores.indptr[segment : segment + 2])
        return self.scores.indices[part], self.scores.data[part], self.carriers.data[part]


def distinctive(terms: ItemTerms, of: npt.NDArray[np.integer]) -> Distinctive:
    """Scores are z-scores of the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn,
    "Fightin' Words", Political Analysis 2008, eq. 22), so that a rare term is not taken for a distinctive one."""
    inside = np.flatnonzero(of >= 0)
    segments = int(np.max(of)) + 1
    membership = csr_array((np.ones(len(inside)), (of[inside], inside)), shape=(segments, len(of)))
    carriers = csr_array(membership @ terms.has)
    carriers.sort_indices()
    sizes = np.repeat(np.bincount(of[inside], minlength=segments), np.diff(carriers.indptr))
    everywhere = np.asarray(terms.has.sum(axis=0)).ravel()[carriers.indices]
    prior = _PRIOR * (everywhere + 0.5) / (len(of) + 1)
    here, elsewhere = carriers.data + prior, everywhere - carriers.data + prior
    log_odds = np.log(here / (sizes + _PRIOR - here)) - np.log(elsewhere / (len(of) - sizes + _PRIOR - elsewhere))
    scores = csr_array(
        (log_odds / np.sqrt(1 / here + 1 / elsewhere), carriers.indices, carriers.indptr), carriers.shape
    )
    return Distinctive(scores, carriers)


def alike_in_terms(terms: ItemTerms, of: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """(segments, segments) cosines of the segments' most distinctive terms."""
    found = distinctive(terms, of)
    rows, columns, values = [], [], []
    for segment in range(found.scores.shape[0]):
        numbers, scores, _ = found.of(segment)
        best = np.argsort(-scores, kind="stable")[:_COMPARED]
        best = best[scores[best] >= SURE]
        rows.append(np.full(len(best), segment))
        columns.append(numbers[best])
        values.append(scores[best] / max(float(np.linalg.norm(scores[best])), 1e-12))
    parts = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    compared = csr_array(parts, shape=found.scores.shape)
    alike: npt.NDArray[np.float64] = (compared @ compared.T).toarray()
    return alike


def _splitter(name: str, values: list[str]) -> tuple[Callable[[str], list[str]] | None, bool]:
    """How the values of a column become terms, and whether these are words; None for columns of numbers."""
    filled = [value for value in values if value]
    if name == "year":
        return _decade, False
    if all(_is_number(value) for value in filled[:1000]):
        return None, False
    if name == TITLE or sum(map(len, filled)) > _LONG * len(filled):
        return _words, True
    return _categories, False


def _decade(value: str) -> list[str]:
    found = _YEAR.search(value)
    return [f"{found[1]}{found[2]}0s"] if found else []


def _categories(value: str) -> list[str]:
    return [part for part in _SEPARATOR.split(value.strip()) if part and not part.startswith("(")]


def _words(value: str) -> list[str]:
    """Words with three letters or more that are not everywhere, and pairs of neighbours."""
    words: list[str] = _WORD.findall(value)
    kept = [len(word) > 2 and word.casefold() not in _STOP_WORDS for word in words]
    single = [word for word, keep in zip(words, kept, strict=True) if keep]
    pairs = [f"{words[at]} {words[at + 1]}" for at in range(len(words) - 1) if kept[at] and kept[at + 1]]
    return single + pairs


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
