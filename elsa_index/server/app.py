"""The service as an ASGI application: what it is put together from, and how it ends."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from pydantic.json_schema import models_json_schema
from starlette.middleware.cors import CORSMiddleware

from . import change_models, request_models
from .answering import DEADLINE_HEADER, Answering, Threads
from .current import Current
from .direct import Direct
from .guard import PAGE, Guard, Metrics
from .hosts import Hosts
from .problems import handle_problems
from .routes import PAGE_FILES, SCHEMAS, operating
from .settings import Settings


def create_app(current: Current | Mapping[str, Current], settings: Settings, host: str = "localhost") -> FastAPI:
    """The ASGI application that serves what `current` holds, under /v1; of several by name the first one, and each
    under /indexes/NAME/v1. host: where it listens, a name that is its own.

    Requests wait for their turn in order, so that many at a time are all as slow, and none much slower.
    """
    named = {"": current} if isinstance(current, Current) else dict(current)
    metrics = Metrics(is_shared=settings.workers > 1, by_index="" not in named)
    threads = Threads(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ready = True
        yield
        app.state.ready = False
        threads.end()
        for answering in served:
            answering.current.close()

    app = FastAPI(
        title="elsa-index",
        version=version("elsa-index"),
        summary="Recommendations, segments and homepage rows from a search engine.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages of documentation load scripts from elsewhere
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )

    def tell() -> None:
        if app.state.siblings is not None:
            app.state.siblings.tell()

    served: list[Answering] = []
    for name, one in named.items():
        prefixes = (*([] if served else [""]), *([f"/indexes/{name}"] if name else []))
        served.append(Answering(one, settings, threads, metrics, name, prefixes, tell))
    app.state.ready, app.state.siblings, app.state.served = False, None, served
    for answering in served:
        for router in answering.routers():
            app.include_router(router)
    app.include_router(operating(app, metrics))
    app.mount(PAGE, StaticFiles(directory=PAGE_FILES), name="page")
    handle_problems(app)
    questions = {path: answer for answering in served for path, answer in answering.questions.items()}
    app.add_middleware(Direct, questions=questions)
    hosts = Hosts([*settings.allow_hosts, host])
    app.add_middleware(Guard, metrics=metrics, token=settings.token, hosts=hosts, images=settings.images)
    if settings.allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allow_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", DEADLINE_HEADER],
            expose_headers=["retry-after", "x-request-id"],
        )
    app.openapi = lambda: _documented(app)  # type: ignore[method-assign]
    return app


def _documented(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the models of bodies, which FastAPI does not see."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        bodies = [(model, "validation") for model in (*request_models.BODIES, *change_models.BODIES)]
        _, definitions = models_json_schema(bodies, ref_template=SCHEMAS)  # type: ignore[arg-type]
        document["components"]["schemas"] |= definitions["$defs"]
    assert app.openapi_schema is not None
    return app.openapi_schema
