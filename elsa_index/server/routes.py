"""The service's routes: paths, models and examples. What they answer is made in `handlers`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import HTTPException
from fastapi.responses import FileResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from ..errors import name_some
from ..index import Index
from . import change_models as changed
from . import changing as changes
from . import handlers
from . import request_models as asked
from . import response_models as answers
from .guard import Metrics
from .problems import problem_responses
from .request_types import MAX_K, Body

PAGE_FILES = Path(__file__).parent / "page"
_HISTORY = ["1", "3114", "6377"]
SCHEMAS = "#/components/schemas/{model}"
Ask = Callable[[Request, Callable[[Index], Any]], Any]
"""Answers a request from the index that is served now."""
AnswerBody = Callable[[Request, type[Body], Callable[[Index, Any], Any]], Any]
"""Answers what a request's body asks."""


def _body(model: type[Body], **bodies: dict[str, Any]) -> dict[str, Any]:
    """What the OpenAPI document says of a body, which `bodies.read_body` reads and not FastAPI."""
    content = {
        "schema": {"$ref": SCHEMAS.format(model=model.__name__)},
        "examples": {name: {"value": body} for name, body in bodies.items()},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


@dataclass(frozen=True)
class Question:
    """What a history or an item is asked for, by POST. asks, answers: its body's model, and its answer's. make: the
    answer. examples: bodies, by name."""

    path: str
    asks: type[Body]
    make: Callable[[Index, Any], Any]
    answers: type
    about: str
    examples: dict[str, dict[str, Any]]


QUESTIONS = (
    Question(
        "/v1/recommend",
        asked.RecommendRequest,
        handlers.recommend,
        answers.Recommendations,
        "The best items for a history; the popular ones where none of it is known, and the answer says so.",
        {
            "history": {"history": _HISTORY, "k": 5},
            "exact": {"history": _HISTORY, "k": 5, "exact": True},
            "weighted": {"history": ["1", {"item_id": "3114", "weight": 0.5}]},
            "segment": {"history": _HISTORY, "tags": ["segment:0"]},
        },
    ),
    Question(
        "/v1/recommend/batch",
        asked.BatchRequest,
        handlers.recommend_batch,
        answers.Batch,
        "The best items for each of many histories.",
        {"two": {"histories": [{"history": _HISTORY}, {"history": ["260"]}], "k": 5}},
    ),
    Question(
        "/v1/similar",
        asked.SimilarRequest,
        handlers.similar,
        answers.Recommendations,
        "The best items for a history of this one item.",
        {"one": {"item_id": "1", "k": 5}},
    ),
    Question(
        "/v1/homepage",
        asked.HomepageRequest,
        handlers.homepage,
        answers.HomepageAnswer,
        "The best items, then the best segments' best items, no item twice.",
        {"history": {"history": _HISTORY, "rows": 6}, "newcomer": {"history": []}},
    ),
    Question(
        "/v1/segments/best",
        asked.SegmentsRequest,
        handlers.best_segments,
        answers.SegmentsAnswer,
        "The best segments for a history; the largest where none of it is known.",
        {"history": {"history": _HISTORY, "k": 5}},
    ),
    Question(
        "/v1/dimensions",
        asked.DimensionsRequest,
        handlers.dimensions,
        answers.Dimensions,
        "The strongest dimensions of a history's vector.",
        {"history": {"history": _HISTORY, "k": 10}},
    ),
    Question(
        "/v1/explain",
        asked.ExplainRequest,
        handlers.explain,
        answers.Explanations,
        "What each item of the history and each dimension brings to the scores of items.",
        {"one": {"history": _HISTORY, "items": ["4886"]}},
    ),
)


def searching(answer: Callable[[Question, Request], Any]) -> APIRouter:
    """Routes that take a history or an item, as JSON."""
    router = APIRouter(responses=problem_responses(400, 401, 404, 408, 409, 413, 421, 422, 503))
    for question in QUESTIONS:
        router.add_api_route(
            question.path,
            partial(answer, question),
            methods=["POST"],
            name=question.make.__name__,
            description=question.about,
            response_model=question.answers,
            openapi_extra=_body(question.asks, **question.examples),
        )
    return router


def changing(answer: AnswerBody) -> APIRouter:
    """Routes that change the index, for those who bear the token."""
    router = APIRouter(prefix="/v1", responses=problem_responses(400, 401, 403, 404, 408, 409, 413, 421, 422, 503))

    @router.post(
        "/items/upsert",
        response_model=answers.ChangedAnswer,
        openapi_extra=_body(
            changed.UpsertRequest,
            one={"items": [{"item_id": "new", "code": {"3": 0.6, "17": -0.8}, "tags": ["new"]}], "space": "5f0c..."},
        ),
    )
    async def upsert(request: Request) -> Response:
        """Adds items, and gives other codes to items that are there. What is answered is served already."""
        return await answer(request, changed.UpsertRequest, changes.upsert)

    @router.post(
        "/items/delete",
        response_model=answers.ChangedAnswer,
        openapi_extra=_body(changed.DeleteRequest, two={"items": ["1", "3114"]}),
    )
    async def delete(request: Request) -> Response:
        """Deletes items: all of them, or none."""
        return await answer(request, changed.DeleteRequest, changes.delete)

    @router.post(
        "/items/tag",
        response_model=answers.ChangedAnswer,
        openapi_extra=_body(changed.TagRequest, one={"add": [{"item_id": "1", "tag": "in stock"}]}),
    )
    async def tag(request: Request) -> Response:
        """Gives tags to items, and takes tags from them."""
        return await answer(request, changed.TagRequest, changes.tag)

    @router.post("/compact", response_model=answers.ChangedAnswer, openapi_extra=_body(changed.CompactRequest, now={}))
    async def compact(request: Request) -> Response:
        """Merges what many changes left behind, so that searches are as fast as after a build."""
        return await answer(request, changed.CompactRequest, changes.compact)

    return router


def excluding(change: Callable[[Request], Any], now: Callable[[], answers.ExclusionsAnswer]) -> APIRouter:
    """Routes of what is never returned."""
    router = APIRouter(prefix="/v1", responses=problem_responses(400, 401, 403, 408, 409, 413, 421, 422, 503))

    @router.get("/exclusions", response_model=answers.ExclusionsAnswer)
    def exclusions() -> answers.ExclusionsAnswer:
        """Items that are not returned, whatever requests ask."""
        return now()

    @router.post(
        "/items/exclude",
        response_model=answers.ExclusionsAnswer,
        openapi_extra=_body(changed.ExclusionsRequest, sold_out={"add": ["1", "3114"], "remove": ["260"]}),
    )
    async def exclude(request: Request) -> Response:
        """Leaves items out of all answers, and returns others again, at once; for those who bear the token."""
        response: Response = await change(request)
        return response

    return router


async def refuse_unknown_parameters(request: Request) -> None:
    """Raises HTTPException where the address has a parameter that the route does not take."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    if unknown := [name for name in request.query_params if name not in known]:
        takes = f"takes {', '.join(known)}" if known else "takes none"
        raise HTTPException(422, f"There is no parameter {name_some(unknown)}; {request.url.path} {takes}.")


def looking_up(ask: Ask, images: Sequence[str]) -> APIRouter:
    """Routes that look things up. images: hosts whose pictures the page shows."""
    known_only = [Depends(refuse_unknown_parameters)]
    router = APIRouter(prefix="/v1", dependencies=known_only, responses=problem_responses(401, 404, 409, 421, 422, 503))

    @router.get("/items", response_model=answers.Items)
    async def find_items(
        request: Request,
        prefix: Annotated[str, Query(min_length=1, max_length=200, examples=["story toy"])],
        k: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> Response:
        """Items whose title is what somebody types: words in any order, unfinished, with typos."""
        return await ask(request, lambda index: handlers.find_items(index, prefix, k))

    @router.get("/item", response_model=answers.ItemDetails)
    async def item_details(request: Request, item_id: Annotated[str, Query(min_length=1, examples=["1"])]) -> Response:
        """What is known of one item."""
        return await ask(request, lambda index: handlers.item_details(index, item_id))

    @router.get("/segments", response_model=answers.SegmentsAnswer)
    async def all_segments(
        request: Request,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        k: Annotated[int, Query(ge=1, le=MAX_K)] = 100,
    ) -> Response:
        """Segments, largest first, with the dimensions that each was merged from."""
        return await ask(request, lambda index: handlers.all_segments(index, offset, k))

    @router.get("/segments/items", response_model=answers.SegmentItems)
    async def segment_items(
        request: Request,
        number: Annotated[int, Query(ge=0, le=1_000_000)],
        offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
        k: Annotated[int, Query(ge=1, le=MAX_K)] = 100,
    ) -> Response:
        """The items of one segment, the most typical first."""
        return await ask(request, lambda index: handlers.segment_items(index, number, offset, k))

    @router.get("/index", response_model=answers.About)
    async def about(request: Request) -> Response:
        """What is served."""
        return await ask(request, lambda index: handlers.about(index, images))

    return router


def operating(app: FastAPI, metrics: Metrics) -> APIRouter:
    """The page, and what those who run the service ask."""
    router = APIRouter()

    @router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE_FILES / "index.html")

    @router.get("/healthz", response_model=dict[str, str])
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", response_model=dict[str, str], responses=problem_responses(503))
    async def readyz() -> Response:
        """Every index answers, and the service is not stopping."""
        if not app.state.ready:
            return JSONResponse({"error": "the service is starting or stopping"}, 503)
        for served in app.state.served:
            if wrong := served.current.wrong:
                return JSONResponse({"error": wrong}, 503)
        return JSONResponse({"status": "ready"})

    @router.get(
        "/metrics", response_class=Response, responses=problem_responses(401) | {200: {"content": {"text/plain": {}}}}
    )
    async def show_metrics() -> Response:
        """Prometheus metrics."""
        return Response(metrics.shown(), media_type=CONTENT_TYPE_LATEST)

    return router
