"""Types of what requests hold: ids, histories, names, times; and how much there may be of each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from ..data.ages import seconds_of, unit_of

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
SPAN_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^[0-9]{0,6}[1-9][0-9]{0,6}(\.[0-9]{1,6})?[smhdwy]?$"},
        {"type": "null"},
    ],
    "examples": ["30d"],
}
_ID_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}], "examples": ["1"]}


def whole(value: object) -> object:
    """JSON has one kind of number: 10.0 is a whole one, true and "10" are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value % 1:
        raise ValueError("must be a whole number")
    return int(value)


def _id(value: object) -> object:
    if not isinstance(value, str):
        try:
            return str(whole(value))
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
    return seconds_of(moment)


def _weighted(value: object) -> object:
    return value if isinstance(value, dict) else {"item_id": value}


class Body(BaseModel):
    """What every body has in common. MAX_FIELDS: keys that one object of it has at most."""

    model_config = ConfigDict(extra="forbid", strict=True)
    MAX_FIELDS: ClassVar[int] = 32


Whole = Annotated[int, BeforeValidator(whole)]
ItemId = Annotated[str, BeforeValidator(_id), WithJsonSchema(_ID_SCHEMA)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class FirstWrong(FailFast):
    """The first wrong one is told: a request of ten thousand wrong ones keeps nobody waiting."""

    __hash__ = object.__hash__  # which `| None` needs


Names = Annotated[list[Name], FirstWrong()]


def _are_ids(value: object) -> bool:
    """Whether it is a list of texts that are ids: nearly all requests hold nothing else, and this takes a microsecond,
    while item by item takes a hundred."""
    if type(value) is not list or not all(type(name) is str and name for name in value):
        return False
    try:
        "".join(value).encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class _Ids:
    """A list of ids, from the least to the most of them."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        length = Field(min_length=self.least, max_length=self.most)
        each = handler.generate_schema(Annotated[list[ItemId], FirstWrong(), length])
        return core_schema.no_info_wrap_validator_function(self._read, each)

    def _read(self, value: Any, each: Callable[[Any], list[str]]) -> list[str]:
        return value if _are_ids(value) and self.least <= len(value) <= self.most else each(value)


def none_of_them(about: str, most: int | None = None, kind: type = list) -> Any:
    """A field that is empty where nothing is given. Pydantic copies an empty list for every request, slowly, and makes
    one fast."""
    shown = {"default": kind()}
    return Field(default_factory=kind, max_length=most, description=about, json_schema_extra=shown)


ItemIds = Annotated[list[str], _Ids(0, MAX_HISTORY)]
SomeItemIds = Annotated[list[str], _Ids(1, MAX_HISTORY)]
ExplainedIds = Annotated[list[str], _Ids(1, MAX_EXPLAINED)]


class Weighted(Body):
    """An item of a history that counts for more or less than another."""

    item_id: ItemId
    weight: float = Field(1.0, allow_inf_nan=False, ge=-1e6, le=1e6)
    time: (
        Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_seconds), WithJsonSchema(_TIME_SCHEMA)] | None
    ) = Field(None, description="When it was seen: seconds since 1970 (or milliseconds and smaller), or ISO 8601.")


_HISTORY_ITEM_SCHEMA = {"anyOf": [*_ID_SCHEMA["anyOf"], Weighted.model_json_schema()]}
HistoryItem = Annotated[Weighted, BeforeValidator(_weighted), WithJsonSchema(_HISTORY_ITEM_SCHEMA)]


@dataclass(frozen=True, slots=True)
class History:
    """ids; weights and times: one for each, a time in seconds since 1970 or None where it has none; None where no item
    has one."""

    ids: list[str]
    weights: list[float] | None = None
    times: list[float | None] | None = None


@dataclass(frozen=True)
class _Items:
    """A history of at most so many items: ids, or ids with weights and times."""

    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        each = handler.generate_schema(Annotated[list[HistoryItem], FirstWrong(), Field(max_length=self.most)])
        return core_schema.no_info_wrap_validator_function(self._read, each)

    def _read(self, value: Any, each: Callable[[Any], list[Weighted]]) -> History:
        if _are_ids(value) and len(value) <= self.most:
            return History(value)
        items = each(value)
        weights, times = [item.weight for item in items], [item.time for item in items]
        return History([item.item_id for item in items], weights, times)


LongHistory = Annotated[History, _Items(MAX_HISTORY)]
ShortHistory = Annotated[History, _Items(MAX_SHORT_HISTORY)]
