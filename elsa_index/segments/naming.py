"""Names of segments, as an editor would print them: what most of a segment's items have, more than others do."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..storage.ids import Rows
from .terms import LEAST_ITEMS, SURE, Distinctive, ItemTerms, distinctive

_LEAST_SHARE = 0.2  # of a segment's items that carry a category of its name
_LEAST_SHARE_OF_WORDS = 0.12  # words of titles are rarer than categories, and say more
_COVERED = 0.5  # of a segment's items that carry a term of its name
_COMMONER = 0.25  # standard errors by which a category that fills up a name is commoner than elsewhere
_SAME = 0.5  # of items that carry either of two words which carry both: they are parts of one title
_NEARLY = 0.75
_TERMS = 3
_CONSIDERED = 12  # most distinctive terms that names are put together from
_TITLE = 40
_ARTICLE_AT_THE_END = re.compile(r"(.*), (The|An|A|Les|Le|La|Il|El|Der|Die|Das)$")


def name_segments(
    of: npt.NDArray[np.int32], typical: Sequence[Sequence[str]], terms: ItemTerms | None = None
) -> list[str]:
    """A readable name for each segment, no two the same: terms that at least half of its items carry and that are
    commoner there than elsewhere. One alone says too little, and two segments may have the same: then a typical item
    follows. Where no terms are, the two most typical items are the name.

    typical: for each segment the titles of its items, the most typical first.
    """
    names: list[str] = []
    taken: set[str] = set()
    found = None if terms is None else distinctive(terms, of)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(len(typical) + 1))
    for segment, titles in enumerate(typical):
        chosen: list[str] = []
        if terms is not None and found is not None:
            members = order[starts[segment] : starts[segment + 1]]
            chosen = [terms.names[at] for at in _chosen(terms, found, segment, members)]
        names.append(next(name for name in _candidates(chosen, titles, segment) if name.casefold() not in taken))
        taken.add(names[-1].casefold())
    return names


def covered(name: str, terms: ItemTerms, members: Rows) -> float:
    """The share of a segment's items that carry a term of its name: what a name is measured by."""
    return float(np.mean(_carriers(terms, members, _terms_of(name, terms)).any(axis=1)))


def of_one_title(name: str, terms: ItemTerms, members: Rows) -> bool:
    """Whether two words of a name are parts of the same titles."""
    columns = _carriers(terms, members, [at for at in _terms_of(name, terms) if terms.is_word[at]]).T
    return any(_are_one(one, other) for at, one in enumerate(columns) for other in columns[:at])


def _terms_of(name: str, terms: ItemTerms) -> list[int]:
    shown = {part.casefold() for part in name.split(": ")[0].split(" · ")}
    return [at for at, term in enumerate(terms.names) if term.casefold() in shown]


def _chosen(terms: ItemTerms, found: Distinctive, segment: int, members: Rows) -> list[int]:
    """At most three terms, the most distinctive ones of those that together cover half of the segment."""
    numbers, scores, carriers = found.of(segment)
    usual = np.where(terms.is_word[numbers], _LEAST_SHARE_OF_WORDS, _LEAST_SHARE)
    sure = np.where(terms.is_word[numbers], SURE, _COMMONER)
    fits = (scores >= sure) & (carriers >= usual * len(members)) & (carriers >= LEAST_ITEMS)
    order = numbers[fits][np.argsort(-scores[fits], kind="stable")][: 4 * _CONSIDERED].tolist()
    has = dict(zip(order, _carriers(terms, members, order).T, strict=True))
    order = [at for at in order if not _is_part(terms, has, at)][:_CONSIDERED]
    score = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
    best: list[int] = []
    worth = (False, 0.0)
    for group in _groups(order, terms, has):
        reaches = bool(np.mean(np.any([has[at] for at in group], axis=0)) >= _COVERED)
        candidate = (reaches, sum(score[at] for at in group))
        if candidate > worth:
            best, worth = group, candidate
    return sorted(best, key=lambda at: -score[at])


def _groups(order: list[int], terms: ItemTerms, has: dict[int, npt.NDArray[np.bool_]]) -> Iterator[list[int]]:
    """Sets of one, two or three terms, none of which repeats another."""

    def extended(group: list[int], begin: int) -> Iterator[list[int]]:
        for place in range(begin, len(order)):
            at = order[place]
            if any(_repeats(terms, has, at, other) for other in group):
                continue
            yield [*group, at]
            if len(group) + 1 < _TERMS:
                yield from extended([*group, at], place + 1)

    yield from extended([], 0)


def _is_part(terms: ItemTerms, has: dict[int, npt.NDArray[np.bool_]], term: int) -> bool:
    """Whether a word comes, nearly always, in one pair of words: "Wars" is "Star Wars"."""
    word, carriers = terms.names[term].casefold(), int(np.count_nonzero(has[term]))
    return any(
        terms.is_word[pair] and pair != term and int(np.count_nonzero(has[pair])) >= _NEARLY * carriers
        for pair in has
        if word in terms.names[pair].casefold().split()
    )


def _repeats(terms: ItemTerms, has: dict[int, npt.NDArray[np.bool_]], one: int, other: int) -> bool:
    """Whether a term says again what another one says: the same words, or words of the same titles."""
    first, second = (set(terms.names[at].casefold().split()) for at in (one, other))
    if first <= second or second <= first:
        return True
    return bool(terms.is_word[one] and terms.is_word[other] and _are_one(has[one], has[other]))


def _carriers(terms: ItemTerms, members: Rows, numbers: list[int]) -> npt.NDArray[np.bool_]:
    """(members, terms) which of a segment's items carry which terms."""
    carried: npt.NDArray[np.bool_] = terms.has[members][:, numbers].toarray() > 0
    return carried


def _are_one(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> bool:
    both, either = int(np.count_nonzero(one & other)), int(np.count_nonzero(one | other))
    return both >= _SAME * max(either, 1)


def _candidates(terms: list[str], titles: Sequence[str], segment: int) -> Iterator[str]:
    """Names in the order of preference; the last is always free."""
    short = [_shortened(title) for title in titles]
    if len(terms) > 1:
        yield " · ".join(terms)
    if terms:
        for title in short:
            yield f"{' · '.join(terms)}: {title}"
    for other in range(1, len(short)):
        yield " · ".join([short[0], short[other]])
    yield f"{' · '.join(short[:1])} ({segment})"


def _shortened(title: str) -> str:
    """Without what is in brackets at the end, its article in front, at most `_TITLE` characters.

    >>> _shortened("Amores Perros (Love's a Bitch)"), _shortened("Matrix, The")
    ('Amores Perros', 'The Matrix')
    """
    bare = title.split(" (")[0] or title
    bare = _ARTICLE_AT_THE_END.sub(r"\2 \1", bare)
    return bare if len(bare) <= _TITLE else bare[: _TITLE - 1].rstrip() + "…"
