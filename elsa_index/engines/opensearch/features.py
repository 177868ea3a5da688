"""What the weights in a document are called: the field of each term in requests, and of each weight in documents."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...storage.ids import IdMap, Rows
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

    row_of_dim: (dims,) the row in `ids` of each dimension's item.

    >>> OfItems(IdMap(["film 1", "a.b"]), np.array([0, 1]), has_opposite=True).fields([0, 3])
    ['"code.film 1"', '"against.a%2Eb"']
    """

    ids: IdMap
    row_of_dim: Rows
    has_opposite: bool

    def fields(self, terms: Iterable[int]) -> list[str]:
        terms = np.fromiter(terms, dtype=np.int64)
        names = self.ids.take(self.row_of_dim[terms // 2]).tolist()
        sides = [AGAINST if opposite else CODE for opposite in (terms % 2).tolist()]
        return [json.dumps(f"{side}.{feature_name(name)}") for side, name in zip(sides, names, strict=True)]


def features_of(ids: IdMap, row_of_dim: Rows | None, *, has_opposite: bool) -> Features:
    """row_of_dim: None where features are dimensions."""
    return OfDimensions() if row_of_dim is None else OfItems(ids, row_of_dim, has_opposite)


def has_negative(store: StoredCodes) -> bool:
    return any(bool((chunk.values < 0).any()) for chunk in store.chunks())
