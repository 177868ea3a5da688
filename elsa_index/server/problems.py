"""Errors as {"error": …}: 4xx for what a request did wrong."""

import math
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from ..errors import (
    ClusterError,
    DataError,
    ElsaIndexError,
    StorageError,
    UnknownIdError,
    UnknownTagError,
    UsageError,
    shorten,
)
from .bodies import described
from .request_types import MAX_BODY
from .response_models import Problem
from .turns import OverloadedError

_MEANING = {
    400: "The body is not JSON.",
    401: "The bearer token is missing or wrong.",
    403: "The service has no token, without which it takes no changes.",
    404: "There is no such item or tag.",
    408: "The body did not arrive in time.",
    409: "What is asked does not go with this index, or with itself: there is no such number, say, or an item has no "
    "time.",
    413: f"The body has more than {MAX_BODY:,} bytes.",
    421: "The service is not known by the name that the request calls it.",
    422: "The request is not what the schema allows, or holds data that cannot be used.",
    503: "Too many requests wait, the service is starting or stopping, its index was changed in place, or a cluster "
    "behind it does not answer.",
}
_STATUSES: dict[type[ElsaIndexError], int] = {
    UnknownIdError: 404,
    UnknownTagError: 404,
    UsageError: 409,  # it fits the schema
    DataError: 422,
    ClusterError: 503,
    StorageError: 503,
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's part of the OpenAPI document says of these statuses."""
    return {status: {"model": Problem, "description": _MEANING[status]} for status in statuses}


@dataclass(frozen=True)
class Answered:
    """What an error is answered by. content: JSON."""

    status: int
    content: bytes
    headers: dict[str, str] | None = None


def problem_of(error: Exception, method: str, path: str) -> Answered | None:
    """The answer to a request that ended with this error; None where that is a failure of the service."""
    if isinstance(error, OverloadedError):
        wait = max(1, math.ceil(error.seconds))
        text = "too many requests wait for an answer; try again in a moment"
        return _answered(503, text, {"retry-after": str(wait)})
    if isinstance(error, ElsaIndexError):
        statuses = [status for kind, status in _STATUSES.items() if isinstance(error, kind)]
        return _answered(statuses[0], str(error)) if statuses else None
    if isinstance(error, RequestValidationError):
        return _answered(422, described(list(error.errors()), skipped=1))
    if isinstance(error, HTTPException):
        text = str(error.detail)
        if error.status_code == 400:
            text = "the body cannot be read: JSON is needed, in UTF-8 and not nested deeply"
        elif error.status_code == 404:
            text = f"there is nothing at {shorten(path)}; /openapi.json lists what there is"
        elif error.status_code == 405:
            instead = (error.headers or {}).get("Allow", "another method")
            text = f"{method} is not for {shorten(path)}; use {instead}"
        return _answered(error.status_code, text, dict(error.headers or {}))
    return None


def _answered(status: int, text: str, headers: dict[str, str] | None = None) -> Answered:
    return Answered(status, to_json({"error": text}), headers)


def handle_problems(app: FastAPI) -> None:
    """Answers errors of every route."""

    async def explained(request: Request, error: Exception) -> Response:
        problem = problem_of(error, request.method, request.url.path)
        if problem is None:
            raise error
        return Response(problem.content, problem.status, problem.headers, "application/json")

    for kind in (ElsaIndexError, RequestValidationError, HTTPException, OverloadedError):
        app.add_exception_handler(kind, explained)
