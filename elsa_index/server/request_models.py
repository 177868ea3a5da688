"""What requests ask: their models say what is allowed, in checks and in the OpenAPI document alike."""

import time
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema

from ..data.ages import share_left
from ..errors import UsageError, shorten
from ..search.homepage_options import HomepageOptions
from ..search.options import DiversityBy, SearchOptions
from ..spans import Span
from .request_types import (
    MAX_BATCH,
    MAX_K,
    MAX_ROWS,
    SPAN_SCHEMA,
    Body,
    ExplainedIds,
    FirstWrong,
    ItemId,
    ItemIds,
    LongHistory,
    Name,
    Names,
    ShortHistory,
    Whole,
    none_of_them,
    whole,
)

_ABOUT_HISTORY = "Items, the same one once: ids, or ids with weights and times."
_LEAST_TO_MOST = Field(ge=HomepageOptions.LIMITS["fewest"].least, le=MAX_K)


def _option(
    options: type[SearchOptions] | type[HomepageOptions], name: str, about: str, most: float | None = None
) -> Any:
    """A field with the default and the limits of an option; most: what a request may ask for at most."""
    limits = options.LIMITS.get(name)
    least, top = (limits.least, limits.most) if limits else (None, None)
    return Field(getattr(options, name), ge=least, le=top if most is None else most, description=about)


class HistoryRequest(Body):
    """A history."""

    history: LongHistory = Field(description=_ABOUT_HISTORY)
    half_life: Annotated[Span, WithJsonSchema(SPAN_SCHEMA)] = Field(
        None,
        description="Let items count half as much that are so many seconds, or 30d (h, d, w, y), older than the latest "
        "one of the history; every item needs a time then.",
    )

    seen_after: Annotated[Span, WithJsonSchema(SPAN_SCHEMA)] = Field(
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
        return [name for name, at in zip(self.ids, times, strict=True) if at >= since]

    def _times(self, needed_by: str) -> list[float]:
        times = self.history.times or [None] * len(self.ids)
        if None in times:
            without = self.ids[times.index(None)]
            raise UsageError(f"{needed_by} needs a time of every item of the history; {shorten(without)} has none.")
        return [at for at in times if at is not None]

    @classmethod
    def of(cls, item_id: str) -> "HistoryRequest":
        """A history of one item."""
        return cls.model_validate({"history": [item_id]})

    @property
    def ids(self) -> list[str]:
        return self.history.ids

    @property
    def weights(self) -> list[float] | None:
        """None: all the same. Raises UsageError where times are missing."""
        if self.half_life is None or not self.ids:
            return self.history.weights
        times = np.array(self._times("half_life"), dtype=np.float64)
        return (share_left(times, self.half_life) * (self.history.weights or 1.0)).tolist()


class ShortHistoryRequest(HistoryRequest):
    """A history that is not so long."""

    history: ShortHistory = Field(description=_ABOUT_HISTORY)


_End = Annotated[float, Field(allow_inf_nan=False)] | str | None


class Ends(Body):
    """The ends of a range, both included; null where it is open."""

    least: _End = None
    most: _End = None


class Listed(Body):
    """How a list of items is ranked."""

    k: Whole = _option(SearchOptions, "k", "How many items.", MAX_K)
    offset: Whole = _option(SearchOptions, "offset", "The best items to leave out: for the next page.", MAX_K)
    boosts: list[Annotated[Name, Field(pattern="^(tag|age|power):.+=.+$")]] = none_of_them(
        "What scores are multiplied by: tag:new=1.5, age:released=180d, power:rating=0.5.", 20
    )
    diversity: float = _option(SearchOptions, "diversity", "0: the best items, to 1: the most different ones.")
    diversity_by: DiversityBy | None = Field(
        None, description="What makes items similar: one segment, or their codes; null: the first that there is."
    )


class Filtered(Body):
    """What restricts answers, what they promise, and whether all that is known of items comes along."""

    exact: bool = _option(SearchOptions, "exact", "Prove the answer: the exhaustive top k of the stored codes.")
    tags: Names = none_of_them("Only items that carry every one of them.", 100)
    any_tags: Names = none_of_them("Only items that carry one of them.", 100)
    no_tags: Names = none_of_them("Only items that carry none of them.", 100)
    ranges: dict[Name, Ends] = none_of_them(
        "Only items whose numbers, by name, are from the least to the most.", 20, dict
    )
    only: ItemIds | None = Field(None, description="Items that alone may be returned; unknown ones are ignored.")
    exclude: ItemIds = none_of_them("Items never to be returned; unknown ones are ignored.")
    keep_seen: bool = _option(SearchOptions, "keep_seen", "Whether items of the history may be returned too.")
    metadata: bool = Field(False, description="Whether all that is known of each item comes along.")


class RecommendRequest(HistoryRequest, Listed, Filtered):
    """What next for this history?"""


class SimilarRequest(Listed, Filtered):
    """Items like this one."""

    item_id: ItemId


class BatchRequest(Listed, Filtered):
    """What next for each of these histories?"""

    histories: Annotated[list[ShortHistoryRequest], FirstWrong()] = Field(
        min_length=1, max_length=MAX_BATCH, description="Answered in this order."
    )


class HomepageRequest(HistoryRequest, Filtered):
    """The rows of a homepage for this history."""

    rows: Whole = _option(HomepageOptions, "rows", "At most so many, the first one included.", MAX_ROWS)
    k: Whole = _option(HomepageOptions, "k", "Items per row.", MAX_K)
    fewest: Annotated[int, _LEAST_TO_MOST, BeforeValidator(whole)] | None = Field(
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

    items: ExplainedIds = Field(description="Items to explain.")


BODIES: tuple[type[Body], ...] = (
    RecommendRequest,
    BatchRequest,
    SimilarRequest,
    HomepageRequest,
    SegmentsRequest,
    DimensionsRequest,
    ExplainRequest,
)
