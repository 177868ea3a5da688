"""Codes and histories made to be ranked wrongly: equal codes, sums that round, norms and weights far apart."""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import elsa_index as ei

from .engines import growing_from

VALUES = np.array([1, -1, 1 / 3, -1 / 3, 0.1, 0.7, -0.3, 2.0**-10, 0.999, 1e-3])
NORMS = np.array([1, 1, 1, 0.25, 3, 2.0**-8, 2.0**6])
SCALES = np.array([1, 1, 1, 3, 1 / 3, 0.1, -1, 1e-12, 1e-170, 1e-300, 5e-324, 1e20])


@dataclass(frozen=True, eq=False)
class Case:
    codes: ei.ItemCodes
    history: list[str]
    weights: list[float]
    k: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few patterns, which items share, some with their dimensions in another order; all weights of a history are of one
    scale, or of several."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    items, dims, patterns = draw(st.integers(2, 60)), draw(st.integers(1, 24)), draw(st.integers(1, 6))
    base = rng.choice(VALUES, (patterns, dims)) * (rng.random((patterns, dims)) < 0.6)
    base[np.arange(patterns), rng.integers(0, dims, patterns)] = 1  # no row is empty
    dense = base[rng.integers(0, patterns, items)]
    if draw(st.booleans()):
        dense = np.array([rng.permutation(row) if rng.random() < 0.3 else row for row in dense])
    if draw(st.booleans()):
        dense = dense * rng.choice(NORMS, items)[:, None]
    shares = rng.choice([1, 0.5, 1 / 3, 2], items).astype(np.float32) if draw(st.booleans()) else None
    ids = ei.IdMap(f"i{row}" for row in range(items))
    codes = ei.ItemCodes(ids, csr_array(dense.astype(np.float32)), history_weights=shares)
    history = rng.choice(items, min(draw(st.integers(1, 8)), items - 1), replace=False)
    scale = draw(st.sampled_from(SCALES.tolist()))
    weights = [scale * float(rng.choice([1, 1, 0.5, 3])) or scale for _ in history]
    if draw(st.integers(0, 3)) == 0:
        weights = rng.choice(SCALES, len(history)).tolist()
    return Case(codes, [f"i{row}" for row in history], weights, draw(st.integers(1, items)))


unhurried = partial(
    settings,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
"""Settings of a test that builds an index for each case."""


def check_all_ways(index: ei.Index, case: Case) -> None:
    """As it is searched, and from a beginning so small that every way of going on is taken."""
    check(index, case)
    growing_from(index, full_query_up_to=0, first_terms=1, exact_candidates=2, first_candidates=1, few=0)
    check(index, case)


def check(index: ei.Index, case: Case) -> None:
    """The answer is that of sums without any rounding, over the codes as they are stored: no score is off by more than
    float64 rounds, no item is before a better one, and equal codes come in the order of rows."""
    result = index.search([case.history], case.k, weights=[case.weights], exact=True)
    (ranking,) = result.rankings
    assert ranking.proven
    stored = index.catalogue.engine.stored_rows(np.arange(len(index))).toarray()
    seen = index.ids.rows(case.history)
    brought = np.ones(len(index)) if index.catalogue.history_weights is None else index.catalogue.history_weights
    top = max(map(abs, case.weights))
    vector = [Fraction(0)] * stored.shape[1]
    for row, weight in zip(seen.tolist(), case.weights, strict=True):
        for dim in np.flatnonzero(stored[row]).tolist():
            vector[dim] += Fraction(weight) * Fraction(float(brought[row])) * Fraction(stored[row, dim]) / Fraction(top)
    exact = [
        float(sum((vector[dim] * Fraction(code[dim]) for dim in np.flatnonzero(code).tolist()), Fraction(0)))
        for code in stored
    ]
    # What float64 may be off by is a share of what was added up, however much of it cancels out.
    added = np.abs(np.array(case.weights) / top * brought[seen]) @ np.abs(stored[seen])
    reach = max(float(added.sum() * np.abs(stored).max()), 1e-300)
    left = np.setdiff1d(np.arange(len(index)), seen)
    assert len(ranking.rows) == min(case.k, len(left))
    assert set(ranking.rows) <= set(left)
    found = np.array([exact[row] for row in ranking.rows])
    best = np.sort(np.array([exact[row] for row in left]))[::-1][: len(found)]
    rounding = max(1e-12, index.catalogue.engine.capabilities.score_tolerance)
    np.testing.assert_allclose(found, best, atol=rounding * reach)
    given = ranking.scores.astype(np.float64)
    expected = np.array([np.float32(value * top) for value in found], dtype=np.float64)
    np.testing.assert_allclose(given, expected, rtol=1e-6, atol=(1e-7 + rounding) * reach * top + 1e-45)
    # Equal codes: the lower row first, and none left out while a higher one is in.
    place = {row: at for at, row in enumerate(ranking.rows.tolist())}
    groups: dict[bytes, list[int]] = {}
    for row in left.tolist():
        groups.setdefault(stored[row].tobytes(), []).append(row)
    for rows in groups.values():
        places = [place.get(row, len(index)) for row in rows]
        assert places == sorted(places)
