"""Discovering segments: by dominant dimensions, by communities of items, or as another model's codes have them."""

import numpy as np

from ..codes.item_codes import ItemCodes
from ..errors import DataError, UsageError
from ..storage.ids import IdMap
from .communities import communities
from .dominant import by_dominant_dimensions, has_dominant_dimensions
from .partition import Partition
from .rules import SegmentRules
from .terms import ItemTerms


def discover(
    codes: ItemCodes, rules: SegmentRules, terms: ItemTerms | None = None, source: ItemCodes | None = None
) -> Partition | None:
    """Segments of codes; None where codes have none: dense ones, and those with history codes of their own.

    source: other codes of the same items, whose segments are taken instead, ranked by the codes' own vectors.

    Raises UsageError for a source without dominant dimensions, DataError for one of other items.
    """
    if source is not None:
        return _as_in(source, codes, rules, terms)
    if codes.history_kind == "items":
        return communities(codes, rules)
    if codes.history_kind == "same" and has_dominant_dimensions(codes):
        return by_dominant_dimensions(codes, rules, terms)
    return None


def _as_in(source: ItemCodes, codes: ItemCodes, rules: SegmentRules, terms: ItemTerms | None) -> Partition:
    if source.history_kind != "same" or not has_dominant_dimensions(source):
        raise UsageError(
            "Segments are taken from sparse codes in latent dimensions, as elsa-index train --model elsa makes them; "
            f"these are {'dense' if source.history_kind == 'same' else 'codes over items'}."
        )
    there = source.ids.find(codes.ids)
    both = np.flatnonzero(there >= 0)
    if not len(both):
        raise DataError(
            f"None of the {len(codes.ids):,} items is among the {len(source.ids):,} whose segments are to be taken; "
            f"the first items are {codes.ids[0]!r} and {source.ids[0]!r}."
        )
    counts = None if source.item_counts is None else source.item_counts[there[both]]
    part = ItemCodes(IdMap(codes.ids.take(both)), source.weights[there[both]], item_counts=counts)
    found = by_dominant_dimensions(part, rules, terms and terms.take(both))
    of = np.full(len(codes.ids), -1, dtype=np.int32)
    of[both] = found.of
    return Partition.of_codes(codes.weights, of, rules.nonzeros_of_items, found.merged)
