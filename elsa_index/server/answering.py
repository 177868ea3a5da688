"""Answering from one index: questions in their turn, changes one after the other, swaps and exclusions."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import HTTPException
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.datastructures import Headers

from ..changes.change import Changed
from ..errors import ElsaIndexError, shorten
from ..index import Index
from .bodies import SMALL, read_body
from .change_models import ExclusionsRequest
from .changing import described, excluded
from .current import Current
from .direct import AnswerContent
from .guard import ARRIVED, Metrics, Scope, log
from .request_types import Body
from .response_models import ExclusionsAnswer
from .routes import QUESTIONS, Question, changing, excluding, looking_up, searching
from .settings import Settings
from .turns import Turns

DEADLINE_HEADER = "x-timeout-ms"
"""Milliseconds that the client waits for its answer to be begun."""


class Threads:
    """What all indexes of a process share: turns to answer, and threads for what must wait for nobody and be waited
    for by nobody."""

    def __init__(self, settings: Settings) -> None:
        self.turns = Turns(settings.searching_threads, settings.deadline)
        self.writing, self.large, self.excludes = (
            ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("writing", "reading", "excluding")
        )

    def end(self) -> None:
        """Waits for what they do."""
        for pool in (self.writing, self.excludes, self.large):
            pool.shutdown(wait=True)
        self.turns.end()


@dataclass
class Answering:
    """One index that is served. name: its own, "" for the one without. prefixes: of its paths."""

    current: Current
    settings: Settings
    threads: Threads
    metrics: Metrics
    name: str = ""
    prefixes: tuple[str, ...] = ("",)
    tell: Callable[[], None] = lambda: None
    """Tells other workers that something changed."""
    _was_there: bool = True

    def __post_init__(self) -> None:
        with self.current.use() as index:
            self.metrics.of_index(index, self.name)

    @property
    def questions(self) -> dict[str, AnswerContent]:
        """By path, how they are answered."""
        return {
            prefix + question.path: partial(self._answer_body, question)
            for prefix in self.prefixes
            for question in QUESTIONS
        }

    def routers(self) -> Iterator[APIRouter]:
        """All of its routes, once for each prefix."""
        for prefix in self.prefixes:
            router = APIRouter(prefix=prefix)
            router.include_router(searching(self._answer_request))
            router.include_router(excluding(self._exclude, self._excluded))
            router.include_router(changing(self._change))
            router.include_router(looking_up(self._ask, self.settings.images))
            yield router

    def swap(self) -> None:
        """Serves what is in the index directory now; where that cannot be opened, the old index stays."""
        try:
            self.current.swap()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # libraries in Rust have errors of their own, outside of Exception
            self.metrics.swaps.labels("failed").inc()
            left = "the old one is served on" if self.current.wrong is None else "nothing is answered from the old one"
            log.error(f"the index was not swapped; {left}", extra=self._named({"error": str(error)}))
            return
        with self.current.use() as index:
            self.metrics.of_index(index, self.name)
            about = {"items": len(index), "fingerprint": index.manifest.codes.fingerprint}
        self.metrics.swaps.labels("done").inc()
        log.info("swapped", extra=self._named(about))

    def look(self) -> None:
        """Serves what another worker changed."""
        if not self.current.is_current:
            self.swap()
        with suppress(ElsaIndexError, OSError):  # who follows them tells it
            self.current.follow_exclusions()

    def check(self) -> None:
        """Tells where somebody wrote into the index's files, or took them away."""
        if wrong := self.current.check():
            self.metrics.fails(self.name)
            log.error("nothing is answered from this index any more", extra=self._named({"error": wrong}))
        path = self.current.path
        is_there = path.is_dir()
        if not is_there and self._was_there:
            gone = {"path": str(path)}
            log.error("the index directory is gone; what was opened of it is served on", extra=self._named(gone))
        self._was_there = is_there

    def _named(self, about: dict[str, Any]) -> dict[str, Any]:
        return about | ({"index": self.name} if self.name else {})

    def _answered(self, answer: Callable[[Index], Any]) -> bytes:
        with self.current.use() as index:
            return to_json(answer(index))

    async def _ask(self, request: Request, answer: Callable[[Index], Any]) -> Response:
        """Answers from the current index, when it is this request's turn."""
        kind, deadline = request.scope["route"].path, deadline_of(request.headers)
        arrived = request.scope.get(ARRIVED)
        content = await self.threads.turns.take(kind, lambda: self._answered(answer), deadline, arrived)
        return Response(content, media_type="application/json")

    async def _answer_body(self, question: Question, content: bytes, scope: Scope) -> bytes:
        """Answers what a body asks. It is read in its turn too; a large one before, in a thread that is only for
        those."""
        headers, arrived = Headers(scope=scope), scope.get(ARRIVED)
        refuse_other_media(headers)
        deadline, kind = deadline_of(headers), self.name + question.path
        if len(content) > SMALL:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(self.threads.large, read_body, question.asks, content)
            return await self.threads.turns.take(
                f"large {kind}", lambda: self._answered(lambda index: question.make(index, body)), deadline, arrived
            )

        def make() -> bytes:
            body = read_body(question.asks, content)
            return self._answered(lambda index: question.make(index, body))

        return await self.threads.turns.take(kind, make, deadline, arrived)

    async def _answer_request(self, question: Question, request: Request) -> Response:
        """The same where FastAPI was asked."""
        content = await self._answer_body(question, await request.body(), request.scope)
        return Response(content, media_type="application/json")

    async def _change(self, request: Request, model: type[Body], change: Callable[[Index, Any], Changed]) -> Response:
        """Changes the index directory as a body asks, and serves the commit. One after the other, in a thread of their
        own."""
        self._refuse_without_token()
        refuse_other_media(request.headers)
        content = await request.body()

        def changed() -> bytes:
            body = read_body(model, content)
            with self.current.use() as index:
                done = change(index, body)
            self.swap()
            self.tell()
            return to_json(described(done))

        done = await asyncio.get_running_loop().run_in_executor(self.threads.writing, changed)
        return Response(done, media_type="application/json")

    async def _exclude(self, request: Request) -> Response:
        """Changes the standing exclusions as a body asks."""
        self._refuse_without_token()
        refuse_other_media(request.headers)
        content = await request.body()

        def changed() -> bytes:
            body = read_body(ExclusionsRequest, content)
            self.current.exclude(body.add, body.remove)
            self.tell()
            return to_json(self._excluded())

        done = await asyncio.get_running_loop().run_in_executor(self.threads.excludes, changed)
        return Response(done, media_type="application/json")

    def _excluded(self) -> ExclusionsAnswer:
        """The standing exclusions, as they are answered."""
        with self.current.use() as index:
            return excluded(self.current.exclusions.now, index)

    def _refuse_without_token(self) -> None:
        if self.settings.token is None:
            raise HTTPException(403, "changes are for those who bear a token: start the service with ELSA_INDEX_TOKEN")


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
