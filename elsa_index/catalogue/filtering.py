"""Filtering: what filters mean for a catalogue."""

from collections.abc import Sequence
from functools import partial, reduce

import numpy as np

from ..data.facets import Facets
from ..data.numbers import Range
from ..data.tags import Tags
from ..engines.contract import Filter
from ..errors import UnknownTagError, UsageError, name_some
from ..storage.ids import IdMap, Rows
from .filters import Filters


def resolved(wanted: Filters, facets: Facets, ids: IdMap, always: Rows | None = None) -> Filter:
    """What leaves the items that are wanted. always: rows that are left out too.

    A tag that no item must carry may be one that none carries: nothing is sold out today.

    Raises UnknownTagError for other tags that no item carries, UsageError for numbers that there are none of.
    """
    excluded = ids.known(wanted.exclude)
    if always is not None:
        excluded = np.union1d(excluded, always)
    tags, any_tags, no_tags = _tags(wanted, facets.tags)
    ranges = _ranges(wanted, facets)
    only = None if wanted.only is None else ids.known(wanted.only)
    allowed = _allowed(facets, len(ids), tags, any_tags, no_tags, ranges, only)
    return Filter(len(ids), tags, any_tags, no_tags, ranges, only, excluded, allowed)


def _tags(wanted: Filters, tags: Tags | None) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    if tags is None:
        if asked := [*wanted.tags, *wanted.any_tags]:
            raise UnknownTagError(
                f"No item carries the tag {name_some(list(map(str, asked)))}: "
                "the index has no tags; build it with some: elsa-index build ... --tags FILE."
            )
        return (), (), ()
    carried = [name for name in wanted.any_tags if tags.is_carried(name)]
    any_tags = tags.numbers(carried or wanted.any_tags)  # that none of them is carried is told
    no_tags = tags.numbers([name for name in wanted.no_tags if tags.is_carried(name)])
    return tuple(tags.numbers(wanted.tags)), tuple(any_tags), tuple(no_tags)


def _ranges(wanted: Filters, facets: Facets) -> tuple[Range, ...]:
    if wanted.ranges and facets.numbers is None:
        raise UsageError(
            "The index has no numbers to filter by; build it with some: elsa-index build ... --metadata FILE --number "
            f"{next(iter(wanted.ranges))}."
        )
    numbers = facets.numbers
    return tuple(numbers.range(name, *ends) for name, ends in wanted.ranges.items()) if numbers else ()


def _allowed(
    facets: Facets,
    items: int,
    tags: Sequence[int],
    any_tags: Sequence[int],
    no_tags: Sequence[int],
    ranges: Sequence[Range],
    only: Rows | None,
) -> Rows | None:
    """Rows that pass, sorted; None for all. What names few items comes first."""
    few = [] if only is None else [only]
    if facets.tags is not None:
        few += [facets.tags.rows_of_all(tags)] if tags else []
        few += [reduce(np.union1d, map(facets.tags.rows_of, any_tags))] if any_tags else []
    few.sort(key=len)
    rows = reduce(partial(np.intersect1d, assume_unique=True), few) if few else None
    for one in ranges:
        assert facets.numbers is not None
        passing = facets.numbers.passing(one, rows)
        rows = np.flatnonzero(passing) if rows is None else rows[passing]
    for number in no_tags:
        assert facets.tags is not None
        carried = facets.tags.rows_of(number)
        rows = np.delete(np.arange(items), carried) if rows is None else np.setdiff1d(rows, carried, assume_unique=True)
    return rows
