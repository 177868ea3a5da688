"""Options that several commands share, written down once: the fields of a dataclass."""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters of a dataclass are that class's fields, each an option: typer reads the signature, and
    knows nothing of dataclasses."""
    parameters: dict[str, inspect.Parameter] = {}
    groups: dict[str, tuple[type, list[str]]] = {}
    for name, own in inspect.signature(command, eval_str=True).parameters.items():
        kind = own.annotation
        if not (isinstance(kind, type) and is_dataclass(kind)):
            parameters[name] = own.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        fields = inspect.signature(kind, eval_str=True).parameters
        groups[name] = kind, list(fields)
        parameters |= {field: one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for field, one in fields.items()}

    def called(**given: Any) -> None:
        whole = {name: kind(**{field: given.pop(field) for field in fields}) for name, (kind, fields) in groups.items()}
        command(**given, **whole)

    called.__name__, called.__doc__, called.__module__ = command.__name__, command.__doc__, command.__module__
    called.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    called.__annotations__ = {name: one.annotation for name, one in parameters.items()}
    return called
