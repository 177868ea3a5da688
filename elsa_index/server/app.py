"""The service as an ASGI application: what it is put together from, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import HTTPException
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json
from starlette.datastructures import Headers

from ..changes.change import Changed
from ..errors import ElsaIndexError, shorten
from ..index import Index
from . import change_models, request_models
from .bodies import SMALL, read_body
from .change_models import ExclusionsRequest
from .changing import described, excluded
from .current import Current
from .direct import Direct
from .guard import PAGE, Guard, Metrics, log
from .hosts import Hosts
from .problems import asked_of_the_index, handle_problems
from .request_types import Body
from .routes import PAGE_FILES, QUESTIONS, SCHEMAS, Question, changing, excluding, looking_up, operating, searching
from .settings import Settings
from .turns import Turns

DEADLINE_HEADER = "x-timeout-ms"
"""Milliseconds that the client waits for its answer to be begun."""


def create_app(current: Current, settings: Settings, host: str = "localhost") -> FastAPI:
    """The ASGI application that serves what `current` holds. host: where it listens, a name that is its own.

    Requests wait for their turn in order, so that many at a time are all as slow, and none much slower.
    """
    metrics = Metrics(is_shared=settings.workers > 1)
    turns = Turns(settings.searching_threads, settings.deadline)
    writing = ThreadPoolExecutor(1, thread_name_prefix="writing")
    large = ThreadPoolExecutor(1, thread_name_prefix="reading")
    excludes = ThreadPoolExecutor(1, thread_name_prefix="excluding")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ready = True
        yield
        app.state.ready = False
        writing.shutdown(wait=True)
        excludes.shutdown(wait=True)
        large.shutdown(wait=True)
        turns.end()
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
    app.state.check = current.check
    app.state.siblings = None

    def look() -> None:
        """Serves what another worker changed."""
        if not current.is_current:
            app.state.swap()
        with suppress(ElsaIndexError, OSError):  # who follows them tells it
            current.follow_exclusions()

    def tell() -> None:
        if app.state.siblings is not None:
            app.state.siblings.tell()

    app.state.look = look
    with current.use() as index:
        metrics.of_index(index)

    def answered(answer: Callable[[Index], Any]) -> bytes:
        with current.use() as index:
            return to_json(answer(index))

    async def ask(request: Request, answer: Callable[[Index], Any]) -> Response:
        """Answers from the current index, when it is this request's turn."""
        kind, deadline = request.scope["route"].path, deadline_of(request.headers)
        content = await turns.take(kind, lambda: answered(answer), deadline)
        return Response(content, media_type="application/json")

    async def answer_body(question: Question, content: bytes, headers: Headers) -> bytes:
        """Answers what a body asks. It is read in its turn too; a large one before, in a thread that is only for
        those."""
        refuse_other_media(headers)
        deadline = deadline_of(headers)
        if len(content) > SMALL:
            body = await asyncio.get_running_loop().run_in_executor(large, read_body, question.asks, content)
            return await turns.take(
                f"large {question.path}", lambda: answered(lambda index: question.make(index, body)), deadline
            )

        def make() -> bytes:
            body = read_body(question.asks, content)
            return answered(lambda index: question.make(index, body))

        return await turns.take(question.path, make, deadline)

    async def answer_request(question: Question, request: Request) -> Response:
        """The same where FastAPI was asked."""
        content = await answer_body(question, await request.body(), request.headers)
        return Response(content, media_type="application/json")

    def refuse_without_token() -> None:
        if settings.token is None:
            raise HTTPException(403, "changes are for those who bear a token: start the service with ELSA_INDEX_TOKEN")

    async def change_by_body(request: Request, model: type[Body], change: Callable[[Index, Any], Changed]) -> Response:
        """Changes the index directory as a body asks, and serves the commit. One after the other, in a thread of their
        own."""
        refuse_without_token()
        refuse_other_media(request.headers)
        content = await request.body()

        def changed() -> bytes:
            body = read_body(model, content)
            with current.use() as index:
                done = change(index, body)
            app.state.swap()
            tell()
            return to_json(described(done))

        done = await asyncio.get_running_loop().run_in_executor(writing, changed)
        return Response(done, media_type="application/json")

    async def exclude_by_body(request: Request) -> Response:
        """Changes the standing exclusions as a body asks."""
        refuse_without_token()
        refuse_other_media(request.headers)
        content = await request.body()

        def changed() -> bytes:
            body = read_body(ExclusionsRequest, content)
            with asked_of_the_index():
                now = current.exclude(body.add, body.remove)
            tell()
            return to_json(excluded(now))

        done = await asyncio.get_running_loop().run_in_executor(excludes, changed)
        return Response(done, media_type="application/json")

    app.include_router(searching(answer_request))
    app.include_router(excluding(exclude_by_body, lambda: excluded(current.exclusions.now)))
    app.include_router(changing(change_by_body))
    app.include_router(looking_up(ask, settings.images))
    app.include_router(operating(app, metrics))
    app.mount(PAGE, StaticFiles(directory=PAGE_FILES), name="page")
    handle_problems(app)
    app.add_middleware(Direct, questions={question.path: partial(answer_body, question) for question in QUESTIONS})
    hosts = Hosts([*settings.allow_hosts, host])
    app.add_middleware(Guard, metrics=metrics, token=settings.token, hosts=hosts, images=settings.images)
    app.openapi = lambda: _documented(app)  # type: ignore[method-assign]
    return app


def refuse_other_media(headers: Headers) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(422, "the body is taken for JSON only with the header Content-Type: application/json")


def deadline_of(headers: Headers) -> float | None:
    """Seconds after which the client does not wait any more."""
    given = headers.get(DEADLINE_HEADER)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 1 <= len(given) <= 6):
        raise HTTPException(422, f"{DEADLINE_HEADER} must be milliseconds, from 0 to 999999, got {shorten(given)}")
    return int(given) / 1000


def _documented(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the models of bodies, which FastAPI does not see."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        _, definitions = models_json_schema(
            [(model, "validation") for model in (*request_models.BODIES, *change_models.BODIES)], ref_template=SCHEMAS
        )
        document["components"]["schemas"] |= definitions["$defs"]
    assert app.openapi_schema is not None
    return app.openapi_schema


def _swapper(current: Current, metrics: Metrics) -> Callable[[], None]:
    def swap() -> None:
        """Serves what is in the index directory now; where that cannot be opened, the old index stays."""
        try:
            current.swap()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # libraries in Rust have errors of their own, outside of Exception
            metrics.swaps.labels("failed").inc()
            log.error("the index was not swapped; the old one is served on", extra={"error": str(error)})
            return
        with current.use() as index:
            metrics.of_index(index)
            about = {"items": len(index), "fingerprint": index.manifest.codes.fingerprint}
        metrics.swaps.labels("done").inc()
        log.info("swapped", extra=about)

    return swap
