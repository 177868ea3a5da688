"""Answers to requests, made from an index."""

import time
from collections.abc import Sequence
from dataclasses import asdict

from ..errors import UnknownIdError, name_some
from ..index import Index
from ..search.result import SearchResult
from ..segments.stored import Segment, Segments
from . import request_models as asked
from .response_models import (
    About,
    Batch,
    Dimension,
    DimensionPart,
    Dimensions,
    ExplanationAnswer,
    Explanations,
    HomepageAnswer,
    Item,
    ItemDetails,
    Items,
    Part,
    Recommendations,
    Row,
    SegmentAnswer,
    SegmentsAnswer,
)

_POPULAR = "no item of the history is known: the popular items"


def recommend(index: Index, body: asked.RecommendRequest) -> Recommendations:
    return _recommended(index, [body], body.k, body)[0]


def recommend_batch(index: Index, body: asked.BatchRequest) -> Batch:
    started = time.perf_counter()
    results = _recommended(index, body.histories, body.k, body)
    return Batch(results=results, milliseconds=_since(started))


def similar(index: Index, body: asked.SimilarRequest) -> Recommendations:
    index.ids.rows([body.item_id])
    return _recommended(index, [asked.HistoryRequest.of(body.item_id)], body.k, body)[0]


def homepage(index: Index, body: asked.HomepageRequest) -> HomepageAnswer:
    started = time.perf_counter()
    page = index.homepage(
        body.ids, weights=body.weights, rows=body.rows, k=body.k, diversity=body.diversity, exact=body.exact
    )
    rows = [
        Row(
            name=row.name,
            segment=row.segment.number if row.segment else None,
            score=row.score,
            items=_items(index, row.items, row.scores),
        )
        for row in page.rows
    ]
    return HomepageAnswer(
        rows=rows,
        popular=page.popular,
        unknown=page.unknown,
        promise=page.promise,
        milliseconds=_since(started),
    )


def best_segments(index: Index, body: asked.SegmentsRequest) -> SegmentsAnswer:
    segments, ranked = index.required_segments, index.rank_segments(body.ids, body.k, weights=body.weights)
    found = [
        _segment(index, segments[number], None if ranked.popular else score)
        for number, score in zip(ranked.numbers.tolist(), ranked.scores.tolist(), strict=True)
    ]
    return SegmentsAnswer(segments=found, total=len(segments), popular=ranked.popular, unknown=ranked.unknown)


def all_segments(index: Index, offset: int, k: int) -> SegmentsAnswer:
    segments = index.required_segments
    numbers = range(offset, min(offset + k, len(segments)))
    return SegmentsAnswer(segments=[_segment(index, segments[number]) for number in numbers], total=len(segments))


def dimensions(index: Index, body: asked.DimensionsRequest) -> Dimensions:
    found = index.dimensions(body.ids, body.k, weights=body.weights)
    described = [
        Dimension(dimension=dim, weight=weight, **_direction(index.segments, dim, weight)) for dim, weight in found
    ]
    return Dimensions(dimensions=described, unknown=_unknown(index, body))


def explain(index: Index, body: asked.ExplainRequest) -> Explanations:
    found = index.explain(body.ids, body.items, body.weights)
    vector = dict(index.dimensions(body.ids, index.manifest.codes.dims, weights=body.weights))
    explanations = [
        ExplanationAnswer(
            item_id=part.item,
            title=_title(index, part.item),
            score=part.score,
            history=[Part(item_id=name, title=_title(index, name), amount=amount) for name, amount in part.history],
            dimensions=[
                DimensionPart(dimension=dim, amount=amount, **_direction(index.segments, dim, vector.get(dim, 0.0)))
                for dim, amount in part.dims
            ],
        )
        for part in found
    ]
    return Explanations(explanations=explanations, unknown=_unknown(index, body))


def find_items(index: Index, prefix: str, k: int) -> Items:
    found = [index.ids[int(row)] for row in index.titles.find(prefix, k)]
    return Items(items=[_item(index, item) for item in found])


def item_details(index: Index, item_id: str) -> ItemDetails:
    (row,) = index.ids.rows([item_id]).tolist()
    segment = int(index.segments.of[row]) if index.segments else -1
    return ItemDetails(
        item_id=item_id,
        title=index.titles[row],
        metadata=index.metadata.item(row) if index.metadata else {},
        segment=segment if segment >= 0 else None,
        segment_name=index.segments.names[segment] if index.segments and segment >= 0 else None,
    )


def about(index: Index) -> About:
    manifest = index.manifest
    return About(
        items=len(index),
        dims=manifest.codes.dims,
        engine=manifest.engine,
        fingerprint=manifest.codes.fingerprint,
        segments=len(index.segments) if index.segments else 0,
        can_be_exact=index.can_be_exact,
        calibration=str(manifest.calibration) if manifest.calibration else None,
        version=manifest.created_by,
    )


def _recommended(
    index: Index, histories: Sequence[asked.HistoryRequest], k: int, only: asked.Filtered
) -> list[Recommendations]:
    missing = [tag for tag in only.tags if index.tags is None or tag not in index.tags.names]
    if missing:
        raise UnknownIdError(f"No item of the index carries the tag {name_some(missing)}.")
    started = time.perf_counter()
    result = index.search(
        [each.ids for each in histories],
        k,
        weights=[each.weights for each in histories],
        exact=only.exact,
        tags=only.tags,
        exclude=only.exclude,
        fallback="popular" if index.item_counts is not None else "none",
    )
    milliseconds = _since(started) / len(histories)
    return [_one(index, result, at, milliseconds) for at in range(len(histories))]


def _one(index: Index, result: SearchResult, at: int, milliseconds: float) -> Recommendations:
    left = result.rows[at] >= 0
    return Recommendations(
        items=_items(index, result.ids[at][left].tolist(), result.scores[at][left].tolist()),
        popular=bool(result.popular[at]),
        unknown=result.unknown[at],
        promise=_POPULAR if result.popular[at] else result.promise,
        milliseconds=milliseconds,
    )


def _items(index: Index, ids: Sequence[str], scores: Sequence[float]) -> list[Item]:
    return [_item(index, name, score) for name, score in zip(ids, scores, strict=True)]


def _item(index: Index, item_id: str, score: float | None = None) -> Item:
    return Item(item_id=item_id, title=_title(index, item_id), score=score)


def _title(index: Index, item_id: str) -> str:
    return index.titles[int(index.ids.rows([item_id])[0])]


def _segment(index: Index, segment: Segment, score: float | None = None) -> SegmentAnswer:
    about = asdict(segment) | {"score": score, "typical": [_item(index, item) for item in segment.typical]}
    return SegmentAnswer.model_validate(about)


def _unknown(index: Index, body: asked.HistoryRequest) -> list[str]:
    return [item for item in dict.fromkeys(body.ids) if item not in index.ids]


def _direction(segments: Segments | None, dim: int, weight: float) -> dict:
    """The segment of a signed dimension, for an answer."""
    number = segments.of_dimension(dim, weight) if segments else None
    return {"segment": number, "segment_name": segments.names[number] if segments and number is not None else None}


def _since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 3)
