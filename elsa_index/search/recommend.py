"""Recommending: the best items for each history."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..catalogue.catalogue import Catalogue
from ..catalogue.history import ResolvedHistory
from ..engines.contract import Answer, Progress, Query
from ..errors import UsageError
from ..storage.ids import Rows
from .guarantee import guarantee
from .options import SearchOptions
from .reranking import reranked
from .result import Ranking, SearchResult


def recommend(
    catalogue: Catalogue,
    histories: Sequence[ResolvedHistory],
    options: SearchOptions,
    on_progress: Progress | None = None,
) -> SearchResult:
    """The best `options.k` items for each history, without the history's own.

    Raises UsageError for what the engine cannot do, and for tags that no item carries.
    """
    manifest, engine = catalogue.manifest, catalogue.engine
    plan = options.plan(manifest, engine.capabilities)
    if options.fallback == "popular":
        _ = catalogue.required_item_counts  # refused now, not when the first history of a stranger comes
    only = catalogue.filter(options.filters)
    none = _NOTHING[0]
    queries = [
        Query(history.vector, none if options.keep_seen else history.seen, only)
        for history in histories
        if history.is_known
    ]
    costs: list[float] = []
    if options.reranks:

        def ask(some: Sequence[Query], k: int) -> list[Answer]:
            return engine.search(some, options.plan(manifest, engine.capabilities, k), on_progress)

        again = reranked(catalogue, queries, options, ask)
        found = [one.answer for one in again]
        costs = [one.cost for one in again if one.cost is not None]
    else:
        found = engine.search(queries, plan, on_progress) if queries else []
    worth = guarantee(found, manifest, engine.capabilities, options, filtered=only is not None)
    if costs:
        worth += f"; diversity costs {np.mean(costs):.2%} of the scores' sum"
    if options.reranks and options.fallback == "popular" and len(found) < len(histories):
        worth += "; popular items are not boosted, nor chosen to be diverse"
    answers = iter(found)
    popular = None
    rankings = []
    for history in histories:
        if history.is_known:
            answer = next(answers)
            page = slice(options.offset, options.offset + options.k)
            rankings.append(_ranking(catalogue, history, answer.rows[page], answer.scores[page], answer=answer))
        elif options.fallback == "popular":
            seen = none if options.keep_seen else history.seen
            if len(seen):
                rows, counts = catalogue.popular(plan.k, only, seen)
            else:
                popular = popular or catalogue.popular(plan.k, only, none)
                rows, counts = popular
            page = slice(options.offset, options.offset + options.k)
            rankings.append(_ranking(catalogue, history, rows[page], counts[page], popular=True))
        else:
            rankings.append(_ranking(catalogue, history, *_NOTHING))
    return SearchResult(rankings, min(options.k, len(catalogue.ids)), worth, float(np.mean(costs)) if costs else None)


_NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0)


def _ranking(
    catalogue: Catalogue,
    history: ResolvedHistory,
    rows: Rows,
    scores: npt.NDArray[np.float64],
    *,
    popular: bool = False,
    answer: Answer | None = None,
) -> Ranking:
    items = catalogue.ids.names_of(rows)
    given = scores if popular else history.amounts(scores)
    with np.errstate(over="ignore"):
        rounded = given.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise UsageError(
            f"The scores of a history reach {np.max(np.abs(given)):g}, and float32 ends at "
            f"{np.finfo(np.float32).max:.2g}: divide its weights by one number, which changes no ranking."
        )
    return Ranking(items, rounded, rows, popular, history.unknown, answer)
