"""Choices that can be left to the validation users."""

from contextlib import suppress
from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator

Auto = Literal["auto"]


def number_or_auto(value: object, least: float, most: float) -> object:
    """The value. Raises ValueError unless it is `auto` or a number from `least` to `most`."""
    with suppress(TypeError, ValueError):
        if value == "auto" or least <= float(value) <= most:  # type: ignore[arg-type]
            return value
    raise ValueError(f"must be a number from {least:,} to {most:,}, or auto")


Power = Annotated[float | Auto, BeforeValidator(partial(number_or_auto, least=0, most=2))]
"""Of popularity: a number from 0 to 2, or auto."""
