"""What the service answers, as models that its OpenAPI document shows."""

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """What was wrong with a request, and what is allowed."""

    error: str = Field(examples=["k: must be at most 1000, got 5000"])


class Item(BaseModel):
    """An item. score: of its code with the history's, or None where nothing was ranked. metadata: all that is known of
    it, by column, or null where it was not asked for."""

    item_id: str
    title: str
    score: float | None = None
    metadata: dict[str, str] | None = None


class SegmentAnswer(BaseModel):
    """A segment. score: for the history, or None. dimensions: those it was merged from, with the items that begin in
    each."""

    number: int
    name: str
    tag: str = Field(description="What recommendations can be filtered by.")
    size: int
    score: float | None = None
    typical: list[Item]
    dimensions: list["SegmentDimension"]


class SegmentDimension(BaseModel):
    """One direction of a dimension: sign is 1 or -1."""

    dimension: int
    sign: int
    items: int


class Recommendations(BaseModel):
    """popular: no item of the history is known, so that these are the popular items and scores are interactions.
    unknown: ids of the history that the index does not hold. promise: what the answer is worth. milliseconds: of the
    search."""

    items: list[Item]
    popular: bool
    unknown: list[str]
    promise: str
    milliseconds: float


class Batch(BaseModel):
    """One answer per history, in the order of the request."""

    results: list[Recommendations]
    milliseconds: float


class Row(BaseModel):
    """A row of a homepage; segment is None for the first, which is for the whole history."""

    name: str
    segment: int | None
    score: float | None
    items: list[Item]


class HomepageAnswer(BaseModel):
    """Rows, the first for the whole history; popular and unknown as for recommendations."""

    rows: list[Row]
    popular: bool
    unknown: list[str]
    promise: str
    milliseconds: float


class SegmentsAnswer(BaseModel):
    """total: of the index. popular: no item of the history is known, so that these are the largest."""

    segments: list[SegmentAnswer]
    total: int
    popular: bool = False
    unknown: list[str] = []


class Dimension(BaseModel):
    """weight: signed, of the history's vector. segment: number of the segment that points furthest in this
    direction, or None."""

    dimension: int
    weight: float
    segment: int | None
    segment_name: str | None


class Dimensions(BaseModel):
    """Strongest first."""

    dimensions: list[Dimension]
    unknown: list[str]


class Part(BaseModel):
    """What an item of the history brings to a score; the parts sum to it."""

    item_id: str
    title: str
    amount: float


class DimensionPart(BaseModel):
    """What a dimension brings to a score; the parts sum to it."""

    dimension: int
    amount: float
    segment: int | None
    segment_name: str | None


class ExplanationAnswer(BaseModel):
    """Why one item: largest parts first."""

    item_id: str
    title: str
    score: float
    history: list[Part]
    dimensions: list[DimensionPart]


class Explanations(BaseModel):
    """One explanation per item, in the order of the request."""

    explanations: list[ExplanationAnswer]
    unknown: list[str]


class Items(BaseModel):
    """The likeliest first."""

    items: list[Item]


class SegmentItems(BaseModel):
    """Items of a segment, the most typical first. total: of the segment."""

    items: list[Item]
    total: int


class ItemDetails(Item):
    """segment: its number and name, or None."""

    segment: int | None
    segment_name: str | None


class ChangedAnswer(BaseModel):
    """What a commit did, which is served already."""

    added: int
    replaced: int = Field(description="Items that got another code.")
    retagged: int
    deleted: int
    items: int = Field(description="How many there are now.")
    commit: int = Field(description="Its number since the index was built.")
    milliseconds: float


class ExclusionsAnswer(BaseModel):
    """Items that are not returned, whatever requests ask."""

    items: list[str]
    total: int
    kept: bool = Field(description="Whether a file holds them for the next start: serve --exclusions.")


class About(BaseModel):
    """What is served."""

    items: int
    dims: int
    engine: str
    fingerprint: str
    space: str = Field(description="Of the training that gave the dimensions their meaning.")
    commit: int = Field(description="Changes since the index was built.")
    segments: int
    numbers: list[str] = Field(description="That items can be filtered and boosted by.")
    can_be_exact: bool
    images: list[str] = Field(description="Hosts whose pictures the page shows.")
    calibration: str | None
    built_at: str | None = Field(description="ISO 8601, in UTC.")
    changed_at: str | None = Field(description="When it was changed last.")
    log_latest: str | None = Field(description="The latest time of the log that the codes were trained on.")
    version: str
