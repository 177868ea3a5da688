"""Parquet, read by pyarrow: a damaged file is an error there, where Polars can end the process."""

from typing import TYPE_CHECKING

import psutil

from ..errors import DataError, UsageError
from .raw_bytes import most_unpacked

if TYPE_CHECKING:
    import polars as pl

_CELL = 8  # bytes that a row of a column takes, at least


def read_parquet(data: bytes) -> "pl.DataFrame":
    """The table in a file's bytes. Raises DataError where it is damaged, or says to be larger than it can be."""
    import polars as pl

    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("Parquet needs the package pyarrow: pip install pyarrow; or write it as CSV.") from None
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        about = file.metadata
        groups = sum(about.row_group(at).total_byte_size for at in range(about.num_row_groups))
        needed = max(about.num_rows * max(1, about.num_columns) * _CELL, groups)
        free = psutil.virtual_memory().available
        if not 0 <= needed <= min(free, most_unpacked(len(data))):
            raise DataError(
                f"its {len(data):,} bytes say to hold {about.num_rows:,} rows of {needed / 1e9:,.1f} GB, more than any "
                f"log of that size does or than the {free / 1e9:,.1f} GB that are free"
            )
        table = file.read()
        table.validate(full=True)  # texts that are no UTF-8, for one
        found = pl.from_arrow(pa.Table.from_arrays(table.columns, names=table.schema.names))  # without metadata
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, MemoryError, OverflowError) as error:
        raise DataError(f"the file is damaged: {' '.join(str(error).split())[:200]}") from None
    assert isinstance(found, pl.DataFrame)
    return found
