"""Calibration: the cheapest cut query whose answers still overlap enough with the exact ones."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..engines.contract import Engine, Query, SearchPlan
from ..metrics import Values, overlaps

K = 100
TERMS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
CANDIDATES = (200, 500, 1000, 2000)
SAMPLE = 200


class Calibration(BaseModel):
    """What a search does by default, and what that was measured to cost.

    query_terms, candidates: of the first stage. overlap: the share of the exact top 100 that such a search returned,
    mean over `histories` sample histories. low: the lower end of its one-sided 95 % interval, which is what reached the
    target, so that other histories get what was promised; None for older indexes. target: what was asked for.
    """

    model_config = ConfigDict(frozen=True)

    query_terms: int
    candidates: int
    overlap: float
    target: float
    histories: int
    low: float | None = None

    def candidates_for(self, k: int) -> int:
        """As many candidates per returned item as were measured at k = 100, where more than 100 are asked for."""
        return self.candidates if k <= K else int(np.ceil(self.candidates * k / K))

    def __str__(self) -> str:
        return (
            f"overlap@{K} with exact {self.overlap:.4f}, measured on {self.histories:,} histories "
            f"({self.query_terms} terms, {self.candidates} candidates)"
        )


def calibrate(engine: Engine, queries: Sequence[Query], target: float, threads: int = 1) -> Calibration | None:
    """The cheapest of a grid of terms and candidates that reaches `target`, also at the lower end of an interval; None
    where none does.

    The first `SAMPLE` queries are asked exactly, then with one setting after the other, in the order of `_settings`.
    """
    queries = queries[:SAMPLE]
    k = min(K, engine.items)
    truth = [answer.rows for answer in engine.search(queries, SearchPlan(k, True, threads=threads))]
    for terms, candidates in _settings(engine, queries):
        plan = SearchPlan(k, False, terms, candidates, threads)
        found = [answer.rows for answer in engine.search(queries, plan)]
        overlap, low = _mean_and_low(overlaps(found, truth))
        if low >= target:
            return Calibration(
                query_terms=terms, candidates=candidates, overlap=overlap, target=target, histories=len(queries),
                low=low,
            )  # fmt: skip
    return None


def _mean_and_low(shares: Values) -> tuple[float, float]:
    """The mean, and the lower end of its one-sided 95 % interval (Student's t); 1 for none, the mean itself for one."""
    from scipy.stats import t

    if not len(shares):
        return 1.0, 1.0
    mean = float(np.mean(shares))
    if len(shares) == 1:
        return mean, mean
    error = float(np.std(shares, ddof=1)) / np.sqrt(len(shares))
    return mean, mean - float(t.ppf(0.95, len(shares) - 1)) * error


def _settings(engine: Engine, queries: Sequence[Query]) -> list[tuple[int, int]]:
    """Pairs of terms and candidates, the cheapest first.

    Cost is counted in postings read: a term costs its list, of average length, and as much as 150 postings to begin it;
    a candidate costs five postings per nonzero, since it may lie anywhere (measured at a million items). Counting
    instead of timing gives the same setting on a busy machine.
    """
    longest = max((len(query.vector) for query in queries), default=1)
    a_list = engine.nonzeros / (2 * engine.dims)
    an_item = engine.nonzeros / engine.items

    def cost(setting: tuple[int, int]) -> float:
        terms, candidates = setting
        return min(terms, longest) * (a_list + 150) + 5 * min(candidates, engine.items) * an_item

    return sorted(((terms, candidates) for terms in TERMS for candidates in CANDIDATES), key=cost)
