"""Reading tables: files of any format that people have, as columns of text."""

import difflib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..errors import DataError, DataWarning, name_some
from ..forks import POLARS
from .columns import Part, refuse_rows
from .frames import as_polars, is_panic
from .log_format import AS_IT_IS, LogFormat
from .parquet import parquet_groups, read_parquet
from .reading.blocks import blocks_of
from .reading.delimited import read_delimited
from .reading.found import ROW, Found, Notes
from .reading.other_kinds import are_blocks, are_lines, is_json, read_blocks, read_json_lines, read_lines
from .reading.sources import Paths, Source, sources_of, warn_of_others
from .reading.text import as_utf8, lines_of, with_line_feeds, without_comments

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 50
_NAMED = r"^\s*({})(:(token|float)(_seq)?)?\s*$"
"""A column's name, in RecBole's headers with its type."""
_EXACT = 2**53  # beyond it floats are no whole numbers any more


def read_parts(
    paths: Paths | object,
    required: Sequence[str],
    optional: Sequence[str] | None = (),
    form: LogFormat = AS_IT_IS,
    what: str = "The table",
    *,
    in_blocks: bool = False,
) -> Iterator[Part]:
    """The tables of all files, one after the other, each with the named columns as text, null where empty.

    Args:
        paths: A file, several, a pattern, a folder, or `-` for standard input; or a table of pandas, Polars or Arrow.
        required: Columns that must be there. In formats without names the first two are users and items.
        optional: Further ones, of those that are there; None: all that can be read as text.
        form: What the files do not say themselves.
        what: Whose files they are, for messages.
        in_blocks: Long files come as several tables, of which memory holds one at a time.

    Raises:
        DataError: That names the file and the column or row, or what the file has instead of a table.
    """
    frame = as_polars(paths)
    if frame is not None:
        nested = {
            name: int(frame[name].is_not_null().arg_max() or 0) + 1
            for name, kind in frame.schema.items()
            if kind.is_nested()
        }
        found = Found(frame.drop(nested).with_row_index(ROW, offset=1), "a table", nested=nested)
        yield _part(f"{what} given", found, required, optional)
        return
    POLARS.use()
    sources = sources_of(cast(Paths, paths), what)
    warn_of_others(cast(Paths, paths))
    for source in sources:
        if in_blocks and source.path is not None:
            for found in _read_in_blocks(source, source.path, required, form):
                yield _part(source.name, found, required, optional)
        else:
            yield _part(source.name, _read(source, required, form), required, optional)


def _part(path: str, found: Found, required: Sequence[str], optional: Sequence[str] | None) -> Part:
    _check_nested(path, found, required if optional is None else [*required, *optional], warns=optional is None)
    missing = [name for name in required if name not in found.frame.columns]
    if missing:
        raise DataError(_explain_missing(path, missing, found))
    if found.frame.height == 0:
        raise DataError(f"{path} has {'a header and ' if found.has_header else ''}no rows; at least one row is needed.")
    names = [name for name in found.frame.columns if name != ROW]
    wanted = list(names) if optional is None else [*required, *(name for name in optional if name in names)]
    frame = _as_text(found.frame, list(dict.fromkeys(wanted)), path)
    if found.has_header:
        frame = _without_headers(frame, required, path, found.notes)
    return Part(path, frame, found.kind, found.notes)


def _check_nested(path: str, found: Found, named: Sequence[str], *, warns: bool) -> None:
    """Raises DataError where a column that is named holds lists or objects. warns: of other ones."""
    for name, row in found.nested.items():
        if name in named:
            raise DataError(
                f"{path}, row {row:,}: {name} holds a list or an object, and one value per row is needed: write a row "
                "for each of them."
            )
    if warns and found.nested:
        warnings.warn(
            f"{path}: {name_some(list(found.nested))} left out, as lists and objects are not read; write them as text.",
            DataWarning,
            stacklevel=4,
        )


def read_table(
    paths: Paths | object, required: Sequence[str], optional: Sequence[str] | None = (), form: LogFormat = AS_IT_IS
) -> "pl.DataFrame":
    """The same as one table, without numbers of rows."""
    import polars as pl

    return pl.concat([part.frame.drop(ROW) for part in read_parts(paths, required, optional, form)], how="diagonal")


def _read(source: Source, required: Sequence[str], form: LogFormat) -> Found:
    with _explained(source.name, form.kind):
        data = source.read()
        if not data.strip():
            raise DataError(f"{source.name} is empty; a table with a header and rows is needed.")
        if _is_parquet(data[:4], source, form):
            with _explained_parquet(source.name):
                return _of_parquet(*read_parquet(data))
        notes = Notes()
        return _read_text(as_utf8(data, form.encoding, source.name, notes), source, required, form, notes)


def _read_in_blocks(source: Source, path: Path, required: Sequence[str], form: LogFormat) -> Iterator[Found]:
    any_found = False
    with _explained(source.name, form.kind):
        with path.open("rb") as file:
            begins = file.read(4)
        if _is_parquet(begins, source, form):
            before = 0
            with _explained_parquet(source.name):
                for frame, nested in parquet_groups(path):
                    yield _of_parquet(frame, nested, before)
                    before += frame.height
            return
        for block, like, before in blocks_of(path, form):
            any_found = True
            notes = Notes()
            text = as_utf8(block, form.encoding, source.name, notes)
            yield _read_text(text, source, required, like, notes, before)
    if not any_found:
        yield _read(source, required, form)  # which says so


def _of_parquet(frame: "pl.DataFrame", nested: Sequence[str], before: int = 0) -> Found:
    return Found(frame.with_row_index(ROW, offset=1 + before), "Parquet", nested=dict.fromkeys(nested, 1))


def _is_parquet(begins: bytes, source: Source, form: LogFormat) -> bool:
    return form.kind == "parquet" or (form.kind == "auto" and (source.suffix == ".parquet" or begins[:4] == b"PAR1"))


def _read_text(
    data: bytes, source: Source, required: Sequence[str], form: LogFormat, notes: Notes, before: int = 0
) -> Found:
    """notes: on what was done to the text before. before: rows of the file that come before these."""
    data = with_line_feeds(data)
    if form.comment:
        data = without_comments(data, form.comment, notes, quotes=form.quotes and form.kind in ("auto", "csv"))
    found = _parsed(data, source.name, required, form, before)
    found.notes.add(notes)
    return found


def _parsed(data: bytes, name: str, required: Sequence[str], form: LogFormat, before: int) -> Found:
    sample = lines_of(data, _SAMPLE)
    user, item = (*required, "user_id", "item_id")[:2] if len(required) != 1 else ("user_id", required[0])
    if form.kind == "jsonl" or (form.kind == "auto" and is_json(data)):
        return read_json_lines(data, name, before=before)
    if form.kind == "netflix" or (form.is_left_open and are_blocks(sample)):
        return read_blocks(data, name, user, item)
    if form.kind == "lines" or (form.is_left_open and are_lines(sample)):
        return read_lines(data, name, user, item, form.separator, before=before)
    return read_delimited(data, name, form, required, before=before)


def _explain_missing(path: str, missing: Sequence[str], found: Found) -> str:
    """What may be wrong where columns are missing."""
    names = [name for name in found.frame.columns if name != ROW]
    said = f"{path} has no column {name_some(list(missing))}; its columns are {name_some(names, 20)}"
    simple = {re.sub(r"[^a-z0-9]", "", name.casefold()): name for name in names}
    meant = {}
    for name in missing:
        near = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", name.casefold()), simple, 1, 0.75)
        if near:
            meant[name] = simple[near[0]]
    if meant:
        return f"{said}. Is it {name_some(list(meant.values()))}? Say which columns to read, --item-column for example."
    if found.has_header and any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return f"{said}. If it has no header pass --no-header and columns by number, the first is 1 (LogFormat)."
    if len(names) == 1 and len(missing) > 1:
        return f"{said}. Say what separates its fields: --separator (LogFormat)."
    return f"{said}."


@contextmanager
def _explained(path: str, kind: str) -> Iterator[None]:
    """Turns what Polars raises, its panics included, into a DataError."""
    import polars as pl

    try:
        yield
    except DataError:
        raise
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split(". ")[0].split())[:200]
        raise DataError(f"{path} cannot be read as {'a table' if kind == 'auto' else kind}: {reason}") from None
    except BaseException as error:
        if not is_panic(error):
            raise
        raise DataError(f"{path} cannot be read as a table: the file is damaged.") from None


@contextmanager
def _explained_parquet(path: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{path} cannot be read as PARQUET: {error}") from None


def _as_text(frame: "pl.DataFrame", columns: Sequence[str], path: str) -> "pl.DataFrame":
    with _explained(path, "text"):
        return frame.select(ROW, *(_text(frame[name], path) for name in columns))


def _text(column: "pl.Series", path: str) -> "pl.Series":
    """A column as text. Whole numbers that pandas keeps as floats, where one is missing, are whole numbers."""
    import polars as pl

    if column.dtype.is_float():
        there = column.fill_nan(None)
        whole = there.is_finite() & (there == there.round()) & (there.abs() < _EXACT)
        texts = [whole.alias("whole"), there.alias("float"), there.cast(pl.Int64, strict=False).alias("int")]
        return (
            pl.DataFrame(texts)
            .select(pl.when("whole").then(pl.col("int").cast(pl.String)).otherwise(pl.col("float").cast(pl.String)))
            .to_series()
            .alias(column.name)
        )
    if column.dtype == pl.Binary:
        return _of_bytes(column, path)
    return column.cast(pl.String)


def _of_bytes(column: "pl.Series", path: str) -> "pl.Series":
    """Bytes as text: UTF-8, or the sixteen bytes of a UUID."""
    import polars as pl

    lengths = column.drop_nulls().bin.size().unique().to_list()
    try:
        texts = column.cast(pl.String)
        if lengths != [16] or not texts.str.contains(r"[\x00-\x1f]").any():
            return texts
    except pl.exceptions.PolarsError:
        pass
    if lengths == [16]:
        found = column.bin.encode("hex")
        return found.str.replace(r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", "${1}-${2}-${3}-${4}-${5}")
    raise DataError(
        f"{path}: the column {column.name!r} holds bytes that are neither UTF-8 nor UUIDs; write it as text."
    )


def _without_headers(frame: "pl.DataFrame", required: Sequence[str], path: str, notes: Notes) -> "pl.DataFrame":
    """Without rows that repeat the header, as files that were joined have. Raises DataError where one names the columns
    in another order. Columns called by numbers, as pandas does, are no names to look for among ids."""
    import polars as pl

    if len(required) < 2 or all(name.isdecimal() for name in required):
        return frame
    names = "|".join(map(re.escape, required))
    named = [pl.col(name).str.contains(_NAMED.format(names)) for name in required]
    is_header = frame.select(pl.all_horizontal(named).fill_null(value=False)).to_series()
    if not is_header.any():
        return frame
    same = [pl.col(name).str.contains(_NAMED.format(re.escape(name))) for name in required]
    in_other_order = is_header & ~frame.select(pl.all_horizontal(same)).to_series()
    wanted = "a value, not a header of columns in another order: give such files one by one"
    refuse_rows(Part(path, frame, "", notes), required[0], in_other_order, wanted)
    notes.count("headers within", int(is_header.sum()))
    return frame.filter(~is_header)
