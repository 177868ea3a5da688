"""What the weights in a document are called: the field of each term in requests, and of each weight in documents."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ...storage.ids import IdMap
from ..stored_codes import StoredCodes
from .documents import AGAINST, CODE, document_id


class Features(Protocol):
    """by_item: whether they are named by items. has_opposite: whether terms of the other sign have postings."""

    @property
    def by_item(self) -> bool: ...

    @property
    def has_opposite(self) -> bool: ...

    def fields(self, terms: Iterable[int]) -> list[str]:
        """For each term the field of its weight, as JSON."""


@dataclass(frozen=True)
class OfDimensions:
    """`code.T`: T is the term, 2·dim for positive weights, 2·dim + 1 for negative ones."""

    by_item = False
    has_opposite = True

    def fields(self, terms: Iterable[int]) -> list[str]:
        return [f'"{CODE}.{term}"' for term in terms]


@dataclass(frozen=True, eq=False)
class OfItems:
    """Codes over items: `code.ID` of the item that speaks for the document's, `against.ID` where its weight is below 0.
    Whoever knows a history's ids can ask, without looking anything up.

    >>> OfItems(IdMap(["film 1", "a.b"]), has_opposite=True).fields([0, 3])
    ['"code.film 1"', '"against.a%2Eb"']
    """

    ids: IdMap
    has_opposite: bool
    by_item = True

    def fields(self, terms: Iterable[int]) -> list[str]:
        return [json.dumps(f"{AGAINST if term % 2 else CODE}.{feature_name(self.ids[term // 2])}") for term in terms]


def features_of(ids: IdMap, *, by_item: bool, has_opposite: bool) -> Features:
    return OfItems(ids, has_opposite) if by_item else OfDimensions()


def item_keys(ids: IdMap) -> list[str]:
    """The name of each item among the features of documents, as JSON."""
    return [json.dumps(feature_name(name)) for name in ids]


def has_negative(store: StoredCodes) -> bool:
    return any(bool((chunk.values < 0).any()) for chunk in store.chunks())


def feature_name(item_id: str) -> str:
    """An item's name among the features of others: its document's _id, with % and the dot, which clusters take for a
    path, written as %25 and %2E.

    >>> feature_name("a.b"), feature_name("100%")
    ('a%2Eb', '100%25')
    """
    return document_id(item_id).replace("%", "%25").replace(".", "%2E")
