"""Tables and matrices as programs hold them: pandas, Polars, Arrow and whatever speaks Arrow's interface, SciPy."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from ..errors import DataError, name_some
from ..forks import POLARS
from ..sequences import is_table

if TYPE_CHECKING:
    import polars as pl


_NESTED = (list, tuple, set, frozenset, dict, np.ndarray)


def as_polars(table: object) -> "pl.DataFrame | None":
    """A table of any library as one of Polars, None for what is no table. Raises DataError where a column is of no
    type, such as one of numbers and texts.

    >>> import pandas as pd
    >>> as_polars(pd.DataFrame({"item_id": [1, 2]}, index=[7, 9])).rows()
    [(1,), (2,)]
    """
    import polars as pl

    if isinstance(table, pl.LazyFrame):
        POLARS.use()
        return table.collect()
    is_pandas = type(table).__module__.split(".")[0] == "pandas"
    if not (isinstance(table, pl.DataFrame) or is_pandas or hasattr(table, "__arrow_c_stream__")):
        return None
    if not is_table(table):  # a single column
        return None
    POLARS.use()
    given: Any = table
    names = list(map(str, getattr(given, "column_names", given.columns)))
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DataError(f"The table has the column {name_some(twice)} more than once; rename one.")
    if is_pandas:
        return pl.DataFrame([_column(str(name), given[name]) for name in given.columns])
    try:
        return pl.DataFrame(given)
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):  # of rare types
            raise
        raise DataError(f"The table cannot be read: {' '.join(str(error).split())[:200]}") from None


def _column(name: str, values: Any) -> "pl.Series":
    """A column of pandas; as text where it is not of one type, such as one of numbers and texts. One of lists where any
    value is a list or an object, the others null."""
    import polars as pl

    if values.dtype == object:
        kinds = set(map(type, values))
        if len(kinds) > 1:
            kinds = {type(value) for value in values if not is_missing(value)}
        if any(issubclass(kind, _NESTED) for kind in kinds):
            lists: list[list[str] | None] = [[""] if isinstance(value, _NESTED) else None for value in values]
            return pl.Series(name, lists, dtype=pl.List(pl.String))
        if len(kinds) > 1:
            return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)
    try:
        return pl.Series(name, pl.from_pandas(values))
    except Exception:  # whatever Arrow and Polars say of a type that they do not have
        return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)


def is_panic(error: BaseException) -> bool:
    """Whether Polars' Rust core gave up, on malformed bytes for one: no Exception, although Python's own go on."""
    return type(error).__name__ == "PanicException"


def bare(given: object) -> object:
    """An id without blanks around it, as in files."""
    return given.strip() if isinstance(given, str) else given


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN, or what is missing for pandas.

    >>> import pandas as pd
    >>> [is_missing(value) for value in (None, float("nan"), pd.NaT, pd.NA, "", 0)]
    [True, True, True, True, False, False]
    """
    try:
        return value is None or bool(value != value)
    except ValueError:  # of an array, each of whose values may be missing
        return False
    except TypeError:  # of pandas' NA, which is neither equal to itself nor unequal
        return True


def as_text(value: object) -> str | None:
    """A value as columns of its type are read: None where there is none, whole numbers without a point.

    >>> [as_text(value) for value in ("a", 7.0, True, float("nan"))]
    ['a', '7', 'true', None]
    """
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 2**53:
        return str(int(float(value)))
    return str(value)


def is_matrix(value: object) -> bool:
    """Whether it is a SciPy matrix."""
    return bool(issparse(value))
