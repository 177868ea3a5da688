"""Draft: what a change makes of a catalogue, before anything is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array, vstack

from ..catalogue.catalogue import Catalogue
from ..codes.item_codes import ItemCodes
from ..data.scipy_matrix import widened
from ..errors import UsageError
from ..storage.ids import IdMap, Rows
from ..storage.runs import rows_now

NO_ROWS: Rows = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Draft:
    """The items as they will be: those that stay, in their order, then those that are written.

    Attributes:
        ids: (items,) of all.
        former: (items,) the row that each has now, -1 for those that are new.
        stay: How many stay as they are; the others are written.
        refiled: How many of the written ones come first that have the code they had, and only other tags: an inverted
            index files items by them.
        codes: (written, dims) float32 CSR, of those that are written.
        gone: How many items are deleted.
        given, given_rows: Codes, and rows of them, from which more is known of items: users, history weights and codes.
        tags_added: Tags and the ids of items that get them.
        tags_removed: Tags and the ids of items that lose them.
        metadata: A table by column, of what is known anew.
        space: Of the codes, where all are replaced by codes of another one.
    """

    ids: IdMap
    former: Rows
    stay: int
    refiled: int
    codes: csr_array
    gone: int
    given: ItemCodes | None = None
    given_rows: Rows = field(default_factory=lambda: NO_ROWS)
    tags_added: Sequence[tuple[str, str]] = ()
    tags_removed: Sequence[tuple[str, str]] = ()
    metadata: Mapping[str, Sequence[object]] | None = None
    space: str | None = None

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        *,
        gone: Rows = NO_ROWS,
        refiled: Rows = NO_ROWS,
        coded: tuple[IdMap, csr_array] | None = None,
    ) -> "Draft":
        """gone, refiled: rows of items that are deleted, and of those that get other tags. coded: ids and codes of
        those that come, or get other codes.

        Raises UsageError where no item would be left.
        """
        dims = catalogue.engine.dims if coded is None else int(coded[1].shape[1])
        now = NO_ROWS if coded is None else catalogue.ids.find(coded[0])
        refiled = np.setdiff1d(refiled, np.concatenate([gone, now]))
        if len(refiled) and catalogue.manifest.parameters["store"] == "none":
            raise UsageError(
                "An index built with --store none keeps no codes, by which items could be filed under other tags and "
                "numbers: give these with the items' codes, upsert MODEL --only ITEMS --tags TAGS --metadata FILE."
            )
        left = np.delete(np.arange(len(catalogue.ids)), np.concatenate([gone, refiled, now[now >= 0]]))
        stored = catalogue.engine.stored_rows(refiled) if len(refiled) else csr_array((0, dims))
        codes = widened(stored.astype(np.float32), dims)
        ids = catalogue.ids.in_order(np.concatenate([left, refiled]))
        if coded is not None:
            ids, codes = ids.followed_by(coded[0]), csr_array(vstack([codes, coded[1]]))
        if not len(ids):
            raise UsageError("No item would be left, and an index needs at least one.")
        return cls(ids, np.concatenate([left, refiled, now]), len(left), len(refiled), codes, len(gone))

    def rows_of(self, catalogue: Catalogue, names: Iterable[object]) -> Rows:
        """Rows afterwards of items that will be there. Not by a table of all ids, which takes as long as all else."""
        names = list(names)
        now = rows_now(self.former, len(catalogue.ids))
        written = self.ids.in_order(self.coded).find(names)
        return np.where(written >= 0, written + self.stay + self.refiled, now[catalogue.ids.find(names)])

    @property
    def dims(self) -> int:
        return int(self.codes.shape[1])

    @property
    def stay_rows(self) -> Rows:
        """Rows now, ascending, of those that stay."""
        return self.former[: self.stay]

    @property
    def coded(self) -> Rows:
        """Rows of those that get other codes, sorted: the last ones."""
        return np.arange(self.stay + self.refiled, len(self.ids))
