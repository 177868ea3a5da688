"""Search requests: plain JSON that any client can send, without a plugin.

A cluster adds up positive products only. The same-sign terms of a signed query are therefore the query, whose sum is an
upper bound, and the opposite-sign terms the rescore query, with weight -1: together the signed score.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codes.impacts import terms_of
from ...codes.query_vector import QueryVector, Vector
from .documents import NUMBER, ROW, TAG, feature_name
from .features import Features, OfDimensions

CLAUSES = 1024
"""Clauses of one bool query at most: the default of clusters."""

_DIMENSIONS = OfDimensions()

WINDOW = 200
"""Candidates that `server` rescores on each shard unless told otherwise, twice the k of most users."""
_ROWS = f'"stored_fields":"_none_","docvalue_fields":["{ROW}"]'
"""Rows come from doc values: reading ids of 500 hits from stored fields takes longer than finding them."""


def restriction(
    seen: Iterable[str],
    tags: Sequence[str] = (),
    *,
    any_tags: Sequence[str] = (),
    no_tags: Sequence[str] = (),
    ranges: Iterable[tuple[str, float, float]] = (),
    only: Iterable[str] | None = None,
) -> str:
    """The part of a bool query that keeps document ids and documents with one of `no_tags` out, and asks for every one
    of `tags`, one of `any_tags`, numbers by name from the first to the second one, and ids among `only`.

    >>> restriction(["a"], ["new"])
    ',"must_not":[{"ids":{"values":["a"]}}],"filter":[{"term":{"tag":"new"}}]'
    >>> restriction([], ranges=[("price", 1.5, math.inf)])
    ',"filter":[{"range":{"number.price":{"gte":1.5}}}]'
    """
    unwanted = [{"ids": {"values": names}}] if (names := list(seen)) else []
    unwanted += [{"terms": {TAG: list(no_tags)}}] if no_tags else []
    wanted: list[dict[str, Any]] = [{"term": {TAG: tag}} for tag in tags]
    wanted += [{"terms": {TAG: list(any_tags)}}] if any_tags else []
    for name, least, most in ranges:
        ends = {end: value for end, value in (("gte", least), ("lte", most)) if math.isfinite(value)}
        field = f"{NUMBER}.{feature_name(name)}"
        wanted.append({"range": {field: ends}} if ends else {"exists": {"field": field}})
    wanted += [{"ids": {"values": list(only)}}] if only is not None else []
    parts = {"must_not": unwanted, "filter": wanted}
    return "".join(f',"{name}":{json.dumps(part, separators=(",", ":"))}' for name, part in parts.items() if part)


def clauses(fields: Iterable[str], weights: Iterable[float]) -> str:
    """One clause per field, as JSON: its weight in the item times its weight in the query."""
    pairs = [part for pair in zip(fields, weights, strict=True) for part in pair]
    one = '{"rank_feature":{"field":%s,"linear":{},"boost":%.9g}}'
    return ",".join([one] * (len(pairs) // 2)) % tuple(pairs)


def first_stage(fields: Iterable[str], weights: Iterable[float], size: int, restricted: str = "") -> str:
    """A request for the `size` items of the largest sums over the fields."""
    return f'{{{_head(size, _ROWS)},"query":{_bool(clauses(fields, weights), restricted)}}}'


def ranking(
    vector: QueryVector,
    k: int,
    window: int,
    *,
    signed: bool = True,
    terms: int | None = None,
    rest: bool = True,
    clause_limit: int = CLAUSES,
    restricted: str = "",
    returned: str = _ROWS,
    features: Features = _DIMENSIONS,
) -> str:
    """A request for the best `k` items by signed score among each shard's `window` best by upper bound.

    vector: of the query. features: what terms are called; where no term of the other sign has postings, the sums are
    the scores and nothing is rescored. signed: without it, items are ranked by upper bound alone. terms: so many of the
    heaviest make the upper bound; rest: rescoring adds the others. clause_limit: of one rescore query; there are as
    many as it takes. returned: what is told of each item.
    """
    order = np.argsort(-np.abs(vector.weights), kind="stable")
    same, weights = terms_of(vector.dims[order], vector.weights[order]), np.abs(vector.weights[order])
    first = slice(None, terms)
    query = _bool(clauses(features.fields(same[first].tolist()), weights[first].tolist()), restricted)
    rescored: list[tuple[npt.NDArray[np.int64], Vector, int]] = []
    if terms is not None and rest:
        rescored.append((same[terms:], weights[terms:], 1))
    if signed and features.has_opposite:
        rescored.append((same ^ 1, weights, -1))
    rescores = [
        _rescore(
            clauses(features.fields(part[at : at + clause_limit].tolist()), heavy[at : at + clause_limit].tolist()),
            sign,
            window,
        )
        for part, heavy, sign in rescored
        for at in range(0, len(part), clause_limit)
    ]
    rescoring = f',"rescore":[{",".join(rescores)}]' if rescores else ""
    return f'{{{_head(k, returned)},"query":{query}{rescoring}}}'


def _head(size: int, returned: str) -> str:
    return f'"size":{size},"track_total_hits":true,{returned}'


def _bool(should: str, restricted: str) -> str:
    return f'{{"bool":{{"should":[{should}],"minimum_should_match":1{restricted}}}}}'


def _rescore(should: str, weight: int, window: int) -> str:
    query = f'{{"bool":{{"should":[{should}]}}}}'
    parts = f'"rescore_query":{query},"query_weight":1,"rescore_query_weight":{weight}'
    return f'{{"window_size":{window},"query":{{{parts}}}}}'
