"""Reading and writing tables: CSV, TSV and Parquet, plain or gzipped, through Polars."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError, name_some, shorten
from ..storage.files import existing_file
from ..storage.staging import staged_file
from .raw_bytes import unpacked

if TYPE_CHECKING:
    import polars as pl

READABLE = ".csv, .tsv, .parquet, each also with .gz"
_MOST_COLUMNS = 10_000
WRITABLE = ".csv, .parquet, .jsonl or .trec"


def table_format(path: Path) -> str:
    """`csv`, `tsv` or `parquet`, by the name. Raises DataError for any other."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    kind = suffixes[-1].removeprefix(".") if suffixes else ""
    if kind not in {"csv", "tsv", "parquet"}:
        raise DataError(f"{path} has no known format; its name must end in {READABLE}.")
    return kind


def read_table(path: str | os.PathLike[str], required: list[str], optional: list[str] | None = None) -> "pl.DataFrame":
    """The named columns of a table, all as text (null where empty), with `row` counted from 1 after the header.

    Raises DataError that names the file and the column, or what the file has instead of a table.
    """
    frame = _read(path, required)
    wanted = [*required, *(name for name in optional or [] if name in frame.columns)]
    return _as_text(frame, list(dict.fromkeys(wanted)), path).with_row_index("row", offset=1)


def read_all_columns(path: str | os.PathLike[str], required: list[str]) -> "pl.DataFrame":
    """Every column of a table that can be read as text, and no `row`: lists are left out."""
    frame = _read(path, required)
    flat = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    return _as_text(frame, flat, path)


def _read(path: str | os.PathLike[str], required: list[str]) -> "pl.DataFrame":
    import polars as pl

    path = existing_file(path, "The table")
    kind = table_format(path)
    with _explained(path, kind):
        data = unpacked(path)
        if not data.strip():
            raise DataError(f"{path} is empty; a table with a header and rows is needed.")
        if kind == "parquet":
            frame = _parquet(data, path)
        else:
            separator = "\t" if kind == "tsv" else ","
            columns = data[: data.find(b"\n") + 1 or None].count(separator.encode()) + 1
            if columns > _MOST_COLUMNS:
                raise DataError(f"{path} has {columns:,} columns; a table has at most {_MOST_COLUMNS:,}.")
            frame = pl.read_csv(io.BytesIO(data), separator=separator, infer_schema=False)
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise DataError(f"{path} has no column {name_some(missing)}; its columns are {name_some(frame.columns, 20)}.")
    if frame.height == 0:
        raise DataError(f"{path} has a header and no rows; at least one row is needed.")
    return frame


@contextmanager
def _explained(path: Path, kind: str) -> Iterator[None]:
    """Turns what Polars raises, its panics included, into a DataError."""
    import polars as pl

    try:
        yield
    except DataError:
        raise
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{path} cannot be read as {kind.upper()}: {reason}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Polars' Rust core on malformed bytes
            raise
        raise DataError(f"{path} cannot be read as {kind.upper()}: the file is damaged.") from None


def _parquet(data: bytes, path: Path) -> "pl.DataFrame":
    from .parquet import read_parquet

    try:
        return read_parquet(data)
    except DataError as error:
        raise DataError(f"{path} cannot be read as PARQUET: {error}") from None


def _as_text(frame: "pl.DataFrame", columns: list[str], path: str | os.PathLike[str]) -> "pl.DataFrame":
    import polars as pl

    with _explained(Path(path), "text"):
        return frame.select(pl.col(name).cast(pl.String) for name in columns)


def numbers(frame: "pl.DataFrame", column: str, path: str | os.PathLike[str]) -> "pl.Series":
    """A text column as finite float64. Raises DataError that names the first row whose value is none."""
    import polars as pl

    values = frame[column].str.strip_chars().cast(pl.Float64, strict=False)
    bad = (~values.is_finite()).fill_null(True)
    if bad.any():
        row = int(bad.arg_true()[0])
        raise DataError(
            f"{path}, row {row + 1}: {column} must be a finite number, got {shorten(frame[column][row])} "
            f"({int(bad.sum()):,} such rows)."
        )
    return values


def refuse_missing(frame: "pl.DataFrame", columns: list[str], path: str | os.PathLike[str]) -> None:
    """Raises DataError that names the first row in which one of `columns` is empty."""
    for column in columns:
        missing = frame[column].is_null() | (frame[column] == "")
        if missing.any():
            raise DataError(
                f"{path}, row {int(missing.arg_true()[0]) + 1}: {column} is empty ({int(missing.sum()):,} such rows)."
            )


def write_parquet(frame: "pl.DataFrame", path: Path) -> None:
    frame.write_parquet(path, compression="zstd")


def writable_format(path: Path) -> str:
    """The format in which results go to `path`, by its name. Raises UsageError for any other."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in {"csv", "parquet", "jsonl", "trec"}:
        raise UsageError(f"The output {path} has no known format; its name must end in {WRITABLE}.")
    return kind


def write_results(frame: "pl.DataFrame", path: Path, *, overwrite: bool = False, run: str = "elsa-index") -> None:
    """Writes the columns user_id, rank, item_id, score as CSV, Parquet, JSON lines or a TREC run.

    Raises DataError, with nothing written, for ids with white space in a TREC run, whose columns are
    separated by white space.
    """
    import polars as pl

    kind = writable_format(path)
    if kind == "trec":
        for column in ("user_id", "item_id"):
            spaced = frame.filter(pl.col(column).str.contains(r"\s"))
            if spaced.height:
                raise DataError(
                    f"A TREC run cannot hold the {column} {shorten(spaced[column][0])}: its columns are separated by "
                    "white space. Write .csv, .parquet or .jsonl instead."
                )
    with staged_file(path, overwrite=overwrite) as staged:
        if kind == "csv":
            frame.write_csv(staged)
        elif kind == "parquet":
            write_parquet(frame, staged)
        elif kind == "jsonl":
            frame.write_ndjson(staged)
        else:
            run_columns = frame.select(
                "user_id", pl.lit("Q0").alias("q0"), "item_id", "rank", "score", pl.lit(run).alias("run")
            )
            run_columns.write_csv(staged, separator=" ", include_header=False, quote_style="never")
