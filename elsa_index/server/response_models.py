"""What the service answers, as classes that its OpenAPI document shows: written as they are, and not validated."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field


@dataclass(kw_only=True, slots=True)
class Problem:
    """What was wrong with a request, and what is allowed."""

    error: Annotated[str, Field(examples=["k: must be at most 1000, got 5000"])]


@dataclass(kw_only=True, slots=True)
class Item:
    """An item. score: of its code with the history's, or None where nothing was ranked. metadata: all that is known of
    it, by column, or null where it was not asked for."""

    item_id: str
    title: str
    score: float | None = None
    metadata: dict[str, str] | None = None


@dataclass(kw_only=True, slots=True)
class SegmentAnswer:
    """A segment. score: for the history, or None. dimensions: those it was merged from, with the items that begin in
    each."""

    number: int
    name: str
    tag: Annotated[str, Field(description="What recommendations can be filtered by.")]
    size: int
    score: float | None = None
    typical: list[Item]
    dimensions: list["SegmentDimension"]


@dataclass(kw_only=True, slots=True)
class SegmentDimension:
    """One direction of a dimension: sign is 1 or -1."""

    dimension: int
    sign: int
    items: int


@dataclass(kw_only=True, slots=True)
class Recommendations:
    """popular: no item of the history is known, so that these are the popular items and scores are interactions.
    unknown: ids of the history that the index does not hold. promise: what the answer is worth. milliseconds: of the
    search."""

    items: list[Item]
    popular: bool
    unknown: list[str]
    promise: str
    milliseconds: float


@dataclass(kw_only=True, slots=True)
class Batch:
    """One answer per history, in the order of the request."""

    results: list[Recommendations]
    milliseconds: float


@dataclass(kw_only=True, slots=True)
class Row:
    """A row of a homepage; segment is None for the first, which is for the whole history."""

    name: str
    segment: int | None
    score: float | None
    items: list[Item]


@dataclass(kw_only=True, slots=True)
class HomepageAnswer:
    """Rows, the first for the whole history; popular and unknown as for recommendations."""

    rows: list[Row]
    popular: bool
    unknown: list[str]
    promise: str
    milliseconds: float


@dataclass(kw_only=True, slots=True)
class SegmentsAnswer:
    """total: of the index. popular: no item of the history is known, so that these are the largest."""

    segments: list[SegmentAnswer]
    total: int
    popular: bool = False
    unknown: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Dimension:
    """weight: signed, of the history's vector. segment: number of the segment that points furthest in this
    direction, or None."""

    dimension: int
    weight: float
    segment: int | None
    segment_name: str | None


@dataclass(kw_only=True, slots=True)
class Dimensions:
    """Strongest first."""

    dimensions: list[Dimension]
    unknown: list[str]


@dataclass(kw_only=True, slots=True)
class Part:
    """What an item of the history brings to a score; the parts sum to it."""

    item_id: str
    title: str
    amount: float


@dataclass(kw_only=True, slots=True)
class DimensionPart:
    """What a dimension brings to a score; the parts sum to it."""

    dimension: int
    amount: float
    segment: int | None
    segment_name: str | None


@dataclass(kw_only=True, slots=True)
class ExplanationAnswer:
    """Why one item: largest parts first."""

    item_id: str
    title: str
    score: float
    history: list[Part]
    dimensions: list[DimensionPart]


@dataclass(kw_only=True, slots=True)
class Explanations:
    """One explanation per item, in the order of the request."""

    explanations: list[ExplanationAnswer]
    unknown: list[str]


@dataclass(kw_only=True, slots=True)
class Items:
    """The likeliest first."""

    items: list[Item]


@dataclass(kw_only=True, slots=True)
class SegmentItems:
    """Items of a segment, the most typical first. total: of the segment."""

    items: list[Item]
    total: int


@dataclass(kw_only=True, slots=True)
class ItemDetails(Item):
    """segment: its number and name, or None."""

    segment: int | None
    segment_name: str | None


@dataclass(kw_only=True, slots=True)
class ChangedAnswer:
    """What a commit did, which is served already."""

    added: int
    replaced: Annotated[int, Field(description="Items that got another code.")]
    retagged: int
    deleted: int
    items: Annotated[int, Field(description="How many there are now.")]
    commit: Annotated[int, Field(description="Its number since the index was built.")]
    milliseconds: float


@dataclass(kw_only=True, slots=True)
class ExclusionsAnswer:
    """Items that are not returned, whatever requests ask."""

    items: list[str]
    total: int
    kept: Annotated[bool, Field(description="Whether a file holds them for the next start: serve --exclusions.")]
    unknown: Annotated[list[str], Field(description="Those that the index does not hold, or not yet.")]


@dataclass(kw_only=True, slots=True)
class About:
    """What is served."""

    items: int
    dims: int
    engine: str
    fingerprint: str
    space: Annotated[str, Field(description="Of the training that gave the dimensions their meaning.")]
    commit: Annotated[int, Field(description="Changes since the index was built.")]
    segments: int
    numbers: Annotated[list[str], Field(description="That items can be filtered and boosted by.")]
    can_be_exact: bool
    images: Annotated[list[str], Field(description="Hosts whose pictures the page shows.")]
    calibration: str | None
    built_at: Annotated[str | None, Field(description="ISO 8601, in UTC.")]
    changed_at: Annotated[str | None, Field(description="When it was changed last.")]
    log_latest: Annotated[str | None, Field(description="The latest time of the log that the codes were trained on.")]
    version: str
