"""Index: a directory that answers "what next for this history?"."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .catalogue.build import write_index
from .catalogue.build_options import BuildOptions
from .catalogue.calibration import Calibration
from .catalogue.catalogue import Catalogue
from .catalogue.edit_segments import edit_segments
from .catalogue.filters import Filters
from .catalogue.manifest import Manifest
from .catalogue.tune import tune
from .codes.item_codes import ItemCodes
from .data.metadata import Metadata
from .data.numbers import Bound
from .data.tags import Tags
from .data.title_lookup import Titles
from .engines.cluster_target import ClusterTarget
from .engines.contract import Progress
from .engines.names import ManyTerms, RankName
from .errors import UsageError
from .search.boosts import Boost
from .search.explanation import Explanation, explain, strongest_dimensions
from .search.homepage import Homepage, homepage
from .search.homepage_options import HomepageOptions
from .search.options import DiversityBy, Fallback, SearchOptions
from .search.recommend import recommend
from .search.result import SearchResult
from .search.segments import RankedSegments, rank_segments
from .segments.rules import SegmentRules
from .segments.stored import Segments
from .storage.ids import IdMap, Rows


class Index:
    """An opened index directory. Use it as a context manager, or call `close`.

    Attributes:
        catalogue: What it holds, for code that asks more than once about a history: see `Catalogue.resolve`.

    >>> import tempfile
    >>> from scipy.sparse import csr_array
    >>> codes = ItemCodes(IdMap("abc"), csr_array([[1.0, 0], [0.6, 0.8], [0.8, -0.6]]))
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     index = Index.build(codes, directory + "/catalogue.index", engine="exact")
    ...     index.search([["a"], ["b"]], k=2).ids.tolist()
    [['c', 'b'], ['a', 'c']]
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    @classmethod
    def build(
        cls,
        codes: ItemCodes,
        path: str | os.PathLike[str],
        *,
        engine: str = BuildOptions.engine,
        bits: int = BuildOptions.bits,
        store: str | None = BuildOptions.store,
        tags: Iterable[tuple[str, str]] | None = None,
        metadata: Mapping[str, Sequence[object]] | None = None,
        numbers: Sequence[str] = BuildOptions.numbers,
        segments: SegmentRules | None = BuildOptions.segments,
        segments_from: ItemCodes | None = None,
        histories: Sequence[Sequence[object]] | None = None,
        target_overlap: float = BuildOptions.target_overlap,
        cluster: ClusterTarget | None = None,
        overwrite: bool = False,
        on_progress: Progress | None = None,
    ) -> "Index":
        """Builds the directory `path` beside it and moves it into place when it is complete.

        What was at `path`, and what the cluster served, is unchanged where it fails.

        Args:
            codes: What to serve.
            path: The directory.
            engine: See `BuildOptions`, as for all that follow.
            bits: Of an impact.
            store: Precision of the stored codes.
            tags: Pairs of item id and tag.
            metadata: A table by column, with item_id and title.
            numbers: Columns of it to filter by.
            segments: How they are made; None: none.
            segments_from: Codes whose segments are taken instead.
            histories: To calibrate on.
            target_overlap: Of calibrated with exact answers.
            cluster: Where the engine opensearch loads the codes.
            overwrite: Replace what is there.
            on_progress: Called with how many items are done, and of how many.

        Returns:
            The index, open.

        Raises:
            UsageError: For parameters.
            StorageError: Where `path` is in the way.
            DataError: For codes that the store cannot hold.
            ClusterError: For what a cluster refuses.
        """
        options = BuildOptions(
            engine, bits, store, tags, metadata, numbers, segments, segments_from, histories, target_overlap, cluster,
            overwrite,
        )  # fmt: skip
        write_index(codes, Path(path), options, on_progress)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str], metadata: Mapping[str, Sequence[object]] | None = None) -> "Index":
        """Opens an index directory, by memory map.

        Args:
            path: The directory.
            metadata: Titles, and names of segments, to use instead of those that the index was built with.

        Raises:
            StorageError: Where it is missing, damaged or too new.
            DataError: Where no item of the metadata is in it.
        """
        return cls(Catalogue.open(path, metadata))

    @classmethod
    def verify(cls, path: str | os.PathLike[str]) -> Manifest:
        """Checks every byte of an index directory against its manifest, however large it is."""
        manifest = Manifest.read(Path(path))
        manifest.check_files(Path(path), contents=True)
        with cls.open(path):
            return manifest

    def __repr__(self) -> str:
        manifest = self.manifest
        size = sum(entry.bytes for entry in manifest.files.values())
        worth = "approximate" if not self.can_be_exact else "exact"
        if manifest.calibration is not None:
            worth = f"overlap {manifest.calibration.overlap:.4f} with exact as calibrated"
        return f"Index({str(self.path)!r}: {manifest.codes.items:,} items, {self.engine}, {size:,} bytes, {worth})"

    def __len__(self) -> int:
        return len(self.ids)

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            f"An open index cannot be sent to another process: send its path, {str(self.path)!r}, and open it there, "
            "once per process."
        )

    def close(self) -> None:
        """Lets go of the files. An index that nobody holds any more does so by itself."""
        self.catalogue.close()

    @property
    def path(self) -> Path:
        return self.catalogue.path

    @property
    def is_current(self) -> bool:
        """Whether no later commit has taken its place. Where one has, this one goes on as it was opened."""
        return self.catalogue.is_current

    @property
    def manifest(self) -> Manifest:
        return self.catalogue.manifest

    @property
    def ids(self) -> IdMap:
        return self.catalogue.ids

    @property
    def item_counts(self) -> Rows | None:
        """(items,) users that have each item; None for imported codes."""
        return self.catalogue.item_counts

    @property
    def tags(self) -> Tags | None:
        return self.catalogue.tags

    @property
    def metadata(self) -> Metadata | None:
        return self.catalogue.metadata

    @property
    def titles(self) -> Titles:
        """Titles by row; see `title`."""
        return self.catalogue.titles

    def title(self, item: object) -> str:
        """The title of an item, or its id where the index knows no title. Raises UnknownIdError."""
        return self.titles[int(self.ids.rows([item])[0])]

    @property
    def segments(self) -> Segments | None:
        return self.catalogue.segments

    @property
    def required_segments(self) -> Segments:
        """The index's segments. Raises UsageError where it has none."""
        return self.catalogue.required_segments

    @property
    def engine(self) -> str:
        return self.manifest.engine

    @property
    def can_be_exact(self) -> bool:
        """Whether its engine can prove answers."""
        return self.catalogue.engine.capabilities.exact

    @property
    def bytes_by_part(self) -> dict[str, int]:
        """Bytes on disk of ids, codes, postings (or vectors), tags, segments, metadata, everything else; and those of a
        cluster's primary shards."""
        return self.catalogue.bytes_by_part

    def search(
        self,
        histories: Iterable[Iterable[object]],
        k: int = SearchOptions.k,
        *,
        exact: bool = SearchOptions.exact,
        query_terms: int | None = SearchOptions.query_terms,
        candidates: int | None = SearchOptions.candidates,
        weights: Sequence[Sequence[float]] | None = None,
        seen: Sequence[Iterable[object] | None] | None = None,
        keep_seen: bool = SearchOptions.keep_seen,
        tags: Sequence[str] = Filters.tags,
        any_tags: Sequence[str] = Filters.any_tags,
        no_tags: Sequence[str] = Filters.no_tags,
        ranges: Mapping[str, tuple[Bound, Bound]] | None = None,
        only: Iterable[object] | None = Filters.only,
        exclude: Iterable[object] = Filters.exclude,
        boosts: Sequence[Boost | str] = SearchOptions.boosts,
        diversity: float = SearchOptions.diversity,
        diversity_by: DiversityBy | None = SearchOptions.diversity_by,
        offset: int = SearchOptions.offset,
        fallback: Fallback = SearchOptions.fallback,
        threads: int = SearchOptions.threads,
        effort: int | None = SearchOptions.effort,
        rank: RankName = SearchOptions.rank,
        many_terms: ManyTerms | None = SearchOptions.many_terms,
        on_progress: Progress | None = None,
    ) -> SearchResult:
        """Finds the `k` best items for each history, without the history's own.

        Args:
            histories: One sequence of item ids per query.
            k: Items per history; see `SearchOptions`, as for all that follow.
            exact: Prove that the answer is the exhaustive top k.
            query_terms: Of the first stage; promises nothing.
            candidates: To rescore; promises nothing.
            weights: For each history one weight per item; 1 where None.
            seen: For each history the ids that are not to be returned; its own items where None.
            keep_seen: Whether histories' own items may be returned too.
            tags: Only items that carry every one of them; see `Filters`, as for all up to `exclude`.
            any_tags: Only items that carry one of them.
            no_tags: Only items that carry none of them.
            ranges: The least and the most of items' numbers, by name: `{"price": (None, 20)}`.
            only: Ids that alone may be returned.
            exclude: Ids never to be returned.
            boosts: What scores are multiplied by: `tag:new=1.5`, `age:released=180d`, `power:rating=0.5`; see `Boost`.
            diversity: From 0 to 1: items that are unlike each other, at a cost that the promise tells.
            diversity_by: `segments` or `codes`.
            offset: The best items of each ranking to leave out.
            fallback: What histories without a known item get.
            threads: Over histories.
            effort: How far an approximate engine looks.
            rank: Who ranks, for the engine opensearch.
            many_terms: What becomes of a query with more terms than the cluster takes.
            on_progress: Called with how many histories are done, and of how many.

        Raises:
            UsageError: For parameters out of range and unknown tags.
        """
        filters = Filters(tags, any_tags, no_tags, ranges or {}, only, exclude)
        options = SearchOptions(
            k, filters, fallback, exact, query_terms, candidates, effort, rank, many_terms, threads, keep_seen, offset,
            boosts, diversity, diversity_by,
        )  # fmt: skip
        return recommend(self.catalogue, self.catalogue.resolve_all(histories, weights, seen), options, on_progress)

    def exclude_always(self, items: Iterable[object]) -> None:
        """Leaves items out of all rankings and homepages of this opened index from now on, in place of those that were
        left out before: what is out of stock. Threads may search meanwhile.

        Args:
            items: Ids; unknown ones are ignored.
        """
        self.catalogue.exclude_always(items)

    def explain(
        self, history: Sequence[object], items: Iterable[object], weights: Sequence[float] | None = None
    ) -> list[Explanation]:
        """Says what each item of the history and each dimension brings to the score of each of `items`; the parts sum
        to it.

        Args:
            history: Item ids; unknown ones bring nothing.
            items: What to explain.
            weights: One per item of the history; 1 where None.

        Raises:
            UnknownIdError: For items that the index does not hold.
        """
        return explain(self.catalogue, self.catalogue.resolve(history, weights), items)

    def rank_segments(
        self, history: Sequence[object], k: int = 10, *, weights: Sequence[float] | None = None
    ) -> RankedSegments:
        """Finds the `k` best segments for a history, exactly; the largest ones where no item of the history is known.

        Args:
            history: Item ids.
            k: Segments.
            weights: One per item of the history; 1 where None.

        Raises:
            UsageError: For an index without segments.
        """
        return rank_segments(self.catalogue, self.catalogue.resolve(history, weights), k)

    def homepage(
        self,
        history: Sequence[object],
        *,
        rows: int = HomepageOptions.rows,
        k: int = HomepageOptions.k,
        fewest: int | None = HomepageOptions.fewest,
        diversity: float = HomepageOptions.diversity,
        exact: bool = HomepageOptions.exact,
        tags: Sequence[str] = Filters.tags,
        any_tags: Sequence[str] = Filters.any_tags,
        no_tags: Sequence[str] = Filters.no_tags,
        ranges: Mapping[str, tuple[Bound, Bound]] | None = None,
        only: Iterable[object] | None = Filters.only,
        exclude: Iterable[object] = Filters.exclude,
        keep_seen: bool = HomepageOptions.keep_seen,
        seen: Iterable[object] | None = None,
        weights: Sequence[float] | None = None,
    ) -> Homepage:
        """Makes rows of recommendations: one for the whole history, then the best segments' best items; no item is in
        two.

        A history without a known item gets the popular items and the largest segments, and the answer says so.

        Args:
            history: Item ids.
            rows: At most so many, the first one included; see `HomepageOptions`, as for all that follow.
            k: Items per row.
            fewest: Unseen items without which a segment is left out; half of k where None.
            diversity: 0: the best segments, to 1: the most different ones.
            exact: Prove every row.
            tags: Only items that carry every one of them; see `search`, as for all up to `seen`.
            any_tags: Only items that carry one of them.
            no_tags: Only items that carry none of them.
            ranges: The least and the most of items' numbers, by name.
            only: Ids that alone may be in a row.
            exclude: Ids of items that are in no row.
            keep_seen: Whether the history's own items may be.
            seen: Ids that are in no row; the history's items where None.
            weights: One per item of the history; 1 where None.

        Raises:
            UsageError: For values out of range, unknown tags, and an index without segments.
        """
        filters = Filters(tags, any_tags, no_tags, ranges or {}, only, exclude)
        options = HomepageOptions(rows, k, fewest, diversity, exact, filters, keep_seen)
        return homepage(self.catalogue, self.catalogue.resolve(history, weights, seen=seen), options)

    def edit_segments(self, edits: Mapping[str, Any]) -> int:
        """Renames, hides, pins and merges segments, and keeps that in the index. When the index is built again over
        itself, edits find their segments by the items that these share with their former selves.

        Args:
            edits: By tag of a segment, for example `{"segment:3": {"name": "Feel-good", "pin": True}}`: `name`, `hide`,
                `pin`, `merge` (tags of segments that become part of it, when the index is built again), and `reset`,
                which takes back what was wanted before. What is left out stays as it is.

        Returns:
            How many segments are edited now.

        Raises:
            UsageError: For unknown segments and entries, and for a name that two segments would have.
            StorageError: Where the index was replaced meanwhile.
        """
        return edit_segments(self.catalogue, edits)

    def dimensions(
        self, history: Sequence[object], k: int = 20, *, weights: Sequence[float] | None = None
    ) -> list[tuple[int, float]]:
        """Finds the `k` strongest dimensions of a history's vector.

        Args:
            history: Item ids.
            k: Dimensions.
            weights: One per item of the history; 1 where None.

        Returns:
            Dimensions with their signed weights, strongest first.
        """
        return strongest_dimensions(self.catalogue.resolve(history, weights), k)

    def tune(
        self,
        histories: Sequence[Sequence[object]],
        target_overlap: float = BuildOptions.target_overlap,
        *,
        threads: int = 1,
    ) -> Calibration | None:
        """Calibrates searches on `histories` and writes that into the index: the cheapest number of terms and
        candidates whose answers hold, on average, `target_overlap` of the exact top 100.

        Args:
            histories: Like those to come.
            target_overlap: From 0 to 1; 1: always exact.
            threads: Over histories.

        Returns:
            What was chosen. None: no cut query does, or the target is 1, so the index answers exactly.

        Raises:
            UsageError: For engines that do not cut queries.
            StorageError: Where the index was replaced meanwhile.
        """
        return tune(self.catalogue, histories, target_overlap, threads)
