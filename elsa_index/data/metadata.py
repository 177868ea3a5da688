"""Metadata: what is known of items besides interactions: titles, genres, authors, years."""

import warnings
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from ..errors import DataError, DataWarning, StorageError, UsageError, name_some, shorten
from ..storage.files import read_json, write_json
from ..storage.ids import IdMap, Rows
from ..storage.strings import Strings
from .columns import id_column
from .frames import as_polars, as_text, bare, is_missing
from .log_format import AS_IT_IS, LogFormat
from .reading.found import ROW
from .reading.sources import Paths
from .tables import read_parts

TITLE = "title"
_COLUMNS = "metadata.json"


@dataclass(frozen=True, eq=False)
class Metadata:
    """columns: by name, one text per item, "" where nothing is known. The column `title` is what people read.

    >>> films = Metadata.of({"item_id": ["b", "zz"], "title": ["Brazil", "?"]}, IdMap("ab"))
    >>> films.item(1), films.item(0)
    ({'title': 'Brazil'}, {})
    """

    columns: dict[str, Strings]

    @classmethod
    def of(cls, table: Mapping[str, Sequence[object]], ids: IdMap) -> "Metadata":
        """From a table with the column item_id and others, rows in any order; the first row of an item counts, and
        items that are not in `ids` are left out.

        Raises DataError where no item is in `ids`, and where there is nothing but ids; warns (DataWarning) where few
        are, and where there are no titles.
        """
        table = as_columns(table)
        if "item_id" not in table:
            raise DataError(f"Metadata needs the column item_id; it has {name_some(list(table))}.")
        names = [name for name in table if name != "item_id"]
        if not names:
            raise DataError("Metadata needs a column besides item_id: a title, genres, authors.")
        rows = ids.find(table["item_id"])
        known = np.flatnonzero(rows >= 0)
        if not len(known):
            some = name_some([str(name) for name in table["item_id"]])
            raise DataError(f"None of the {len(rows):,} items of the metadata is in the index: {some}.")
        _warn(names, rows, len(ids))
        values: dict[str, list[str]] = {name: [""] * len(ids) for name in names}
        for at in known[::-1].tolist():
            for name in names:
                values[name][int(rows[at])] = as_text(table[name][at]) or ""
        return cls({name: Strings(column) for name, column in values.items()})

    def item(self, row: int) -> dict[str, str]:
        """All that is known of an item, by column."""
        return {name: column[row] for name, column in self.columns.items() if column[row]}

    @classmethod
    def changed(
        cls, before: "Metadata | None", former: Rows, ids: IdMap, table: Mapping[str, Sequence[object]] | None
    ) -> "Metadata | None":
        """Metadata after items came, went and moved. former: (items,) the row that each had, -1 for none. table: what
        is known anew, as for `of`: its columns are replaced for its items, other columns stay.

        >>> films = Metadata.of({"item_id": ["b"], "title": ["Brazil"]}, IdMap("ab"))
        >>> known = {"item_id": ["a", "c"], "title": ["Alien", "Cube"], "year": [1979, 1997]}
        >>> after = Metadata.changed(films, np.array([1, -1]), IdMap("bc"), known)
        >>> after.item(0), after.item(1)
        ({'title': 'Brazil'}, {'title': 'Cube', 'year': '1997'})
        """
        kept: dict[str, Strings] = {}
        nothing = Strings([""])
        if before is not None:
            # Where nothing is known the text after the last one, which is empty, is taken.
            places = np.where(former >= 0, former, len(next(iter(before.columns.values()))))
            kept = {name: column.followed_by(nothing).in_order(places) for name, column in before.columns.items()}
        if table is None:
            return cls(kept) if kept else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # that it describes few of all items is meant so
            given = cls.of(table, ids)
        anew = np.zeros(len(ids), dtype=bool)
        anew[[row for row in ids.find(table["item_id"]).tolist() if row >= 0]] = True
        for name, column in given.columns.items():
            old = kept.get(name, nothing.in_order(np.zeros(len(ids), dtype=np.int64)))
            order = np.where(anew, np.arange(len(ids)) + len(ids), np.arange(len(ids)))
            kept[name] = old.followed_by(column).in_order(order)
        return cls(kept)

    def save(self, directory: Path) -> None:
        write_json(directory / _COLUMNS, {"columns": list(self.columns)})
        for number, column in enumerate(self.columns.values()):
            column.save(directory, f"metadata.{number}")

    @staticmethod
    def is_in(names: Container[str]) -> bool:
        """Whether metadata is among the files of these names."""
        return _COLUMNS in names

    @classmethod
    def load(cls, directory: Path, items: int) -> "Metadata":
        """Opens by memory map."""
        names = read_json(directory / _COLUMNS).get("columns")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise StorageError(f"{directory / _COLUMNS} is damaged: it names no columns.")
        columns = {name: Strings.load(directory, f"metadata.{number}") for number, name in enumerate(names)}
        if any(len(column) != items for column in columns.values()):
            raise StorageError(f"The metadata in {directory} are damaged: they are not of {items:,} items.")
        return cls(columns)


def as_columns(table: Mapping[str, Sequence[object]] | object) -> Mapping[str, Sequence[object]]:
    """A table by column, from one or from a table of pandas, Polars or Arrow. Raises UsageError for anything else."""
    if isinstance(table, Mapping):
        lengths = {str(name): len(values) for name, values in table.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"Columns of the metadata must be of one length, got {lengths}.")
        return _with_ids({str(name): list(values) for name, values in table.items()})  # whatever index pandas keeps
    frame = as_polars(table)
    if frame is None:
        raise UsageError(
            "Metadata is a table by column, {'item_id': [...], 'title': [...]}, or of pandas, Polars or Arrow; got "
            f"{shorten(table)}. read_metadata reads files."
        )
    return _with_ids({name: frame[name].to_list() for name in frame.columns})


def _with_ids(columns: dict[str, list[object]]) -> dict[str, list[object]]:
    """With ids as files have them: without blanks around them. Raises DataError, with the row, where one is missing."""
    if "item_id" not in columns:
        return columns
    ids = list(map(bare, columns["item_id"]))
    for row, given in enumerate(ids, 1):
        if is_missing(given) or given == "":
            raise DataError(f"Row {row:,} of the metadata has no item_id.")
    return columns | {"item_id": ids}


def as_json(columns: Mapping[str, Sequence[object]]) -> dict[str, list[object]]:
    """The same, to be saved: what JSON has no word for is text that means it."""

    def plain(value: object) -> object:
        if is_missing(value):
            return None
        if isinstance(value, date):
            return value.isoformat()
        return value if isinstance(value, (str, int, float)) else as_text(value)

    return {name: [plain(value) for value in values] for name, values in columns.items()}


def _warn(names: list[str], rows: Rows, items: int) -> None:
    """Warns of metadata that may be another catalogue's, or that nobody will see."""
    described = len(np.unique(rows[rows >= 0]))
    if 2 * described < min(len(rows), items):
        warnings.warn(
            f"The metadata describes {described:,} of {items:,} items, and {np.count_nonzero(rows < 0):,} of its "
            f"{len(rows):,} rows are of items that are not there: is it of this catalogue?",
            DataWarning,
            stacklevel=3,
        )
    if twice := np.count_nonzero(rows >= 0) - described:
        warnings.warn(
            f"{twice:,} rows of the metadata are of items that it had described before; the first row of each counts.",
            DataWarning,
            stacklevel=3,
        )
    if TITLE not in names:
        warnings.warn(
            f"The metadata has no column {TITLE!r}, so items are shown by id; it has {', '.join(names)}.",
            DataWarning,
            stacklevel=3,
        )


def read_metadata(path: Paths, form: LogFormat = AS_IT_IS) -> dict[str, list[str | None]]:
    """Reads tables with the column item_id and any others.

    Returns:
        Columns by name, all as text.

    Raises:
        DataError: Naming the file, and the column or row that is wrong.
    """
    import polars as pl

    frames = []
    for part in read_parts(path, ["item_id"], None, form):
        frames.append(part.frame.drop(ROW).with_columns(id_column(part, "item_id").alias("item_id")))
    frame = pl.concat(frames, how="diagonal")
    return {name: frame[name].to_list() for name in frame.columns}
