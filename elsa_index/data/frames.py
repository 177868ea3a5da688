"""Tables and matrices as programs hold them: pandas, Polars, Arrow and whatever speaks Arrow's interface, SciPy."""

from typing import TYPE_CHECKING, Any

from scipy.sparse import issparse

from ..errors import DataError

if TYPE_CHECKING:
    import polars as pl


def as_polars(table: object) -> "pl.DataFrame | None":
    """A table of any library as one of Polars, None for what is no table. Raises DataError where a column is of no
    type, such as one of numbers and texts.

    >>> import pandas as pd
    >>> as_polars(pd.DataFrame({"item_id": [1, 2]}, index=[7, 9])).rows()
    [(1,), (2,)]
    """
    import polars as pl

    if isinstance(table, pl.LazyFrame):
        return table.collect()
    is_pandas = type(table).__module__.split(".")[0] == "pandas"
    if not (isinstance(table, pl.DataFrame) or is_pandas or hasattr(table, "__arrow_c_stream__")):
        return None
    if not (hasattr(table, "columns") or hasattr(table, "column_names")):  # a single column
        return None
    given: Any = table
    try:
        return pl.DataFrame(given)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:  # Arrow's are these, too
        said = " ".join(str(error).split())[:200]
        raise DataError(f"The table cannot be read, as a column is not of one type: {said}") from None


def is_matrix(value: object) -> bool:
    """Whether it is a SciPy matrix."""
    return bool(issparse(value))
