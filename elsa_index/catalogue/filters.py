"""Filters: which items may be returned, as people ask for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import UsageError, shorten
from ..sequences import listed

if TYPE_CHECKING:
    from ..data.numbers import Bound


@dataclass(frozen=True)
class Filters:
    """Which items may be returned: those that pass everything that is asked.

    Attributes:
        tags: Tags that they must all carry.
        any_tags: Tags of which they must carry one.
        no_tags: Tags of which they must carry none.
        ranges: The least and the most of their numbers, by name; None where an end is open. Dates are text, ISO 8601.
        only: Ids that alone may be returned; None: all.
        exclude: Ids never to be returned.

    Raises:
        UsageError: For what is no such thing.

    >>> Filters(ranges={"price": (None, 20), "released": ("2024-01-01", None)}).is_empty
    False
    >>> Filters(tags="new")
    Traceback (most recent call last):
    elsa_index.errors.UsageError: tags is a sequence of names, not one text; got 'new'.
    """

    tags: Sequence[str] = ()
    any_tags: Sequence[str] = ()
    no_tags: Sequence[str] = ()
    ranges: Mapping[str, "tuple[Bound, Bound]"] = field(default_factory=dict)
    only: Iterable[object] | None = None
    exclude: Iterable[object] = ()

    def __post_init__(self) -> None:
        for name in ("tags", "any_tags", "no_tags", "only", "exclude"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, tuple(listed(given, name)))  # asked again by each row of a homepage
        if not isinstance(self.ranges, Mapping):
            raise UsageError(f"ranges are pairs of ends by name, {{'price': (None, 20)}}; got {shorten(self.ranges)}.")
        object.__setattr__(self, "ranges", {str(name): ends for name, ends in self.ranges.items()})
        for name, ends in self.ranges.items():
            if isinstance(ends, str) or not isinstance(ends, Sequence) or len(ends) != 2:
                raise UsageError(f"The range of {name} must be a pair of its ends, (1, None); got {shorten(ends)}.")

    @property
    def is_empty(self) -> bool:
        """Whether all items pass."""
        asked = self.tags or self.any_tags or self.no_tags or self.ranges or self.exclude
        return not asked and self.only is None


ALL_ITEMS = Filters()
