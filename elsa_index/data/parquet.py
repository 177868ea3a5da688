"""Parquet, read by pyarrow: a damaged file is an error there, where Polars can end the process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ..errors import DataError, UsageError
from .raw_bytes import most_unpacked

if TYPE_CHECKING:
    import polars as pl

_CELL = 8  # bytes that a row of a column takes, at least


def read_parquet(data: bytes) -> tuple["pl.DataFrame", list[str]]:
    """The table in a file's bytes, and which columns it leaves out, as they hold lists or objects. Raises DataError
    where it is damaged, or says to be larger than it can be."""
    (found,) = _tables(lambda arrow: arrow.BufferReader(data), len(data), in_groups=False)
    return found


def parquet_groups(path: Path) -> Iterator[tuple["pl.DataFrame", list[str]]]:
    """The same of a file, a group of rows after the other."""
    return _tables(lambda arrow: arrow.OSFile(str(path)), path.stat().st_size, in_groups=True)


def _tables(opened: Callable[[Any], Any], size: int, *, in_groups: bool) -> Iterator[tuple["pl.DataFrame", list[str]]]:
    import polars as pl

    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("Parquet needs the package pyarrow: pip install pyarrow; or write it as CSV.") from None
    try:
        schema = pq.read_schema(opened(pa))
        names = [field.name for field in schema if not pa.types.is_nested(field.type)]
        nested = [field.name for field in schema if pa.types.is_nested(field.type)]
        # Texts as numbers into a dictionary: one of a megabyte, named by each of a million rows, is there once.
        file = pq.ParquetFile(opened(pa), read_dictionary=names, pre_buffer=False)
        about = file.metadata
        sizes = [about.row_group(at).total_byte_size for at in range(about.num_row_groups)]
        needed = max(about.num_rows * max(1, about.num_columns) * _CELL, sum(sizes))
        free = psutil.virtual_memory().available
        if not 0 <= needed <= most_unpacked(size) or (not in_groups and needed > free):
            raise DataError(
                f"its {size:,} bytes say to hold {about.num_rows:,} rows of {needed / 1e9:,.1f} GB, more than any "
                f"log of that size does or than the {free / 1e9:,.1f} GB that are free"
            )
        for groups in [[at] for at in range(len(sizes))] if in_groups and sizes else [list(range(len(sizes)))]:
            # On this thread alone: a thread that still holds Python's bytes when Python ends, ends the process with
            # SIGABRT (github.com/apache/arrow/issues/34314), one time in five after an error.
            table = file.read_row_groups(groups, columns=names, use_threads=False)
            table.validate(full=True)  # texts that are no UTF-8, for one
            held = sum(map(_written_out, table.columns))
            if held > most_unpacked(size):
                raise DataError(f"its {size:,} bytes say to hold {held / 1e9:,.1f} GB, more than any log of that size")
            columns = [_plain(column) for column in table.columns]
            found = pl.from_arrow(pa.Table.from_arrays(columns, names=table.schema.names))  # without metadata
            assert isinstance(found, pl.DataFrame)
            yield found, nested
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, MemoryError, OverflowError) as error:
        told = " ".join(str(error).split())[:200]
        if "DeltaByteArray" in told:  # texts as differences, few bytes of which can be gigabytes
            raise DataError(
                "it stores texts as differences (DELTA_BYTE_ARRAY), which are not read: write it again as pandas, "
                "Polars and pyarrow do by default"
            ) from None
        raise DataError(f"the file is damaged: {told}") from None


def _written_out(column: Any) -> int:
    """Bytes that a column takes where each row has its own text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
        return int(column.nbytes)
    lengths = (pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks)
    return sum(pc.sum(of_rows.cast(pa.int64())).as_py() or 0 for of_rows in lengths)


def _plain(column: Any) -> Any:
    import pyarrow as pa

    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return any(
        of_kind(kind)
        for of_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )
