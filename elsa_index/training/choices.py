"""Choices: what all training configurations have in common."""

from contextlib import suppress
from functools import partial
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from ..errors import UsageError

Auto = Literal["auto"]


class Choices(BaseModel):
    """A frozen configuration that knows all its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def checked(cls, **values: object) -> Self:
        """As the constructor, but raises UsageError that names parameter, value and what is allowed."""
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            given = f", got {first['input']!r}" if name else ""
            raise UsageError(f"{name or 'training'}: {first['msg'].removeprefix('Value error, ')}{given}.") from None


def number_or_auto(value: object, least: float, most: float) -> object:
    """The value. Raises ValueError unless it is `auto` or a number from `least` to `most`."""
    with suppress(TypeError, ValueError):
        if value == "auto" or least <= float(value) <= most:  # type: ignore[arg-type]
            return value
    raise ValueError(f"must be a number from {least:,} to {most:,}, or auto")


Power = Annotated[float | Auto, BeforeValidator(partial(number_or_auto, least=0, most=2))]
"""Of popularity: a number from 0 to 2, or auto."""
