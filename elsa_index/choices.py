"""Choices: what configurations have in common that are made of many choices."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import UsageError, shorten

_SAID = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "must be an object with named entries"),
    "list_type": "must be a list, as [ … ]",
    "bool_type": "must be true or false",
    "string_type": "must be text, in quotes",
}


def said(error: Mapping[str, Any]) -> str:
    """What one of pydantic's errors says, without names of our classes."""
    return _SAID.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")


class Choices(BaseModel):
    """A frozen configuration that knows all its fields.

    Its constructor raises UsageError, which names parameter, value and what is allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:  # checkers of types take the fields

        def __init__(self, **values: object) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise UsageError(self._explained(error)) from None

    @classmethod
    def _explained(cls, error: ValidationError) -> str:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            alike = get_close_matches(name, cls.model_fields, n=1)
            hint = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(sorted(cls.model_fields))}."
            return f"{cls.__name__} has no parameter {shorten(name)}; {hint}"
        given = f", got {first['input']!r}" if name else ""
        return f"{name or cls.__name__}: {said(first)}{given}."
