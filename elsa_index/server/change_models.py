"""What changes of an index are asked by: items that come, go, get tags, and are not returned any more."""

from typing import Annotated, ClassVar

from pydantic import Field

from .request_types import (
    MAX_CHANGED,
    MAX_HISTORY,
    Body,
    FirstWrong,
    ItemId,
    ItemIds,
    Name,
    Names,
    SomeItemIds,
    Whole,
    none_of_them,
)


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

    MAX_FIELDS: ClassVar[int] = MAX_HISTORY  # a code has as many keys as weights

    items: Annotated[list[ChangedItem], FirstWrong()] = Field(min_length=1, max_length=MAX_CHANGED)
    space: str | None = Field(
        None, description="Of the codes, if dimensions are not items: what `space` of `GET /v1/index` says."
    )


class DeleteRequest(Body):
    """Items that go, in one commit: all of them, or none."""

    items: SomeItemIds
    skip_unknown: bool = Field(False, description="Delete the others where the index does not hold some.")


class Tagged(Body):
    """A tag of an item."""

    item_id: ItemId
    tag: Name


class TagRequest(Body):
    """Tags that items get and lose, in one commit."""

    add: Annotated[list[Tagged], FirstWrong()] = Field([], max_length=MAX_HISTORY)
    remove: Annotated[list[Tagged], FirstWrong()] = Field([], max_length=MAX_HISTORY)


class ExclusionsRequest(Body):
    """Items that are not returned any more, and such as are again, whatever requests ask."""

    add: ItemIds = none_of_them("Not to be returned any more.")
    remove: ItemIds = none_of_them("To be returned again.")


class CompactRequest(Body):
    """Merge what many changes left behind."""


BODIES: tuple[type[Body], ...] = (UpsertRequest, DeleteRequest, TagRequest, CompactRequest, ExclusionsRequest)
