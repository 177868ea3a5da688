"""What an export is made of."""

from dataclasses import dataclass

from ..catalogue.catalogue import Catalogue
from ..catalogue.history import ResolvedHistory
from ..codes.impacts import ImpactScale
from ..engines.stored_codes import StoredCodes


@dataclass(frozen=True, eq=False)
class AskedHistory:
    """A history for which an export has a ready query. user_id, items: as given. resolved: by the catalogue."""

    user_id: str
    items: list[str]
    resolved: ResolvedHistory


@dataclass(frozen=True, eq=False)
class Source:
    """What is exported. titles: for each row, or None where there are none. scale: of impacts, for formats that have
    integers only."""

    catalogue: Catalogue
    store: StoredCodes
    titles: list[str | None] | None
    asked: list[AskedHistory]
    scale: ImpactScale
