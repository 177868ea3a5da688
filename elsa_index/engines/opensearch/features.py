"""What the weights in a document are called: the field of each term in requests, and of each weight in documents."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ...storage.ids import IdMap
from ..stored_codes import StoredCodes
from .documents import AGAINST, CODE, feature_name


class Features(Protocol):
    """has_opposite: whether terms of the other sign have postings."""

    @property
    def has_opposite(self) -> bool: ...

    def fields(self, terms: Iterable[int]) -> list[str]:
        """For each term the field of its weight, as JSON."""


@dataclass(frozen=True)
class OfDimensions:
    """`code.T`: T is the term, 2·dim for positive weights, 2·dim + 1 for negative ones."""

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

    def fields(self, terms: Iterable[int]) -> list[str]:
        return [json.dumps(f"{AGAINST if term % 2 else CODE}.{feature_name(self.ids[term // 2])}") for term in terms]


def features_of(ids: IdMap, *, by_item: bool, has_opposite: bool) -> Features:
    return OfItems(ids, has_opposite) if by_item else OfDimensions()


def has_negative(store: StoredCodes) -> bool:
    return any(bool((chunk.values < 0).any()) for chunk in store.chunks())
