"""From the bytes of a request to what it asks: checked by size before any object is made of them."""

import json
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from fastapi.exceptions import HTTPException
from pydantic import ValidationError

from ..choices import said
from ..errors import name_some, shorten
from .request_types import Body

MAX_KEYS = 25_000
"""Keys of all objects of a body together, and how many objects: 12,500 items with weights."""
MAX_LISTS = 200
"""Lists of a body: a batch has one for each history."""
MAX_VALUES = 250_000
"""Values of a body that stand in lists and objects."""
MAX_DEPTH = 16
"""Lists and objects inside each other."""
SMALL = 32_768
"""Bytes of a body that cannot hold enough to keep anybody waiting."""

Asked = TypeVar("Asked", bound=Body)


def read_body(model: type[Asked], content: bytes) -> Asked:
    """What a body asks. Raises HTTPException, 400 or 422, that says what is wrong.

    >>> from elsa_index.server.request_models import SegmentsRequest
    >>> read_body(SegmentsRequest, b'{"history": ["1"], "k": 3}').k
    3
    """
    if not content:
        raise HTTPException(422, "the body: Field required")
    if len(content) > SMALL:
        check_extent(content)
    try:
        # As text: json guesses encodings of bytes, in which the characters counted above mean something else.
        given = json.loads(content.decode("utf-8-sig"), object_pairs_hook=partial(_object, model.MAX_FIELDS))
    except json.JSONDecodeError as error:
        raise HTTPException(422, f"the body is not JSON: {error.msg}") from None
    except (ValueError, RecursionError):  # bytes that are no text, numbers of thousands of digits
        raise HTTPException(400) from None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        allowed = ", ".join(model.model_fields)
        raise HTTPException(422, described(error.errors(include_url=False), allowed=allowed)) from None


def check_extent(content: bytes) -> None:
    """Counts what JSON holds at the speed of memory, without the interpreter's lock and before any object is made.
    Raises HTTPException where it is more than any request needs."""
    text = np.frombuffer(content.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    outside = ~np.logical_xor.accumulate(text == ord('"'))

    def places(character: str) -> npt.NDArray[np.bool_]:
        return (text == ord(character)) & outside

    lists, objects = places("["), places("{")
    for what, found, most in (
        ("keys", places(":"), MAX_KEYS),
        ("lists", lists, MAX_LISTS),
        ("objects", objects, MAX_KEYS),
        ("values", places(","), MAX_VALUES),
    ):
        if np.count_nonzero(found) > most:
            raise HTTPException(422, f"the body has more than {most:,} {what}; send less at a time")
    steps = (lists | objects).astype(np.int8) - (places("]") | places("}")).astype(np.int8)
    if np.max(np.cumsum(steps, dtype=np.int32), initial=0) > MAX_DEPTH:
        raise HTTPException(400)


def _object(most: int, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > most:
        some = name_some([name for name, _ in pairs], 2)
        raise HTTPException(422, f"an object of {len(pairs):,} keys: {_printable(some)}; no object has more than a few")
    return dict(pairs)


def described(errors: list[Any], skipped: int = 0, allowed: str = "") -> str:
    """Where a request is wrong and what is allowed: history.3.item_id: … allowed: the names that a body may hold, told
    once, however many others there are."""
    told = "; ".join(dict.fromkeys(_described(part, skipped) for part in errors[:5]))
    others = any(part["type"] == "extra_forbidden" and len(part["loc"]) == 1 + skipped for part in errors[:5])
    return f"{told}; allowed are {allowed}" if others and allowed else told


def _described(part: dict[str, Any], skipped: int) -> str:
    where = ".".join(shorten(step)[1:-1] for step in part["loc"][skipped:]) or "the body"
    given = part.get("input")
    shown = "" if isinstance(given, dict | list | bytes) or given is None else f", got {shorten(given)}"
    return _printable(f"{where}: {said(part)}{shown}")


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
