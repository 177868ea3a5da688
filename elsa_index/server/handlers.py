"""Answers to requests, made from an index. A history is resolved once for all that its request asks."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from ..catalogue.filters import Filters
from ..catalogue.history import ResolvedHistory
from ..errors import UnknownIdError
from ..index import Index
from ..search import homepage as homepages
from ..search.boosts import Boost
from ..search.explanation import explain as explained
from ..search.explanation import strongest_dimensions
from ..search.homepage_options import HomepageOptions
from ..search.options import SearchOptions
from ..search.recommend import recommend as recommended
from ..search.result import Ranking
from ..search.segments import rank_segments
from ..segments.stored import Segment, Segments
from . import request_models as asked
from . import response_models as answers

_POPULAR = "no item of the history is known: the popular items"


def recommend(index: Index, body: asked.RecommendRequest) -> answers.Recommendations:
    return _recommended(index, [body], body, body)[0]


def recommend_batch(index: Index, body: asked.BatchRequest) -> answers.Batch:
    started = time.perf_counter()
    results = _recommended(index, body.histories, body, body)
    return answers.Batch(results=results, milliseconds=_since(started))


def similar(index: Index, body: asked.SimilarRequest) -> answers.Recommendations:
    index.ids.rows([body.item_id])
    return _recommended(index, [asked.HistoryRequest.of(body.item_id)], body, body)[0]


def homepage(index: Index, body: asked.HomepageRequest) -> answers.HomepageAnswer:
    started = time.perf_counter()
    # A schema cannot say that one number is at most another, so no number that it allows is refused.
    fewest = None if body.fewest is None else min(body.fewest, body.k)
    options = HomepageOptions(body.rows, body.k, fewest, body.diversity, body.exact, _filters(body), body.keep_seen)
    page = homepages.homepage(index.catalogue, _resolved(index, body), options)
    rows = [
        answers.Row(
            name=row.name,
            segment=row.segment.number if row.segment else None,
            score=row.score,
            items=_items(index, row.rows, row.items, row.scores, body.metadata),
        )
        for row in page.rows
    ]
    return answers.HomepageAnswer(
        rows=rows,
        popular=page.popular,
        unknown=page.unknown,
        promise=page.promise,
        milliseconds=_since(started),
    )


def best_segments(index: Index, body: asked.SegmentsRequest) -> answers.SegmentsAnswer:
    segments, ranked = index.required_segments, rank_segments(index.catalogue, _resolved(index, body), body.k)
    found = [
        _segment(index, segments[number], None if ranked.popular else score)
        for number, score in zip(ranked.numbers.tolist(), ranked.scores.tolist(), strict=True)
    ]
    return answers.SegmentsAnswer(
        segments=found, total=len(segments.listed), popular=ranked.popular, unknown=ranked.unknown
    )


def all_segments(index: Index, offset: int, k: int) -> answers.SegmentsAnswer:
    segments = index.required_segments
    described = [_segment(index, segments[number]) for number in segments.listed[offset : offset + k]]
    return answers.SegmentsAnswer(segments=described, total=len(segments.listed))


def dimensions(index: Index, body: asked.DimensionsRequest) -> answers.Dimensions:
    history = _resolved(index, body)
    described = [
        answers.Dimension(dimension=dim, weight=weight, **_direction(index.segments, dim, weight))
        for dim, weight in strongest_dimensions(history, body.k)
    ]
    return answers.Dimensions(dimensions=described, unknown=history.unknown)


def explain(index: Index, body: asked.ExplainRequest) -> answers.Explanations:
    history = _resolved(index, body)
    explanations = [
        answers.ExplanationAnswer(
            item_id=part.item,
            title=_title(index, part.item),
            score=part.score,
            history=[
                answers.Part(item_id=name, title=_title(index, name), amount=amount) for name, amount in part.history
            ],
            dimensions=[
                answers.DimensionPart(dimension=dim, amount=amount, **_direction(index.segments, dim, weight))
                for (dim, amount), weight in zip(part.dims, _weights(history, part.dims), strict=True)
            ],
        )
        for part in explained(index.catalogue, history, body.items)
    ]
    return answers.Explanations(explanations=explanations, unknown=history.unknown)


def _weights(history: ResolvedHistory, parts: list[tuple[int, float]]) -> list[float]:
    """A history's weights in some dimensions."""
    return history.amounts(history.vector.at(np.array([dim for dim, _ in parts], dtype=np.int64))).tolist()


def find_items(index: Index, typed: str, k: int) -> answers.Items:
    return answers.Items(items=_described(index, index.titles.find(typed, k).tolist()))


def segment_items(index: Index, number: int, offset: int, k: int) -> answers.SegmentItems:
    segments = index.required_segments
    if number >= len(segments):
        raise UnknownIdError(f"The index has {len(segments):,} segments; there is no segment {number}.")
    rows = segments.rows_of(number)
    return answers.SegmentItems(items=_described(index, rows[offset : offset + k].tolist()), total=len(rows))


def item_details(index: Index, item_id: str) -> answers.ItemDetails:
    (row,) = index.ids.rows([item_id]).tolist()
    segment = int(index.segments.of[row]) if index.segments else -1
    return answers.ItemDetails(
        item_id=item_id,
        title=index.titles[row],
        metadata=_known(index, row),
        segment=segment if segment >= 0 else None,
        segment_name=index.segments.names[segment] if index.segments and segment >= 0 else None,
    )


def about(index: Index, images: Sequence[str] = ()) -> answers.About:
    manifest, ends = index.manifest, index.manifest.log_ends
    return answers.About(
        items=len(index),
        dims=manifest.codes.dims,
        engine=manifest.engine,
        fingerprint=manifest.codes.fingerprint,
        space=manifest.codes.space or manifest.codes.fingerprint,
        commit=manifest.commits,
        segments=len(index.segments) if index.segments else 0,
        numbers=list(index.catalogue.facets.numbers.names) if index.catalogue.facets.numbers else [],
        can_be_exact=index.can_be_exact,
        images=list(images),
        calibration=str(manifest.calibration) if manifest.calibration else None,
        built_at=manifest.built_at,
        changed_at=manifest.changed_at,
        log_latest=ends if ends is None else datetime.fromtimestamp(ends, UTC).isoformat(timespec="seconds"),
        version=manifest.created_by,
    )


def _resolved(index: Index, body: asked.HistoryRequest) -> ResolvedHistory:
    return index.catalogue.resolve(body.ids, body.weights, seen=body.seen)


def _filters(body: asked.Filtered) -> Filters:
    ranges = {name: (ends.least, ends.most) for name, ends in body.ranges.items()}
    return Filters(body.tags, body.any_tags, body.no_tags, ranges, body.only, body.exclude)


def _recommended(
    index: Index, histories: Sequence[asked.HistoryRequest], listed: asked.Listed, only: asked.Filtered
) -> list[answers.Recommendations]:
    started = time.perf_counter()
    options = SearchOptions(
        k=listed.k,
        filters=_filters(only),
        fallback="popular" if index.item_counts is not None else "none",
        exact=only.exact,
        keep_seen=only.keep_seen,
        offset=listed.offset,
        boosts=[Boost.parsed(one) for one in listed.boosts],
        diversity=listed.diversity,
        diversity_by=listed.diversity_by if listed.diversity else None,
    )
    result = recommended(index.catalogue, [_resolved(index, each) for each in histories], options)
    milliseconds = _since(started) / len(histories)
    return [_one(index, ranking, result.promise, milliseconds, only.metadata) for ranking in result.rankings]


def _one(index: Index, ranking: Ranking, promise: str, milliseconds: float, metadata: bool) -> answers.Recommendations:
    return answers.Recommendations(
        items=_items(index, ranking.rows.tolist(), ranking.items, ranking.scores.tolist(), metadata),
        popular=ranking.popular,
        unknown=ranking.unknown,
        promise=_POPULAR if ranking.popular else promise,
        milliseconds=milliseconds,
    )


def _items(
    index: Index, rows: Sequence[int], ids: Sequence[str], scores: Sequence[float], metadata: bool
) -> list[answers.Item]:
    known = [_known(index, row) if metadata else None for row in rows]
    return [
        answers.Item(item_id=name, title=title, score=score, metadata=own)
        for name, title, score, own in zip(ids, index.titles.of(rows), scores, known, strict=True)
    ]


def _described(index: Index, rows: Sequence[int]) -> list[answers.Item]:
    """Items that nothing ranked, with all that is known of them."""
    return [answers.Item(item_id=index.ids[row], title=index.titles[row], metadata=_known(index, row)) for row in rows]


def _known(index: Index, row: int) -> dict[str, str]:
    return index.metadata.item(row) if index.metadata else {}


def _title(index: Index, item_id: str) -> str:
    return index.titles[int(index.ids.rows([item_id])[0])]


def _segment(index: Index, segment: Segment, score: float | None = None) -> answers.SegmentAnswer:
    typical = [answers.Item(item_id=item, title=_title(index, item)) for item in segment.typical]
    dimensions = [answers.SegmentDimension(**vars(dimension)) for dimension in segment.dimensions]
    return answers.SegmentAnswer(**vars(segment) | {"score": score, "typical": typical, "dimensions": dimensions})


def _direction(segments: Segments | None, dim: int, weight: float) -> dict:
    """The segment of a signed dimension, for an answer."""
    number = segments.of_dimension(dim, weight) if segments else None
    return {"segment": number, "segment_name": segments.names[number] if segments and number is not None else None}


def _since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 3)
