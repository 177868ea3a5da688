"""The service's routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ..errors import ClusterError, DataError, ElsaIndexError, UnknownIdError, UsageError, shorten
from ..index import Index
from . import handlers, request_models, response_models
from .current import Current
from .guard import PAGE, Guard, Metrics, log
from .settings import Settings

_PAGE_FILES = Path(__file__).parent / "page"
_HISTORY = ["1", "3114", "6377"]
Answer = TypeVar("Answer", bound=BaseModel)


def _examples(**bodies: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"examples": {
        name: {"value": body} for name, body in bodies.items()
    }}}}}  # fmt: skip


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    meaning = {
        400: "The body is not JSON.",
        401: "The bearer token is missing or wrong.",
        404: "There is no such item or tag.",
        413: f"The body has more than {request_models.MAX_BODY:,} bytes.",
        422: "The request is not what the schema allows, or the index cannot do it.",
        503: "The service is starting or stopping, or the cluster behind it does not answer.",
    }
    return {status: {"model": response_models.Problem, "description": meaning[status]} for status in statuses}


def create_app(current: Current, settings: Settings) -> FastAPI:
    """The ASGI application that serves what `current` holds.

    Requests search in `settings.searching_threads` threads and wait for their turn in order, so that many at a time are
    all as slow, and none much slower.
    """
    metrics = Metrics()
    pool = ThreadPoolExecutor(settings.searching_threads, thread_name_prefix="searching")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ready = True
        yield
        app.state.ready = False
        pool.shutdown(wait=True)
        current.close()

    app = FastAPI(
        title="elsa-index",
        version=version("elsa-index"),
        summary="Recommendations, segments and homepage rows from a search engine.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages of documentation load scripts from elsewhere
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.ready = False
    app.state.swap = _swapper(current, metrics)
    with current.use() as index:
        metrics.items.set(len(index))

    async def ask(answer: Callable[[Index], Answer]) -> Response:
        """Answers from the current index, in a searching thread."""

        def answered() -> str:
            with current.use() as index:
                return answer(index).model_dump_json()

        content = await asyncio.get_running_loop().run_in_executor(pool, answered)
        return Response(content, media_type="application/json")

    app.include_router(_searching(ask))
    app.include_router(_looking(ask))
    app.include_router(_operating(app, metrics))
    app.mount(PAGE, StaticFiles(directory=_PAGE_FILES), name="page")
    _handle_problems(app)
    app.add_middleware(Guard, metrics=metrics, token=settings.token)  # type: ignore[arg-type]
    return app


Ask = Callable[[Callable[[Index], Any]], Any]


def _searching(ask: Ask) -> APIRouter:
    """Routes that take a history or an item, as JSON."""
    router = APIRouter(prefix="/v1", responses=_problems(400, 401, 404, 413, 422, 503))

    @router.post(
        "/recommend",
        response_model=response_models.Recommendations,
        openapi_extra=_examples(
            history={"history": _HISTORY, "k": 5},
            exact={"history": _HISTORY, "k": 5, "exact": True},
            weighted={"history": ["1", {"item_id": "3114", "weight": 0.5}]},
            segment={"history": _HISTORY, "tags": ["segment:0"]},
        ),
    )
    async def recommend(body: request_models.RecommendRequest) -> Response:
        """The best items for a history; the popular ones where none of it is known, and the answer says so."""
        return await ask(lambda index: handlers.recommend(index, body))

    @router.post(
        "/recommend/batch",
        response_model=response_models.Batch,
        openapi_extra=_examples(two={"histories": [{"history": _HISTORY}, {"history": ["260"]}], "k": 5}),
    )
    async def recommend_batch(body: request_models.BatchRequest) -> Response:
        """The best items for each of many histories."""
        return await ask(lambda index: handlers.recommend_batch(index, body))

    @router.post(
        "/similar",
        response_model=response_models.Recommendations,
        openapi_extra=_examples(one={"item_id": "1", "k": 5}),
    )
    async def similar(body: request_models.SimilarRequest) -> Response:
        """The best items for a history of this one item."""
        return await ask(lambda index: handlers.similar(index, body))

    @router.post(
        "/homepage",
        response_model=response_models.HomepageAnswer,
        openapi_extra=_examples(history={"history": _HISTORY, "rows": 6}, newcomer={"history": []}),
    )
    async def homepage(body: request_models.HomepageRequest) -> Response:
        """The best items, then the best segments' best items, no item twice."""
        return await ask(lambda index: handlers.homepage(index, body))

    @router.post(
        "/segments/best",
        response_model=response_models.SegmentsAnswer,
        openapi_extra=_examples(history={"history": _HISTORY, "k": 5}),
    )
    async def best_segments(body: request_models.SegmentsRequest) -> Response:
        """The best segments for a history; the largest where none of it is known."""
        return await ask(lambda index: handlers.best_segments(index, body))

    @router.post(
        "/dimensions",
        response_model=response_models.Dimensions,
        openapi_extra=_examples(history={"history": _HISTORY, "k": 10}),
    )
    async def dimensions(body: request_models.DimensionsRequest) -> Response:
        """The strongest dimensions of a history's vector."""
        return await ask(lambda index: handlers.dimensions(index, body))

    @router.post(
        "/explain",
        response_model=response_models.Explanations,
        openapi_extra=_examples(one={"history": _HISTORY, "items": ["4886"]}),
    )
    async def explain(body: request_models.ExplainRequest) -> Response:
        """What each item of the history and each dimension brings to the scores of items."""
        return await ask(lambda index: handlers.explain(index, body))

    return router


def _looking(ask: Ask) -> APIRouter:
    """Routes that look things up."""
    router = APIRouter(prefix="/v1", responses=_problems(401, 404, 422, 503))

    @router.get("/items", response_model=response_models.Items)
    async def find_items(
        prefix: Annotated[str, Query(min_length=1, max_length=200, examples=["toy sto"])],
        k: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> Response:
        """Items of whose title a word begins so; case and accents do not matter."""
        return await ask(lambda index: handlers.find_items(index, prefix, k))

    @router.get("/item", response_model=response_models.ItemDetails)
    async def item_details(item_id: Annotated[str, Query(min_length=1, examples=["1"])]) -> Response:
        """What is known of one item."""
        return await ask(lambda index: handlers.item_details(index, item_id))

    @router.get("/segments", response_model=response_models.SegmentsAnswer)
    async def all_segments(
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        k: Annotated[int, Query(ge=1, le=request_models.MAX_K)] = 100,
    ) -> Response:
        """Segments, largest first, with the dimensions that each was merged from."""
        return await ask(lambda index: handlers.all_segments(index, offset, k))

    @router.get("/index", response_model=response_models.About)
    async def about() -> Response:
        """What is served."""
        return await ask(handlers.about)

    return router


def _operating(app: FastAPI, metrics: Metrics) -> APIRouter:
    """The page, and what those who run the service ask."""
    router = APIRouter()

    @router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> Response:
        return FileResponse(_PAGE_FILES / "index.html")

    @router.get("/healthz", response_model=dict[str, str])
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", response_model=dict[str, str], responses=_problems(503))
    async def readyz() -> Response:
        """An index is open, and the service is not stopping."""
        if not app.state.ready:
            return JSONResponse({"error": "the service is starting or stopping"}, 503)
        return JSONResponse({"status": "ready"})

    @router.get("/metrics", response_class=Response, responses=_problems(401) | {200: {"content": {"text/plain": {}}}})
    async def show_metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _swapper(current: Current, metrics: Metrics) -> Callable[[], None]:
    def swap() -> None:
        """Serves what is in the index directory now; where that cannot be opened, the old index stays."""
        try:
            current.swap()
        except Exception as error:
            metrics.swaps.labels("failed").inc()
            log.error("the index was not swapped; the old one is served on", extra={"error": str(error)})
            return
        with current.use() as index:
            metrics.items.set(len(index))
            about = {"items": len(index), "fingerprint": index.manifest.codes.fingerprint}
        metrics.swaps.labels("done").inc()
        log.info("swapped", extra=about)

    return swap


def _handle_problems(app: FastAPI) -> None:
    """Errors as {"error": …}: 4xx for what a request did wrong."""
    statuses: dict[type[ElsaIndexError], int] = {
        UnknownIdError: 404,
        UsageError: 422,
        DataError: 422,
        ClusterError: 503,
    }

    @app.exception_handler(ElsaIndexError)
    async def explained(request: Request, error: ElsaIndexError) -> Response:
        for kind, status in statuses.items():
            if isinstance(error, kind):
                return JSONResponse({"error": str(error)}, status)
        raise error

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if isinstance(error.body, bytes) and error.body:
            text = "the body is taken for JSON only with the header Content-Type: application/json"
            return JSONResponse({"error": text}, 422)
        shown = [_described(dict(part)) for part in error.errors()[:5]]
        return JSONResponse({"error": "; ".join(dict.fromkeys(shown))}, 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        text = str(error.detail)
        if error.status_code == 400:
            text = "the body cannot be read: JSON is needed, in UTF-8 and not nested deeply"
        elif error.status_code == 404:
            text = f"there is nothing at {shorten(request.url.path)}; /openapi.json lists what there is"
        elif error.status_code == 405:
            text = f"{request.method} is not for {shorten(request.url.path)}"
        return JSONResponse({"error": text}, error.status_code, headers=error.headers)


def _described(part: dict[str, Any]) -> str:
    """Where a request is wrong, and what is allowed: history.3.item_id: …"""
    if part["type"] == "json_invalid":
        return f"the body is not JSON: {part.get('ctx', {}).get('error', 'it cannot be parsed')}"
    where = ".".join(map(str, part["loc"][1:])) or "the body"
    given = part.get("input")
    shown = "" if isinstance(given, dict | list | bytes) or given is None else f", got {_printable(given)}"
    return f"{where}: {part['msg'].removeprefix('Value error, ')}{shown}"


def _printable(value: object) -> str:
    return shorten(value).encode("utf-8", "replace").decode("utf-8")
