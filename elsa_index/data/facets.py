"""Facets: all that items can be filtered by."""

from dataclasses import dataclass

from .numbers import Numbers
from .tags import Tags


@dataclass(frozen=True, eq=False)
class Facets:
    """tags, numbers: of all items; None where there are none."""

    tags: Tags | None = None
    numbers: Numbers | None = None


NO_FACETS = Facets()
