"""Index: a directory that answers "what next for this history?"."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from .catalogue.build import write_index
from .catalogue.calibration import TARGET_OVERLAP, Calibration, calibrate, check_target
from .catalogue.manifest import NAME, Manifest
from .codes.item_codes import ItemCodes
from .data.histories import history_rows
from .data.metadata import METADATA, TITLE, Metadata
from .data.tags import Tags
from .data.title_lookup import WORDS, TitleLookup, Titles
from .engines import engine_class
from .engines.contract import Answer, Engine, Filter, Progress, Query
from .engines.names import ManyTerms, RankName
from .engines.opensearch.target import ClusterTarget
from .engines.top_k import best
from .errors import StorageError, UsageError, shorten
from .search.explanation import Explanation, explain
from .search.guarantee import promise
from .search.homepage import Homepage, HomepageOptions, homepage
from .search.options import search_options
from .search.result import SearchResult
from .segments.discovery import SegmentRules
from .segments.stored import DIRECTORY as SEGMENTS
from .segments.stored import RankedSegments, Segments
from .storage.files import load_array
from .storage.ids import IdMap, Rows

Fallback = Literal["none", "popular"]
_USUAL_SEGMENTS = SegmentRules()


class Index:
    """An opened index directory. Use it as a context manager, or call `close`.

    >>> import tempfile
    >>> from scipy.sparse import csr_array
    >>> codes = ItemCodes(IdMap("abc"), csr_array([[1.0, 0], [0.6, 0.8], [0.8, -0.6]]))
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     index = Index.build(codes, directory + "/catalogue.index", engine="exact")
    ...     index.search([["a"], ["b"]], k=2).ids.tolist()
    [['c', 'b'], ['a', 'c']]
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        ids: IdMap,
        engine: Engine,
        item_counts: Rows | None,
        history_weights: npt.NDArray[np.floating] | None,
        tags: Tags | None,
        metadata: Metadata | None,
        titles: Titles,
        segments: Segments | None,
    ) -> None:
        self.path, self.manifest, self.ids, self.tags = path, manifest, ids, tags
        self.metadata, self.titles, self.segments, self.item_counts = metadata, titles, segments, item_counts
        self._engine, self._history_weights = engine, history_weights

    @classmethod
    def build(
        cls,
        codes: ItemCodes,
        path: str | os.PathLike[str],
        *,
        engine: str = "lucene",
        bits: int = 8,
        store: str | None = None,
        tags: Iterable[tuple[str, str]] | None = None,
        metadata: Mapping[str, Sequence[object]] | None = None,
        segments: SegmentRules | None = _USUAL_SEGMENTS,
        histories: Sequence[Sequence[object]] | None = None,
        target_overlap: float = TARGET_OVERLAP,
        cluster: ClusterTarget | None = None,
        overwrite: bool = False,
        on_progress: Progress | None = None,
    ) -> "Index":
        """Builds the directory `path` beside it and moves it into place when it is complete.

        engine: `lucene`, `exact`, `faiss-flat`, `faiss-sq8`, `faiss-hnsw`, `faiss-ivfpq`, `seismic` or `opensearch`.
        bits: of the impacts, 2 to 16. store: precision of the stored codes, `float16`, `float32` or `int8`, a scale an
        item (FAISS engines take float32); None for the engine's own. tags: pairs of item id and tag, what `search` can
        filter by.
        metadata: a table by column, item_id, title and any others, as `read_metadata` gives it: titles to show and to
        look up, and what segments are named by. segments: how they are made; None for an index without. Dense codes get
        none, as they have no dominant dimensions.
        histories, target_overlap: how searches are calibrated (see `tune`), on the histories kept with the codes where
        None are given; without any, or with a target of 1, the index answers exactly. cluster: where the engine
        opensearch loads the codes; `overwrite` is for the catalogue served there too.

        Raises UsageError for parameters, StorageError where `path` is in the way, DataError for codes that the
        store cannot hold, ClusterError for what a cluster refuses; what was at `path`, and what the cluster served, is
        then unchanged.
        """
        write_index(
            codes, Path(path), engine=engine, bits=bits, store=store, tags=tags, metadata=metadata, segments=segments,
            histories=histories, target_overlap=target_overlap, cluster=cluster, overwrite=overwrite,
            on_progress=on_progress,
        )  # fmt: skip
        return cls.open(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str], metadata: Mapping[str, Sequence[object]] | None = None) -> "Index":
        """Opens an index directory, by memory map.

        metadata: titles, and names of segments, to use instead of those that the index was built with.

        Raises StorageError where it is missing, damaged or too new, DataError where no item of the metadata is in it.
        """
        path = Path(path)
        manifest = Manifest.read(path)
        manifest.check_files(path)
        ids = IdMap.load(path, "ids")
        counts, shares = (
            load_array(path / name) if name in manifest.files else None
            for name in ("item_counts.npy", "history_weights.npy")
        )
        tags = Tags.load(path, len(ids)) if "tags.rows.npy" in manifest.files else None
        known = Metadata.load(path) if METADATA in manifest.files else None
        with ExitStack() as opened:  # what is open is closed again where something fails
            engine = engine_class(manifest.engine).open(path, manifest.parameters)
            opened.callback(engine.close)
            if engine.items != len(ids) or engine.items != manifest.codes.items:
                raise StorageError(f"{path} is damaged: {engine.items:,} codes for {len(ids):,} ids. Build it again.")
            segments = Segments.load(path / SEGMENTS, manifest.segments, ids) if manifest.segments else None
            if segments is not None:
                opened.callback(segments.close)
            if metadata is not None:
                known = Metadata.of(metadata, ids)
                segments = segments.renamed(known) if segments else None
            titles = Titles(ids, known.columns.get(TITLE) if known else None, counts)
            if metadata is None and WORDS in manifest.files:
                titles.lookup = TitleLookup.load(path)
            opened.pop_all()
        return cls(path, manifest, ids, engine, counts, shares, tags, known, titles, segments)

    @classmethod
    def verify(cls, path: str | os.PathLike[str]) -> Manifest:
        """Checks every byte of an index directory against its manifest, however large it is."""
        manifest = Manifest.read(Path(path))
        manifest.check_files(Path(path), contents=True)
        with cls.open(path):
            return manifest

    def __len__(self) -> int:
        return len(self.ids)

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.close()
        if self.segments is not None:
            self.segments.close()

    @property
    def engine(self) -> str:
        return self.manifest.engine

    @property
    def can_be_exact(self) -> bool:
        """Whether its engine can prove answers."""
        return self._engine.capabilities.exact

    @property
    def bytes_by_part(self) -> dict[str, int]:
        """Bytes on disk of ids, codes, postings (or vectors), tags, segments, metadata, everything else; and those of a
        cluster's primary shards."""
        parts = dict.fromkeys(("ids", "codes", "postings", "vectors", "tags", "segments", "metadata"), 0)
        parts["other"] = (self.path / NAME).stat().st_size
        parts["cluster"] = self.manifest.parameters.get("primary_bytes", 0)
        for name, entry in self.manifest.files.items():
            part = name.split("/")[0].split(".")[0]
            parts[part if part in parts else "other"] += entry.bytes
        return {part: size for part, size in parts.items() if size}

    def search(
        self,
        histories: Sequence[Sequence[object]],
        k: int = 10,
        *,
        exact: bool = False,
        query_terms: int | None = None,
        candidates: int | None = None,
        weights: Sequence[Sequence[float]] | None = None,
        tags: Sequence[str] = (),
        exclude: Iterable[object] = (),
        fallback: Fallback = "none",
        threads: int = 1,
        effort: int | None = None,
        rank: RankName = "client",
        many_terms: ManyTerms | None = None,
        on_progress: Progress | None = None,
    ) -> SearchResult:
        """The `k` best items for each history, without the history's own.

        exact: prove that the answer is the exhaustive top k of the stored codes. Without it, and without
        query_terms or candidates, an index answers as it was calibrated, and exactly if it never was.
        query_terms, candidates: of the first stage, where the engine has one; they promise nothing.
        weights: for each history one weight an item; 1 where None. tags: only items that carry every one of them.
        exclude: ids never to be returned. fallback: what histories without a known item get: nothing, or the most
        popular items. threads: over histories. effort: how far an approximate engine looks: efSearch of faiss-hnsw,
        nprobe of faiss-ivfpq. rank: who ranks, for the engine opensearch: the `client`, from the stored codes, the
        `server`, to the nine bits that the cluster keeps, or its `first-stage` alone, by upper bounds. many_terms: what
        becomes of a query with more terms than the cluster takes: `refuse`, or `cut` it to the heaviest and finish it
        from the stored codes (client) or by rescoring; None cuts for the client, whose answers are as good then, and
        refuses for the others.

        Raises UsageError for parameters out of range and unknown tags.
        """
        options = search_options(
            self.manifest, self._engine.capabilities, k=k, exact=exact, query_terms=query_terms, candidates=candidates,
            threads=threads, effort=effort, rank=rank, many_terms=many_terms,
        )  # fmt: skip
        if fallback not in ("none", "popular"):
            raise UsageError(f"fallback must be none or popular, got {fallback!r}.")
        if fallback == "popular" and self.item_counts is None:
            raise UsageError("The fallback popular needs item counts, and imported codes have none; train or use none.")
        if weights is not None and len(weights) != len(histories):
            raise UsageError(f"There must be weights for each of {len(histories):,} histories, got {len(weights):,}.")
        only = self._filter(tags, exclude)
        queries: list[Query] = []
        asked: list[int] = []
        unknown: list[list[str]] = []
        for at, history in enumerate(histories):
            rows, values, missing = self._history(history, None if weights is None else weights[at], at)
            unknown.append(missing)
            if len(rows):
                asked.append(at)
                queries.append(Query(self._engine.query_vector(rows, values), rows, only))
        found = self._engine.search(queries, options, on_progress) if queries else []
        cut = query_terms is not None or candidates is not None
        worth = promise(found, self.manifest, self._engine.capabilities, rank, as_given=cut, filtered=only is not None)
        answers = dict(zip(asked, found, strict=True))
        return self._result(len(histories), options.k, answers, unknown, fallback, only, worth)

    def explain(
        self, history: Sequence[object], items: Iterable[object], weights: Sequence[float] | None = None
    ) -> list[Explanation]:
        """What each item of the history and each dimension brings to the score of each of `items`; the parts sum to it.

        Raises UnknownIdError for items that the index does not hold; unknown items of the history bring nothing.
        """
        rows, values, _ = self._history(history, weights, 0)
        wanted = self.ids.rows(items)
        weighted = self._engine.stored_rows(rows) * values[:, None]
        return explain(self.ids, rows, weighted, wanted.tolist(), self._engine.stored_rows(wanted))

    def rank_segments(
        self, history: Sequence[object], k: int = 10, *, weights: Sequence[float] | None = None
    ) -> RankedSegments:
        """The `k` best segments for a history, exactly; the largest ones where no item of the history is known.

        Raises UsageError for an index without segments.
        """
        if k < 1:
            raise UsageError(f"k must be at least 1, got {k}.")
        rows, values, unknown = self._history(history, weights, 0)
        segments = self.required_segments
        if not len(rows):
            largest = np.arange(min(k, len(segments)))
            return RankedSegments(largest, np.full(len(largest), np.nan), True, unknown)
        return RankedSegments(*segments.rank(self._engine.query_vector(rows, values), k), False, unknown)

    def homepage(
        self,
        history: Sequence[object],
        *,
        rows: int = 8,
        k: int = 10,
        fewest: int | None = None,
        diversity: float = 0.5,
        exact: bool = False,
        weights: Sequence[float] | None = None,
    ) -> Homepage:
        """Rows of recommendations: one for the whole history, then the best segments' best items; no item is in two.

        rows: at most so many, the first one included. k: items a row. fewest: a segment with fewer unseen items is left
        out; half of k where None. diversity: from 0, the best segments whatever they have in common, to 1: a segment
        loses its score's share by its cosine to one that is already there. exact: every row is the exhaustive one.
        weights: one an item of the history; 1 where None. A history without a known item gets the popular items and the
        largest segments, and the answer says so.

        Raises UsageError for values out of range and for an index without segments.
        """
        return homepage(self, history, weights, HomepageOptions(rows, k, fewest, diversity, exact))

    def dimensions(
        self, history: Sequence[object], k: int = 20, *, weights: Sequence[float] | None = None
    ) -> list[tuple[int, float]]:
        """The `k` strongest dimensions of a history's vector with their signed weights, strongest first."""
        rows, values, _ = self._history(history, weights, 0)
        vector = self._engine.query_vector(rows, values)
        order = np.argsort(-np.abs(vector), kind="stable")[:k]
        return [(int(dim), float(vector[dim])) for dim in order if vector[dim]]

    @property
    def required_segments(self) -> Segments:
        """The index's segments. Raises UsageError where it has none."""
        if self.segments is not None:
            return self.segments
        raise UsageError(
            "The index has no segments: it was built without them, none is large enough (see --least-items), or its "
            "codes are dense, which have no dominant dimensions."
        )

    def tune(
        self,
        histories: Sequence[Sequence[object]],
        target_overlap: float = TARGET_OVERLAP,
        *,
        threads: int = 1,
    ) -> Calibration | None:
        """Calibrates searches on `histories` and writes that into the index: the cheapest number of terms and
        candidates whose answers hold, on average, `target_overlap` of the exact top 100. None: no cut query does, or
        the target is 1, so the index answers exactly.

        Raises UsageError for engines that do not cut queries, and StorageError where the index was replaced meanwhile.
        """
        if not self._engine.capabilities.cuts_queries:
            raise UsageError(
                f"The engine {self.engine} does not cut queries, so there is nothing to tune; use lucene or opensearch."
            )
        check_target(target_overlap)
        rows = [self._history(history, None, at)[:2] for at, history in enumerate(histories)]
        queries = [Query(self._engine.query_vector(*pair), pair[0]) for pair in rows if len(pair[0])]
        if not queries:
            raise UsageError(f"None of the {len(histories):,} histories has an item that the index knows.")
        found = None if target_overlap == 1 else calibrate(self._engine, queries, target_overlap, threads)
        if Manifest.read(self.path) != self.manifest:
            raise StorageError(f"{self.path} was replaced while it was tuned; open it and tune it again.")
        self.manifest = self.manifest.model_copy(update={"calibration": found})
        self.manifest.write(self.path)
        return found

    def _history(
        self, history: Sequence[object], weights: Sequence[float] | None, at: int
    ) -> tuple[Rows, npt.NDArray[np.float64], list[str]]:
        """A history's rows, sorted, how much of its code each brings, and the ids that are unknown."""
        if isinstance(history, str):
            raise UsageError(f"A history is a sequence of item ids, got the text {shorten(history)}.")
        if weights is not None and (len(weights) != len(history) or not np.isfinite(weights).all()):
            raise UsageError(f"History {at} needs {len(history)} finite weights, got {shorten(list(weights))}.")
        rows, values, missing = history_rows(self.ids, history, weights)
        if self._history_weights is not None:
            values = values * self._history_weights[rows]
        return rows, values, missing

    def _filter(self, tags: Sequence[str], exclude: Iterable[object]) -> Filter | None:
        if isinstance(tags, str) or isinstance(exclude, str):
            raise UsageError("tags and exclude are sequences of names, not one text.")
        unwanted = list(exclude)
        if not len(tags) and not unwanted:
            return None
        excluded = self.ids.find(unwanted)
        excluded = np.unique(excluded[excluded >= 0])
        if len(tags) and self.tags is None:
            raise UsageError(f"{self.path} has no tags; build it with tags: elsa-index build ... --tags FILE.")
        numbers = self.tags.numbers(tags) if self.tags else []
        passing = self.tags.mask(numbers) if self.tags else np.ones(len(self), dtype=bool)
        passing[excluded] = False
        return Filter(tuple(numbers), excluded, passing)

    def _result(
        self,
        queries: int,
        k: int,
        answers: dict[int, Answer],
        unknown: list[list[str]],
        fallback: Fallback,
        only: Filter | None,
        worth: str,
    ) -> SearchResult:
        rows = np.full((queries, k), -1, dtype=np.int64)
        scores = np.full((queries, k), np.nan, dtype=np.float32)
        proven = np.zeros(queries, dtype=bool)
        popular = np.zeros(queries, dtype=bool)
        for at, answer in answers.items():
            rows[at, : len(answer.rows)] = answer.rows
            scores[at, : len(answer.rows)] = answer.scores
            proven[at] = answer.proven
        without = [at for at in range(queries) if at not in answers]
        if fallback == "popular" and without:
            assert self.item_counts is not None
            passing = np.arange(len(self)) if only is None else np.flatnonzero(only.passing)
            top, counts = best(passing, np.asarray(self.item_counts, dtype=np.float64)[passing], k)
            places = np.ix_(without, range(len(top)))
            rows[places], scores[places], popular[without] = top, counts, True
        ids = self.ids.take(rows)
        all_answers = [answers.get(at) for at in range(queries)]
        return SearchResult(ids, scores, rows, proven, popular, unknown, all_answers, worth)
