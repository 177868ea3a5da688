"""Catalogue: what an opened index directory holds."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..data.facets import Facets
from ..data.metadata import TITLE, Metadata
from ..data.numbers import Numbers
from ..data.tags import Tags
from ..data.title_lookup import Titles
from ..engines.contract import Engine, Filter
from ..engines.opening import damage_told, open_engine
from ..engines.top_k import best, in_sorted
from ..errors import ElsaIndexError, StorageError, UsageError
from ..segments.stored import Segments
from ..storage.as_opened import FilesAsOpened
from ..storage.files import load_array
from ..storage.ids import IdMap, Rows
from ..storage.locks import locked, one_generation
from ..storage.ranges import check_shape
from ..storage.staging import linked
from .commit import next_commit
from .files import HISTORY_WEIGHTS, ITEM_COUNTS, SEGMENTS, bytes_by_part
from .filtering import resolved
from .filters import Filters
from .history import ResolvedHistory
from .history_codes import HistoryCodes, open_history_codes
from .manifest import Manifest
from .resolving import Resolver

_TRIES, _FREE_TRIES = 20, 5
_USUAL_DIMS = 1 << 24  # that codes may have however few they are


@dataclass(eq=False)
class Catalogue:
    """Items by row, with all that an index directory keeps of them, opened by memory map.

    item_counts: (items,) users that have each item; None for imported codes. history_codes, history_weights: what each
    item brings to a history, and (items,) how much of it; None: all of it. facets: what they can be
    filtered by. metadata, segments: None where there are none. always: what no
    answer may hold, whatever is asked.
    """

    path: Path
    manifest: Manifest
    ids: IdMap
    engine: Engine
    item_counts: Rows | None
    history_codes: HistoryCodes
    history_weights: npt.NDArray[np.floating] | None
    facets: Facets
    metadata: Metadata | None
    titles: Titles
    segments: Segments | None
    files: FilesAsOpened
    closed: bool = False
    always: Filter | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], metadata: Mapping[str, Sequence[object]] | None = None) -> "Catalogue":
        """Opens what `write_index` wrote: one index, whatever takes its place meanwhile.

        metadata: titles, and names of segments, to use instead of those that the index was built with.

        Raises StorageError where it is missing, damaged or too new, DataError where no item of the metadata is in it.
        """
        path = Path(path)
        for tries in range(_TRIES):
            # A writer that goes on and on waits, in the end, until this one has opened.
            with locked(path) if tries >= _FREE_TRIES else nullcontext(), one_generation(path) as is_same:
                try:
                    with damage_told(path):
                        catalogue = cls._open(path, metadata)
                except ElsaIndexError:
                    if is_same():
                        raise
                else:
                    if is_same():
                        return catalogue
                    catalogue.close()
        raise StorageError(f"{path} was replaced {_TRIES} times while it was opened; open it when that has ended.")

    @classmethod
    def _open(cls, path: Path, metadata: Mapping[str, Sequence[object]] | None) -> "Catalogue":
        manifest = Manifest.read(path)
        files = FilesAsOpened(path, manifest.files)
        manifest.check_files(path)
        _check_dims(manifest)
        ids = IdMap.load(path, "ids")
        counts, shares = (
            load_array(path / name) if name in manifest.files else None for name in (ITEM_COUNTS, HISTORY_WEIGHTS)
        )
        for values, kinds, what in ((counts, "iu", "Item counts"), (shares, "f", "History weights")):
            if values is not None:
                check_shape(values, (len(ids),), kinds, what)
        tags = Tags.load(path, len(ids)) if Tags.are_in(manifest.files) else None
        facets = Facets(tags, Numbers.load(path, len(ids)) if Numbers.are_in(manifest.files) else None)
        known = Metadata.load(path, len(ids)) if Metadata.is_in(manifest.files) else None
        with ExitStack() as opened:  # what is open is closed again where something fails
            engine = open_engine(manifest.engine, path, manifest.parameters, manifest.codes.dims)
            opened.callback(engine.close)
            if engine.items != len(ids) or engine.items != manifest.codes.items:
                raise StorageError(f"{path} is damaged: {engine.items:,} codes for {len(ids):,} ids. Build it again.")
            history_codes = open_history_codes(manifest.codes.history, path, engine)
            segments = (
                Segments.load(path / SEGMENTS, manifest.segments, ids, engine.dims) if manifest.segments else None
            )
            if segments is not None:
                opened.callback(segments.close)
            if metadata is not None:
                known = Metadata.of(metadata, ids)
                segments = segments.renamed(known) if segments else None
            if segments is not None and manifest.segments is not None:
                segments = segments.edited(manifest.segments.edits)
            titles = Titles(ids, known.columns.get(TITLE) if known else None, counts)
            opened.pop_all()
        return cls(path, manifest, ids, engine, counts, history_codes, shares, facets, known, titles, segments, files)

    def close(self) -> None:
        self.closed = True
        self.engine.close()
        if self.segments is not None:
            self.segments.close()

    def rewrite_manifest(self, changed: Manifest, done: str, again: str) -> None:
        """Makes a commit that differs in its manifest alone. done, again: what was done, for the message.

        Raises StorageError where the directory holds another index by now.
        """
        with next_commit(self.path) as staged:
            if not self.is_current or Manifest.read(self.path) != self.manifest:
                raise StorageError(f"{self.path} was replaced while it was {done}; open it and {again} it again.")
            linked(self.path, staged, self.manifest.files)
            changed.write(staged)
        self.manifest, self.files = changed, FilesAsOpened(self.path, changed.files)

    @property
    def is_current(self) -> bool:
        """Whether the path still leads to what was opened: no later commit has taken its place."""
        return self.files.are_at(self.path)

    def check_unchanged(self) -> None:
        """Raises StorageError where somebody has written into an opened file: answers may be of neither index then."""
        if changed := self.files.changed():
            raise StorageError(
                f"{changed} was changed in place while it was open. Open the index again, and replace it only by "
                "building with --overwrite, or by moving a whole directory."
            )

    @property
    def bytes_by_part(self) -> dict[str, int]:
        """Bytes on disk of ids, codes, postings (or vectors), tags, segments, metadata, everything else; and those of a
        cluster's primary shards."""
        return bytes_by_part(self.path, self.manifest)

    @property
    def required_segments(self) -> Segments:
        """The segments. Raises UsageError where there are none."""
        self._refuse_closed()
        if self.segments is not None:
            return self.segments
        raise UsageError(
            "The index has no segments: it was built without them, none is large enough (see --least-items), or its "
            "codes are dense, which have no dominant dimensions."
        )

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self.ids, self.history_codes, self.history_weights)

    def resolve(
        self,
        history: Iterable[object],
        weights: Sequence[float] | None = None,
        seen: Iterable[object] | None = None,
    ) -> ResolvedHistory:
        """A history by rows, with its query vector; see `Resolver.one`."""
        self._refuse_closed()
        return self._resolver.one(history, weights, seen=seen)

    def resolve_all(
        self,
        histories: Iterable[Iterable[object]],
        weights: Sequence[Sequence[float] | None] | None = None,
        seen: Sequence[Iterable[object] | None] | None = None,
    ) -> list[ResolvedHistory]:
        """Each of many histories; see `Resolver.all`."""
        self._refuse_closed()
        return self._resolver.all(histories, weights, seen)

    @property
    def tags(self) -> Tags | None:
        return self.facets.tags

    def filter(self, wanted: Filters) -> Filter | None:
        """What leaves the items that are wanted; None for all items.

        Raises UnknownTagError for tags that no item carries, UsageError for numbers that there are none of.
        """
        self._refuse_closed()
        always = self.always
        if wanted.is_empty:
            return always
        return resolved(wanted, self.facets, self.ids, always.excluded if always else None)

    def exclude_always(self, names: Iterable[object]) -> None:
        """Leaves items out of all answers from now on, in place of those that were left out before."""
        rows = self.ids.known(names)
        self.always = Filter(len(self.ids), excluded=rows) if len(rows) else None

    def _refuse_closed(self) -> None:
        if self.closed:
            raise UsageError(f"The index {self.path} is closed; open it again, and ask it before it is closed.")

    @property
    def required_item_counts(self) -> Rows:
        """Users that have each item. Raises UsageError for imported codes, which come without."""
        if self.item_counts is not None:
            return self.item_counts
        raise UsageError("The fallback popular needs item counts, and imported codes have none; train or use none.")

    def popular(self, k: int, only: Filter | None, seen: Rows) -> tuple[Rows, npt.NDArray[np.float64]]:
        """Rows and interactions of the `k` items that most users have, of those that pass and are not in `seen`, which
        is sorted."""
        rows, counts = self.most_popular_of(np.arange(len(self.ids)) if only is None else only.rows, k + len(seen))
        fresh = ~in_sorted(rows, seen)
        return rows[fresh][:k], counts[fresh][:k]

    def most_popular_of(self, rows: Rows, k: int) -> tuple[Rows, npt.NDArray[np.float64]]:
        """The same of some rows."""
        return best(rows, self.required_item_counts[rows].astype(np.float64), k)


def _check_dims(manifest: Manifest) -> None:
    """What is made of dimensions is accounted for by the files, or small."""
    most = _USUAL_DIMS + sum(entry.bytes for entry in manifest.files.values())
    if not 1 <= manifest.codes.dims <= most:
        raise StorageError(f"The index is damaged: its files cannot be of codes of {manifest.codes.dims:,} dimensions.")
