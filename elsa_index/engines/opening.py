"""Opening an engine's files as a manifest describes them, which may be damaged, or somebody's invention."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ElsaIndexError, StorageError
from . import engine_class
from .contract import Engine
from .names import StoreName

_RAW = (
    KeyError, TypeError, ValueError, OverflowError, AssertionError, AttributeError, IndexError, RuntimeError, OSError,
    ZeroDivisionError,
)  # fmt: skip


class EngineParameters(BaseModel):
    """What engines write down of themselves, and read again; each some of it."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    dims: int = Field(ge=1)
    items: int | None = Field(None, ge=1)
    nonzeros: int | None = Field(None, ge=0)
    store: StoreName | None = None
    bits: int | None = Field(None, ge=2, le=16)
    impact_scale: float | None = Field(None, gt=0)
    rest_norm: float | None = Field(None, ge=0)
    largest_norm: float | None = Field(None, ge=0)
    short_queries: bool = False


def open_engine(name: str, directory: Path, parameters: dict[str, Any], dims: int) -> Engine:
    """The engine of that name, for codes of `dims` dimensions. Raises StorageError where its files are not what it
    wrote, MissingExtraError where its library is not installed."""
    kind = engine_class(name)
    with damage_told(directory):
        about = EngineParameters.model_validate(parameters)
        if about.dims != dims:
            raise StorageError(f"{directory} is damaged: codes of {dims:,} dimensions, an engine of {about.dims:,}.")
        return kind.open(directory, parameters)


@contextmanager
def damage_told(directory: Path) -> Iterator[None]:
    """Whatever reading a directory fails in is told as damage to it."""
    try:
        yield
    except ElsaIndexError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StorageError(f"{directory} is damaged: {where}: {first['msg']}. Build it again.") from None
    except _RAW as error:
        raise StorageError(f"{directory} is damaged: {type(error).__name__}: {error}. Build it again.") from error
