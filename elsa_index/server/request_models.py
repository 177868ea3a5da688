"""What requests hold: their models say what is allowed, in checks and in the OpenAPI document alike."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema

from ..data.ages import share_left, unit_of
from ..errors import UsageError, shorten
from ..search.homepage_options import HomepageOptions
from ..search.options import DiversityBy, SearchOptions
from ..spans import Span

MAX_BODY = 8_000_000
"""Bytes of a request."""
MAX_HISTORY = 10_000
"""Items of a history, and of what is excluded."""
MAX_K = 1_000
"""Items, segments or dimensions to return."""
MAX_ROWS = 50
"""Rows of a homepage."""
MAX_BATCH = 100
"""Histories of one request."""
MAX_SHORT_HISTORY = 1_000
"""Items of a history of a batch, or of one whose every part is shown."""
MAX_CHANGED = 1_000
"""Items that one request adds, or gives other codes."""
MAX_EXPLAINED = 20
"""Items to explain in one request."""
_TIME_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}
_SPAN_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^[0-9]{0,6}[1-9][0-9]{0,6}(\.[0-9]{1,6})?[smhdwy]?$"},
        {"type": "null"},
    ],
    "examples": ["30d"],
}
_ID_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}], "examples": ["1"]}


def _option(
    options: type[SearchOptions] | type[HomepageOptions], name: str, about: str, most: float | None = None
) -> Any:
    """A field with the default and the limits of an option; most: what a request may ask for at most."""
    limits = options.LIMITS.get(name)
    least, top = (limits.least, limits.most) if limits else (None, None)
    return Field(getattr(options, name), ge=least, le=top if most is None else most, description=about)


def _whole(value: object) -> object:
    """JSON has one kind of number: 10.0 is a whole one, true and "10" are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value % 1:
        raise ValueError("must be a whole number")
    return int(value)


def _id(value: object) -> object:
    if not isinstance(value, str):
        try:
            return str(_whole(value))
        except ValueError:
            raise ValueError("an id must be text or a whole number") from None
    if not value:
        raise ValueError("an id must not be empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("an id must be valid Unicode text") from None
    return value


def _seconds(value: object) -> object:
    """Seconds since 1970; a time without a zone is one of UTC."""
    if not isinstance(value, str):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value / unit_of(abs(value))[1]
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be seconds since 1970, or ISO 8601 such as 2024-01-31T10:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _weighted(value: object) -> object:
    return value if isinstance(value, dict) else {"item_id": value}


class Body(BaseModel):
    """What every body has in common."""

    model_config = ConfigDict(extra="forbid", strict=True)


Whole = Annotated[int, BeforeValidator(_whole)]
_LEAST_TO_MOST = Field(ge=HomepageOptions.LIMITS["fewest"].least, le=MAX_K)
ItemId = Annotated[str, BeforeValidator(_id), WithJsonSchema(_ID_SCHEMA)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class _FirstWrong(FailFast):
    """The first wrong one is told: a request of ten thousand wrong ones keeps nobody waiting."""

    __hash__ = object.__hash__  # which `| None` needs


ItemIds = Annotated[list[ItemId], _FirstWrong()]
Names = Annotated[list[Name], _FirstWrong()]


class Weighted(Body):
    """An item of a history that counts for more or less than another."""

    item_id: ItemId
    weight: float = Field(1.0, allow_inf_nan=False, ge=-1e6, le=1e6)
    time: (
        Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_seconds), WithJsonSchema(_TIME_SCHEMA)] | None
    ) = Field(None, description="When it was seen: seconds since 1970 (or milliseconds and smaller), or ISO 8601.")


_HISTORY_ITEM_SCHEMA = {"anyOf": [*_ID_SCHEMA["anyOf"], Weighted.model_json_schema()]}
HistoryItem = Annotated[Weighted, BeforeValidator(_weighted), WithJsonSchema(_HISTORY_ITEM_SCHEMA)]
HistoryItems = Annotated[list[HistoryItem], _FirstWrong()]


class HistoryRequest(Body):
    """A history."""

    history: HistoryItems = Field(
        max_length=MAX_HISTORY, description="Items, the same one once: ids, or ids with weights and times."
    )
    half_life: Annotated[Span, WithJsonSchema(_SPAN_SCHEMA)] = Field(
        None,
        description="Let items count half as much that are so many seconds, or 30d (h, d, w, y), older than the latest "
        "one of the history; every item needs a time then.",
    )

    seen_after: Annotated[Span, WithJsonSchema(_SPAN_SCHEMA)] = Field(
        None,
        description="Let items of the history be returned again that were seen longer ago than so many seconds, or 30d "
        "(h, d, w, y); every item needs a time then.",
    )

    @property
    def seen(self) -> list[str] | None:
        """Items that are not to be returned; None: all of the history. Raises UsageError where times are missing."""
        if self.seen_after is None:
            return None
        since = time.time() - self.seen_after
        times = self._times("seen_after")
        return [item.item_id for item, at in zip(self.history, times, strict=True) if at >= since]

    def _times(self, needed_by: str) -> list[float]:
        if without := [item.item_id for item in self.history if item.time is None]:
            raise UsageError(f"{needed_by} needs a time of every item of the history; {shorten(without[0])} has none.")
        return [item.time for item in self.history if item.time is not None]

    @classmethod
    def of(cls, item_id: str) -> "HistoryRequest":
        """A history of one item."""
        return cls.model_validate({"history": [item_id]})

    @property
    def ids(self) -> list[str]:
        return [item.item_id for item in self.history]

    @property
    def weights(self) -> list[float]:
        """Raises UsageError where times are missing."""
        weights = [item.weight for item in self.history]
        if self.half_life is None or not weights:
            return weights
        times = np.array(self._times("half_life"), dtype=np.float64)
        return (share_left(times, self.half_life) * weights).tolist()


class ShortHistoryRequest(HistoryRequest):
    """A history that is not so long."""

    history: HistoryItems = Field(
        max_length=MAX_SHORT_HISTORY, description="Items, the same one once: ids, or ids with weights and times."
    )


_End = Annotated[float, Field(allow_inf_nan=False)] | str | None


class Ends(Body):
    """The ends of a range, both included; null where it is open."""

    least: _End = None
    most: _End = None


class Listed(Body):
    """How a list of items is ranked."""

    k: Whole = _option(SearchOptions, "k", "How many items.", MAX_K)
    offset: Whole = _option(SearchOptions, "offset", "The best items to leave out: for the next page.", MAX_K)
    boosts: list[Annotated[Name, Field(pattern="^(tag|age|power):.+=.+$")]] = Field(
        [],
        max_length=20,
        description="What scores are multiplied by: tag:new=1.5, age:released=180d, power:rating=0.5.",
    )
    diversity: float = _option(SearchOptions, "diversity", "0: the best items, to 1: the most different ones.")
    diversity_by: DiversityBy | None = Field(
        None, description="What makes items similar: one segment, or their codes; null: the first that there is."
    )


class Filtered(Body):
    """What restricts answers, what they promise, and whether all that is known of items comes along."""

    exact: bool = _option(SearchOptions, "exact", "Prove the answer: the exhaustive top k of the stored codes.")
    tags: Names = Field([], max_length=100, description="Only items that carry every one of them.")
    any_tags: Names = Field([], max_length=100, description="Only items that carry one of them.")
    no_tags: Names = Field([], max_length=100, description="Only items that carry none of them.")
    ranges: dict[Name, Ends] = Field(
        {}, max_length=20, description="Only items whose numbers, by name, are from the least to the most."
    )
    only: ItemIds | None = Field(
        None, max_length=MAX_HISTORY, description="Items that alone may be returned; unknown ones are ignored."
    )
    exclude: ItemIds = Field(
        [], max_length=MAX_HISTORY, description="Items never to be returned; unknown ones are ignored."
    )
    keep_seen: bool = _option(SearchOptions, "keep_seen", "Whether items of the history may be returned too.")
    metadata: bool = Field(False, description="Whether all that is known of each item comes along.")


class RecommendRequest(HistoryRequest, Listed, Filtered):
    """What next for this history?"""


class SimilarRequest(Listed, Filtered):
    """Items like this one."""

    item_id: ItemId


class BatchRequest(Listed, Filtered):
    """What next for each of these histories?"""

    histories: Annotated[list[ShortHistoryRequest], _FirstWrong()] = Field(
        min_length=1, max_length=MAX_BATCH, description="Answered in this order."
    )


class HomepageRequest(HistoryRequest, Filtered):
    """The rows of a homepage for this history."""

    rows: Whole = _option(HomepageOptions, "rows", "At most so many, the first one included.", MAX_ROWS)
    k: Whole = _option(HomepageOptions, "k", "Items per row.", MAX_K)
    fewest: Annotated[int, _LEAST_TO_MOST, BeforeValidator(_whole)] | None = Field(
        HomepageOptions.fewest,
        description="Unseen items without which a segment is left out: half of k where null, and never more than k.",
    )
    diversity: float = _option(HomepageOptions, "diversity", "0: the best segments, to 1: the most different ones.")


class SegmentsRequest(HistoryRequest):
    """The best segments for this history."""

    k: Whole = Field(10, ge=1, le=MAX_K, description="How many segments.")


class DimensionsRequest(HistoryRequest):
    """The strongest dimensions of this history."""

    k: Whole = Field(20, ge=1, le=MAX_K, description="How many dimensions.")


class ExplainRequest(ShortHistoryRequest):
    """Why these items for this history?"""

    items: ItemIds = Field(min_length=1, max_length=MAX_EXPLAINED, description="Items to explain.")


class ChangedItem(Body):
    """An item that comes, or gets another code."""

    item_id: ItemId
    code: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        min_length=1,
        max_length=MAX_HISTORY,
        description="Weights by dimension; where dimensions are items, by item: of those that speak for this one.",
    )
    users: Whole | None = Field(None, ge=0, le=2**32 - 1, description="That have the item.")
    tags: Names = Field([], max_length=100, description="Tags that it gets besides those that it has.")
    metadata: dict[str, str] = Field({}, max_length=100, description="What is known of it anew: title and others.")


class UpsertRequest(Body):
    """Items that come, or get other codes, in one commit."""

    items: Annotated[list[ChangedItem], _FirstWrong()] = Field(min_length=1, max_length=MAX_CHANGED)
    space: str | None = Field(
        None, description="Of the codes, if dimensions are not items: what `space` of `GET /v1/index` says."
    )


class DeleteRequest(Body):
    """Items that go, in one commit: all of them, or none."""

    items: ItemIds = Field(min_length=1, max_length=MAX_HISTORY)
    skip_unknown: bool = Field(False, description="Delete the others where the index does not hold some.")


class Tagged(Body):
    """A tag of an item."""

    item_id: ItemId
    tag: Name


class TagRequest(Body):
    """Tags that items get and lose, in one commit."""

    add: Annotated[list[Tagged], _FirstWrong()] = Field([], max_length=MAX_HISTORY)
    remove: Annotated[list[Tagged], _FirstWrong()] = Field([], max_length=MAX_HISTORY)


class ExclusionsRequest(Body):
    """Items that are not returned any more, and such as are again, whatever requests ask."""

    add: ItemIds = Field([], max_length=MAX_HISTORY)
    remove: ItemIds = Field([], max_length=MAX_HISTORY)


class CompactRequest(Body):
    """Merge what many changes left behind."""


BODIES: tuple[type[Body], ...] = (
    RecommendRequest,
    BatchRequest,
    SimilarRequest,
    HomepageRequest,
    SegmentsRequest,
    DimensionsRequest,
    ExplainRequest,
    UpsertRequest,
    DeleteRequest,
    TagRequest,
    CompactRequest,
    ExclusionsRequest,
)
