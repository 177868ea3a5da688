"""The service as an ASGI application: what it is put together from, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TypeVar

from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from ..index import Index
from .current import Current
from .guard import PAGE, Guard, Metrics, log
from .problems import handle_problems
from .routes import PAGE_FILES, looking_up, operating, searching
from .settings import Settings

Answer = TypeVar("Answer", bound=BaseModel)


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

    app.include_router(searching(ask))
    app.include_router(looking_up(ask))
    app.include_router(operating(app, metrics))
    app.mount(PAGE, StaticFiles(directory=PAGE_FILES), name="page")
    handle_problems(app)
    app.add_middleware(Guard, metrics=metrics, token=settings.token)
    return app


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
