"""Index: a directory that answers "what next for this history?"."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import numpy.typing as npt

from .codes import ItemCodes
from .compresso import read_compresso
from .engines import engine_class
from .engines.base import Answer, BuildOptions, Engine, Progress, Query, SearchOptions, StoreName, best
from .errors import DataError, StorageError, UsageError, shorten
from .files import staged_directory
from .histories import history_rows
from .ids import IdMap, Rows, load_array
from .manifest import NAME, CodesEntry, Manifest, list_files
from .store_loss import store_loss

if TYPE_CHECKING:
    import polars as pl

Fallback = Literal["none", "popular"]


@dataclass(frozen=True)
class SearchResult:
    """Answers to a batch of histories, best first.

    ids: (queries, k) objects: item ids as text. scores: (queries, k) float32. rows: (queries, k) int64. Where
        fewer than k unseen items are left, and for histories without a known item, the end of a row is padded
        with None, NaN and -1. k is at most the number of items.
    proven: (queries,) bool: the exhaustive top k of the stored codes. popular: (queries,) bool: the history had
        no known item and the popular ones were given, whose scores are their counts.
    unknown: for each history its ids that the index does not know.
    answers: what the engine said of each query; None where it was not asked.
    """

    ids: npt.NDArray[np.object_]
    scores: npt.NDArray[np.float32]
    rows: Rows
    proven: npt.NDArray[np.bool_]
    popular: npt.NDArray[np.bool_]
    unknown: list[list[str]]
    answers: list[Answer | None]

    def to_frame(self, users: Sequence[str]) -> "pl.DataFrame":
        """A table with the columns user_id, rank (from 1), item_id, score; padding left out."""
        import polars as pl

        at, rank = np.nonzero(self.rows >= 0)
        names = np.asarray(users, dtype=object)[at]
        columns = {
            "user_id": names,
            "rank": (rank + 1).astype(np.int32),
            "item_id": self.ids[at, rank],
            "score": self.scores[at, rank],
        }
        return pl.DataFrame(
            columns,
            schema={"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float32},
        )


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
    ) -> None:
        self.path, self.manifest, self.ids = path, manifest, ids
        self._engine, self._item_counts, self._history_weights = engine, item_counts, history_weights

    @classmethod
    def build(
        cls,
        codes: ItemCodes,
        path: str | os.PathLike[str],
        *,
        engine: str = "lucene",
        bits: int = 8,
        store: str | None = None,
        overwrite: bool = False,
        on_progress: Progress | None = None,
    ) -> "Index":
        """Builds the directory `path` beside it and moves it into place when it is complete.

        engine: `lucene`, `exact`, `faiss-flat` or `faiss-hnsw`. bits: of the impacts, 2 to 16. store: precision
        of the stored codes, `float16`, `float32` or `int8`, a scale an item (FAISS keeps float32 only); None for the
        engine's own.

        Raises UsageError for parameters, StorageError where `path` is in the way, DataError for codes that the
        store cannot hold; what was at `path` is then unchanged.
        """
        kind = engine_class(engine)
        allowed = kind.capabilities.stores
        if store is not None and store not in allowed:
            raise UsageError(f"store must be {' or '.join(allowed)} for the engine {engine}, got {store!r}.")
        options = BuildOptions(bits, cast(StoreName, store or allowed[0]))
        target = Path(path)
        with staged_directory(target, overwrite=overwrite, is_ours=_is_index) as staged:
            codes.ids.save(staged, "ids")
            if codes.item_counts is not None:
                np.save(staged / "item_counts.npy", codes.item_counts.astype(np.uint32))
            if codes.history_weights is not None:
                precision = np.float32 if options.store == "float32" else np.float16
                np.save(staged / "history_weights.npy", codes.history_weights.astype(precision))
            parameters = kind.build(codes, staged, options, on_progress)
            with closing(kind.open(staged, parameters)) as opened:
                loss = store_loss(codes, opened)
            Manifest(
                created_by=f"elsa-index {version('elsa-index')}",
                engine=kind.name,
                parameters=parameters,
                codes=CodesEntry(
                    fingerprint=codes.fingerprint,
                    items=len(codes.ids),
                    dims=codes.dims,
                    nnz=codes.nnz,
                    origin=codes.origin,
                ),
                store_loss=loss,
                files=list_files(staged),
            ).write(staged)
        return cls.open(target)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Index":
        """Opens an index directory, by memory map. Raises StorageError where it is missing, damaged or too new."""
        path = Path(path)
        manifest = Manifest.read(path)
        manifest.check_files(path)
        ids = IdMap.load(path, "ids")
        counts, shares = (
            load_array(path / name) if name in manifest.files else None
            for name in ("item_counts.npy", "history_weights.npy")
        )
        engine = engine_class(manifest.engine).open(path, manifest.parameters)
        if engine.items != len(ids) or engine.items != manifest.codes.items:
            raise StorageError(f"{path} is damaged: {engine.items:,} codes for {len(ids):,} ids. Build it again.")
        return cls(path, manifest, ids, engine, counts, shares)

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

    @property
    def engine(self) -> str:
        return self.manifest.engine

    @property
    def bytes_by_part(self) -> dict[str, int]:
        """Bytes on disk: ids, codes, postings (or vectors), everything else."""
        parts = {
            "ids": 0,
            "codes": 0,
            "postings": 0,
            "vectors": 0,
            "other": (self.path / NAME).stat().st_size,
        }
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
        fallback: Fallback = "none",
        threads: int = 1,
        on_progress: Progress | None = None,
    ) -> SearchResult:
        """The `k` best items for each history, without the history's own.

        exact: prove that the answer is the exhaustive top k of the stored codes. Without it, and without
        query_terms or candidates, an index that was never calibrated answers exactly all the same.
        query_terms, candidates: of the first stage, where the engine has one; they promise nothing.
        weights: for each history one weight an item; 1 where None. fallback: what histories without a known item
        get: nothing, or the most popular items.

        Raises UsageError for parameters out of range.
        """
        options = self._options(k, exact, query_terms, candidates, threads)
        if fallback not in ("none", "popular"):
            raise UsageError(f"fallback must be none or popular, got {fallback!r}.")
        if fallback == "popular" and self._item_counts is None:
            raise UsageError("The fallback popular needs item counts, and imported codes have none; train or use none.")
        if weights is not None and len(weights) != len(histories):
            raise UsageError(f"There must be weights for each of {len(histories):,} histories, got {len(weights):,}.")
        queries: list[Query] = []
        asked: list[int] = []
        unknown: list[list[str]] = []
        for at, history in enumerate(histories):
            if isinstance(history, str):
                raise UsageError(f"A history is a sequence of item ids, got the text {shorten(history)}.")
            given = None if weights is None else weights[at]
            if given is not None and (len(given) != len(history) or not np.isfinite(given).all()):
                raise UsageError(f"History {at} needs {len(history)} finite weights, got {shorten(list(given))}.")
            rows, values, missing = history_rows(self.ids, history, given)
            unknown.append(missing)
            if len(rows):
                asked.append(at)
                if self._history_weights is not None:
                    values = values * self._history_weights[rows]
                queries.append(Query(self._engine.query_vector(rows, values), rows))
        found = self._engine.search(queries, options, on_progress) if queries else []
        return self._result(len(histories), options.k, dict(zip(asked, found, strict=True)), unknown, fallback)

    def _options(
        self, k: int, exact: bool, query_terms: int | None, candidates: int | None, threads: int
    ) -> SearchOptions:
        for name, value in (
            ("k", k),
            ("query_terms", query_terms),
            ("candidates", candidates),
            ("threads", threads),
        ):
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}.")
        able = self._engine.capabilities
        cut = query_terms is not None or candidates is not None
        if exact and not able.exact:
            raise UsageError(
                f"The engine {self.engine} is approximate and cannot prove an answer; use lucene, faiss-flat or exact."
            )
        if cut and not able.cuts_queries:
            raise UsageError(f"query_terms and candidates are for the engine lucene; this index is {self.engine}.")
        if cut and exact:
            raise UsageError("exact chooses terms and candidates itself; leave out query_terms and candidates.")
        return SearchOptions(min(k, len(self)), able.exact and not cut, query_terms, candidates, threads)

    def _result(
        self, queries: int, k: int, answers: dict[int, Answer], unknown: list[list[str]], fallback: Fallback
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
            assert self._item_counts is not None
            top, counts = best(np.arange(len(self)), np.asarray(self._item_counts, dtype=np.float64), k)
            rows[without], scores[without], popular[without] = top, counts, True
        ids = self.ids.take(rows)
        return SearchResult(ids, scores, rows, proven, popular, unknown, [answers.get(at) for at in range(queries)])

    def promise(self, result: SearchResult) -> str:
        """One line: what the answers of `result` are worth."""
        asked = [answer for answer in result.answers if answer is not None]
        if not asked:
            return "no history had a known item"
        if all(answer.proven for answer in asked):
            return f"exact: the exhaustive top k of the {self.engine} index's stored codes, {len(self):,} items"
        share = sum(answer.proven for answer in asked) / len(asked)
        if self._engine.capabilities.exact:
            return f"not proven: terms and candidates as given; {share:.0%} of the answers happen to be proven"
        return f"approximate: the engine {self.engine} promises nothing; compare it with faiss-flat on the same codes"


def _is_index(path: Path) -> bool:
    return (path / NAME).is_file()


def load_codes(path: str | os.PathLike[str], item_ids: str | os.PathLike[str] | None = None) -> ItemCodes:
    """Codes from a model directory, from a SciPy `.npz` (then `item_ids` may name their ids), or from the `.zip` of an
    ELSA model that compresso-recsys saved."""
    if Path(path).suffix == ".npz":
        return ItemCodes.from_npz(path, item_ids)
    if item_ids is not None:
        raise UsageError("item ids are for .npz files; a model directory has its own.")
    if not Path(path).exists():
        raise DataError(f"{path} does not exist; a model directory, or a .npz or .zip file of codes is needed.")
    if Path(path).suffix == ".zip":
        return read_compresso(Path(path))
    return ItemCodes.load(path)
