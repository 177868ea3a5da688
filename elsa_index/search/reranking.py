"""Reranking: the best items by boosted and diverse scores, of as many of an engine's best as it takes to be sure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..catalogue.catalogue import Catalogue
from ..engines.contract import Answer, Query
from .boosts import Boost, Boosts
from .diversity import diverse_order, similarity
from .options import SearchOptions

_FIRST = 100
_MOST_DIVERSE = 10_000
"""Items among which diverse ones are chosen at most: each is compared with each that is taken."""
_MOST_RANKED = 10_000
"""Items that a cluster ranks at most."""


@dataclass(frozen=True, eq=False)
class Reranked:
    """answer: of a query; proven: no other item would have been among it. cost: the share of the sum of scores that
    diversity gave away; None where there is none to be diverse for."""

    answer: Answer
    cost: float | None = None


def reranked(
    catalogue: Catalogue,
    queries: Sequence[Query],
    options: SearchOptions,
    ask: Callable[[Sequence[Query], int], list[Answer]],
) -> list[Reranked]:
    """Answers by boosted and diverse scores. ask: an engine's best, so many of them, for some queries.

    Boosts multiply by what is known, and diversity only takes away, so that what is beyond an engine's best so many
    cannot exceed its last score times the largest boost: more are asked for until that is below what was taken.
    """
    boosts = Boosts.of([Boost.parsed(one) for one in options.boosts], catalogue.facets)
    wanted = min(options.k + options.offset, len(catalogue.ids))
    most = min(len(catalogue.ids), _MOST_DIVERSE if options.diversity else len(catalogue.ids))
    if options.rank != "client":
        most = min(most, _MOST_RANKED)
    size, found = min(max(4 * wanted, _FIRST), max(most, wanted)), dict[int, Reranked]()
    pending = list(range(len(queries)))
    while pending:
        for at, answer in zip(pending, ask([queries[at] for at in pending], size), strict=True):
            one, settled = _reranked(catalogue, answer, boosts, options, wanted, size)
            if settled or size >= most:
                proven = settled and answer.proven
                found[at] = replace(one, answer=replace(one.answer, proven=proven))
        pending = [at for at in pending if at not in found]
        size = min(4 * size, max(most, wanted))
    return [found[at] for at in range(len(queries))]


def _reranked(
    catalogue: Catalogue, answer: Answer, boosts: Boosts | None, options: SearchOptions, wanted: int, size: int
) -> tuple[Reranked, bool]:
    """The best `wanted` of an engine's best `size`, and whether no other item could be among them."""
    scores = answer.scores if boosts is None else boosts.applied(answer.rows, answer.scores)
    by_score = np.lexsort((answer.rows, -scores))
    rows, scores = answer.rows[by_score], scores[by_score]
    is_all = len(rows) < size or len(rows) == len(catalogue.ids)
    last = float(answer.scores[-1]) if len(answer.scores) else 0.0
    bound = -np.inf if is_all else last if boosts is None else boosts.bound(last)
    cost = None
    if options.diversity and len(rows):
        similar = similarity(catalogue, rows, options.diversity_by)
        order, worth = diverse_order(scores, similar, options.diversity, wanted)
        plain = float(scores[:wanted].sum())
        cost = 1 - float(scores[order].sum()) / plain if plain > 0 else None
        rows, scores = rows[order], scores[order]
    else:
        rows, scores = rows[:wanted], scores[:wanted]
        worth = scores.tolist()
    settled = is_all or min(worth, default=0.0) > bound
    return Reranked(replace(answer, rows=rows, scores=scores), cost), settled
