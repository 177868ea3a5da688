"""Recommender: from a log to recommendations in memory, in three lines."""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .catalogue.resolving import listed_histories
from .codes.item_codes import ItemCodes
from .codes.load import load_codes
from .data.ages import share_left
from .data.frames import as_polars
from .data.interactions import TABLE, Interactions
from .data.logs import as_interactions, read_interactions
from .data.metadata import as_columns, as_json
from .data.tables import read_table
from .data.tags import tag_pairs
from .errors import DataError, StorageError, UsageError, name_some, refuse_kind
from .index import Index
from .progress import one_after_the_other
from .sequences import listed
from .spans import seconds_of
from .storage.files import read_json, write_json
from .storage.ids import external_id
from .storage.packing import packed, unpacked
from .storage.staging import staged_directory
from .training.config import TrainingConfig
from .training.origin import config_of
from .training.slim.config import SlimConfig
from .training.train import train

if TYPE_CHECKING:
    import polars as pl

    from .training.elsa.run import EpochReport
    from .training.slim.fit import OnStage

_NAME = "recommender.json"
_FORMAT = "elsa-index recommender 1"
_TEXT = "String"
_NUMBERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64")
"""Types of ids, as Polars calls them, that come out as they went in."""


class Recommender:
    """A model and its index, in memory: fit it on a log, and ask. Nothing need be written, and `save` keeps it.

    Args:
        config: How to train: a `SlimConfig` (codes over items, trained in seconds), the default here, or a
            `TrainingConfig` (Compressed ELSA).
        engine: Of the index; `exact` needs no Java.
        progress: Whether bars are shown while it works, on a terminal or in a notebook.

    >>> import polars as pl
    >>> log = pl.DataFrame({"user_id": [1, 1, 2, 2, 2, 3, 3], "item_id": [7, 8, 7, 8, 9, 8, 9]})
    >>> model = Recommender(SlimConfig(regularisation=1.0, nnz=2, neighbours=2)).fit(log)
    >>> model.recommend([1], k=1).select("user_id", "item_id").rows()
    [(1, 9)]
    """

    def __init__(
        self, config: TrainingConfig | SlimConfig | None = None, *, engine: str = "exact", progress: bool = False
    ) -> None:
        if config is not None and not isinstance(config, SlimConfig):
            refuse_kind("config", config, TrainingConfig, "make it by TrainingConfig(dims=1024), or by SlimConfig().")
        self.config, self.engine, self.progress = config or SlimConfig(), engine, progress
        self._log: Interactions | None = None
        self._codes: ItemCodes | None = None
        self._index: Index | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kinds = {"user_id": _TEXT, "item_id": _TEXT}
        self._facets: dict[str, Any] = {"tags": None, "metadata": None, "numbers": []}

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes get what `save` writes: nothing in it is code."""
        if self._index is None:
            return partial(Recommender, engine=self.engine, progress=self.progress), (self.config,)
        return _unpacked, (packed(self.save), self.progress)

    def __repr__(self) -> str:
        fitted = "not fitted" if self._log is None else repr(self._log)
        return f"Recommender({type(self.config).__name__}, engine={self.engine!r}, {fitted})"

    def fit(
        self,
        log: Interactions | object,
        *,
        tags: Iterable[tuple[object, object]] | object | None = None,
        metadata: Mapping[str, Sequence[object]] | object | None = None,
        numbers: Sequence[str] = (),
        **columns: Any,
    ) -> Self:
        """Trains on a log, and forgets what it knew.

        Args:
            log: A table (pandas, Polars, Arrow) with the columns user_id and item_id, a SciPy matrix, or what
                `read_interactions` gave.
            tags: Pairs of item id and tag, or a table of them, to filter by.
            metadata: A table with the column item_id and others.
            numbers: Columns of it with numbers or dates, to filter and boost by.
            columns: Of a table, as `read_interactions` takes them: user_column, item_column, time_column,
                weight_column, weights, where and others.

        Raises:
            UsageError: See `train` and `read_interactions`.
            DataError: See `train` and `read_interactions`.
        """
        before = self._facets
        self._facets = {
            "tags": None if tags is None else tag_pairs(tags),
            "metadata": None if metadata is None else as_json(as_columns(metadata)),
            "numbers": list(numbers),
        }
        try:
            return self._learn(log, None, columns)
        except BaseException:
            self._facets = before
            raise

    def partial_fit(self, log: Interactions | object, **columns: Any) -> Self:
        """Goes on from what it knows, with a log that grew since: new items get codes, others change little; see
        `train(init=)`. Where nothing was fitted, as `fit`.

        Args:
            log: All of the log so far.
            columns: See `fit`.
        """
        return self._learn(log, self._codes, columns)

    def recommend(
        self,
        users: Iterable[object] | None = None,
        k: int = 10,
        *,
        histories: Iterable[Iterable[object]] | None = None,
        half_life: float | str | None = None,
        **options: Any,
    ) -> "pl.DataFrame":
        """The best `k` items for each user, without those that the user has.

        Args:
            users: Ids of the log; None: all of its users.
            k: Items per user.
            histories: Items of users that the log need not know, one sequence for each of `users`, or alone: users are
                then numbered from 0.
            half_life: Seconds, also written as `30d`, before a user's latest item of the log that let one count half as
                much. Weights of the log count always.
            options: As `Index.search` takes them: tags, only, exclude, keep_seen, boosts, diversity, offset and others.

        Returns:
            The columns user_id, rank, item_id, score; ids of the type that the log had.

        Raises:
            UsageError: Where nothing is fitted yet, and for parameters out of range.
            DataError: For users that the log does not know.
        """
        index, log = self._fitted()
        given = None if users is None else listed(users, "users")
        if histories is None:
            if "weights" in options:
                raise UsageError("weights go with histories; users of the log have those of the log.")
            names = list(log.users) if given is None else [external_id(user) for user in given]
            asked: list[Any] = self._histories(log, names)
            options["weights"] = self._weights(log, names, half_life)
            of = self._kinds["user_id"]
        elif half_life is not None:
            raise UsageError("half_life is for users of the log; give histories weights of their own.")
        else:
            asked = listed_histories(histories)
            names = [external_id(user) for user in (range(len(asked)) if given is None else given)]
            of = "Int64" if given is None else self._kinds["user_id"]
        if len(names) != len(asked):
            raise UsageError(f"There must be a history for each of {len(names):,} users, got {len(asked):,}.")
        found = index.search(asked, k, **options).to_frame(names)
        return self._typed(found, {"user_id": of, "item_id": self._kinds["item_id"]})

    def similar(self, items: Iterable[object], k: int = 10, **options: Any) -> "pl.DataFrame":
        """What goes best with each item: what a user gets who has it alone.

        Args:
            items: Ids.
            k: Items per item.
            options: See `recommend`.

        Returns:
            The columns item_id, rank, similar, score.

        Raises:
            UnknownIdError: For items that the log does not have.
        """
        index, _ = self._fitted()
        names = [external_id(item) for item in listed(items, "items")]
        index.ids.rows(names)
        found = index.search([[name] for name in names], k, **options).to_frame(names)
        of = self._kinds["item_id"]
        named = found.rename({"item_id": "similar", "user_id": "item_id"})
        return self._typed(named, {"item_id": of, "similar": of})

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the model and its log into a directory, that `load` opens.

        Raises StorageError where there is one and `overwrite` is not set.
        """
        _, log = self._fitted()
        assert self._codes is not None
        with staged_directory(Path(path), overwrite=overwrite, is_ours=_is_recommender) as staged:
            self._codes.save(staged / "model")
            log.pairs(last_times=True).write_parquet(staged / "log.parquet")
            write_json(staged / _NAME, {"format": _FORMAT, "engine": self.engine, "facets": self._facets} | self._kinds)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Recommender":
        """Opens what `save` wrote.

        Raises StorageError where there is none, or it is damaged.
        """
        path = Path(path)
        if not _is_recommender(path):
            raise StorageError(f"{path} is no saved Recommender (it has no {_NAME}).")
        about = read_json(path / _NAME)
        if about.get("format") != _FORMAT:
            raise StorageError(f"{path} has the format {about.get('format')!r}; this version reads {_FORMAT!r}.")
        codes = load_codes(path / "model")
        made = cls(config_of(codes.origin), engine=str(about["engine"]))
        made._kinds = {"user_id": str(about["user_id"]), "item_id": str(about["item_id"])}
        if not set(made._kinds.values()) <= {_TEXT, *_NUMBERS}:
            raise StorageError(f"{path / _NAME} is damaged: ids are of the types {made._kinds}.")
        if about.get("facets"):
            made._facets = about["facets"]
        made._take(Interactions.from_table(read_table(path / "log.parquet", *TABLE)), codes)
        return made

    def close(self) -> None:
        """Lets go of the index; a Recommender that nobody holds does so by itself."""
        if self._index is not None:
            self._index.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._index = self._folder = None

    def _learn(self, given: object, init: ItemCodes | None, columns: dict[str, Any]) -> Self:
        table = as_polars(given)
        if columns and table is None:
            raise UsageError(f"{', '.join(columns)} name columns of a table; the log is none.")
        log = as_interactions(given) if table is None else read_interactions(table, **columns)
        with one_after_the_other() if self.progress else nullcontext(None) as on_stage:
            on_epoch = None if on_stage is None else _as_stage(on_stage)
            config = self.config if init is None else None
            codes = train(log, config, on_epoch, on_stage=on_stage, init=init)
        kinds = {"user_id": _TEXT, "item_id": _TEXT}
        if table is not None:
            named = {name: str(columns.get(f"{name.removesuffix('_id')}_column", name)) for name in kinds}
            found = {name: str(table.schema[column]) for name, column in named.items()}
            kinds |= {name: kind for name, kind in found.items() if kind in _NUMBERS}
        self._take(log, codes)
        self._kinds = kinds  # last, as building an index may fail
        return self

    def _take(self, log: Interactions, codes: ItemCodes) -> None:
        folder = tempfile.TemporaryDirectory(prefix="elsa-index-", ignore_cleanup_errors=True)
        index = Index.build(codes, Path(folder.name) / "index", engine=self.engine, segments=None, **self._facets)
        self.close()
        self._log, self._codes, self._index, self._folder = log, codes, index, folder

    def _fitted(self) -> tuple[Index, Interactions]:
        if self._index is None or self._log is None:
            raise UsageError("The Recommender knows nothing yet: fit it on a log first.")
        return self._index, self._log

    @staticmethod
    def _histories(log: Interactions, names: list[str]) -> list[list[str]]:
        rows = log.users.find(names)
        if (rows < 0).any():
            unknown = [name for name, row in zip(names, rows.tolist(), strict=True) if row < 0]
            raise DataError(f"The log has no user {name_some(unknown)}; give what they have, recommend(histories=...).")
        starts, indices = log.matrix.indptr, log.matrix.indices.astype(np.int64)
        return [log.items.names_of(indices[starts[row] : starts[row + 1]]) for row in rows.tolist()]

    @staticmethod
    def _weights(log: Interactions, names: list[str], half_life: float | str | None) -> list[list[float]] | None:
        """What the items of users count; None: all 1."""
        if half_life is None and log.weights is None:
            return None
        starts = log.matrix.indptr
        values = np.ones(log.matrix.nnz) if log.weights is None else log.weights.astype(np.float64)
        if half_life is not None:
            times = log.last_times
            latest = np.repeat(np.maximum.reduceat(times, starts[:-1]), np.diff(starts))
            values = values * share_left(times, seconds_of(half_life), latest)
        return [values[starts[row] : starts[row + 1]].tolist() for row in log.users.find(names).tolist()]

    @staticmethod
    def _typed(frame: "pl.DataFrame", kinds: dict[str, str]) -> "pl.DataFrame":
        """Ids of the types that the log had; texts where one is of another, as of somebody whom it does not know."""
        import polars as pl

        typed = [frame[name].cast(getattr(pl, kind), strict=False) for name, kind in kinds.items()]
        return frame.with_columns(column for column in typed if column.null_count() == 0)


def _as_stage(on_stage: "OnStage") -> "Callable[[EpochReport], None]":
    """Epochs of Compressed ELSA as a stage."""
    return lambda at: on_stage("epochs", at.epoch, at.epochs)


def _is_recommender(path: Path) -> bool:
    return (path / _NAME).is_file()


def _unpacked(saved: bytes, progress: bool) -> Recommender:
    with unpacked(saved) as path:
        made = Recommender.load(path)
    made.progress = progress
    return made
