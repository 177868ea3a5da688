"""What every request passes before it reaches a route: size, token; and what is counted and logged of it."""

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from random import getrandbits
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic_core import to_json

from ..errors import shorten
from ..index import Index
from .hosts import Hosts
from .request_types import MAX_BODY

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OfMany = Literal["livesum", "livemax", "livemin"]
ARRIVED = "elsa_index.arrived"
"""In a request's scope: when it had arrived, with its body, by `time.perf_counter`."""
PUBLIC = ("/healthz", "/readyz")
PAGE = "/page/"
BODY_SECONDS = 30.0
"""For a whole body to arrive."""
PAUSE_SECONDS = 5.0
"""Between two parts of a large one, which keeps others from being read."""
SMALL = 65_536
"""Bytes of a body that many may have at the same time."""
LARGE_BODIES = 16
"""Larger ones that are read and answered at the same time; others are not read meanwhile."""
_DRAINED = 64_000_000  # bytes of a too large body that are read, so that its sender gets to read the answer
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
log = logging.getLogger("elsa_index.server")


class Metrics:
    """What `/metrics` shows, in a registry of its own. is_shared: it shows the sums of all workers, whose metrics lie
    in the directory that PROMETHEUS_MULTIPROC_DIR names. by_index: several indexes are served."""

    def __init__(self, is_shared: bool = False, by_index: bool = False) -> None:
        self.registry, self._is_shared, self._by_index = CollectorRegistry(), is_shared, by_index
        self.requests = Counter("elsa_index_requests", "Requests.", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "elsa_index_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        self.running = self._gauge("requests_running", "Requests that are being answered.", "livesum")
        self.workers = self._gauge("workers", "Processes that answer.", "livesum")
        self.workers.set(1)
        self.starts = Counter("elsa_index_worker_starts", "Processes that were started.", registry=self.registry)
        self.starts.inc()
        self.swaps = Counter("elsa_index_swaps", "Indexes swapped in.", ["outcome"], registry=self.registry)
        self.items = self._gauge("items", "Items of the index that is served.", by_index=True)
        self.usable = self._gauge("usable", "Whether answers come from the index: 1 or 0.", "livemin", by_index=True)
        self._built, self._changed, self._log = (
            self._gauge(f"{name}_timestamp_seconds", about, by_index=True)
            for name, about in (
                ("built", "When the index that is served was built."),
                ("changed", "When it was changed last, or built."),
                ("log", "The latest time of the log that its codes were trained on; 0 where it had none."),
            )
        )

    def _gauge(self, name: str, about: str, of_many: _OfMany = "livemax", *, by_index: bool = False) -> Gauge:
        labels = ["index"] if by_index and self._by_index else []
        return Gauge(f"elsa_index_{name}", about, labels, registry=self.registry, multiprocess_mode=of_many)

    def _of(self, gauge: Gauge, name: str) -> Gauge:
        return gauge.labels(name) if self._by_index else gauge

    def shown(self) -> bytes:
        """In Prometheus' format."""
        if not self._is_shared:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def fails(self, name: str = "") -> None:
        """Nothing is answered from an index any more."""
        self._of(self.usable, name).set(0)

    def of_index(self, index: Index, name: str = "") -> None:
        """What is served now. name: of the index, if there are several."""
        manifest = index.manifest
        self._of(self.usable, name).set(1)
        self._of(self.items, name).set(len(index))
        built = manifest.built_at and datetime.fromisoformat(manifest.built_at).timestamp()
        changed = manifest.changed_at and datetime.fromisoformat(manifest.changed_at).timestamp()
        self._of(self._built, name).set(built or 0)
        self._of(self._changed, name).set(changed or built or 0)
        self._of(self._log, name).set(manifest.log_ends or 0)


class Guard:
    """ASGI middleware. Refuses requests to names that are not ours, bodies of more than `MAX_BODY` bytes or that do not
    arrive, and, where there is a token, requests without it; adds headers that keep the page to itself; counts, times
    and logs every request."""

    def __init__(self, app: App, metrics: Metrics, token: str | None, hosts: Hosts, images: Sequence[str] = ()) -> None:
        self._app, self._metrics, self._hosts = app, metrics, hosts
        pictures = " ".join(["'self'", *(f"https://{host}" for host in images)])
        headers = _HEADERS | {
            "content-security-policy": f"default-src 'self'; img-src {pictures}; frame-ancestors 'none'; "
            "base-uri 'none'; form-action 'none'"
        }
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._token = None if token is None else token.encode()
        self._large = asyncio.Semaphore(LARGE_BODIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = scope.get(ARRIVED, time.perf_counter())
        request_id = f"{getrandbits(64):016x}"
        status, begun = 500, False

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                own = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), *self._headers, own]
            await send(message)

        self._metrics.running.inc()
        try:
            headers = dict(scope["headers"])
            if not self._hosts.allow(headers.get(b"host")):
                host = shorten(headers[b"host"].decode("latin-1"))
                await _refuse(answer, 421, f"this service is not {host}; it is told its names by --allow-host")
                return
            if not self._bears_token(scope["path"], headers.get(b"authorization", b"")):
                header = {"www-authenticate": "Bearer"}
                await _refuse(answer, 401, "a bearer token is needed: Authorization: Bearer …", header)
                return
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(BODY_SECONDS) as limit:
                        body = await self._body(receive, held, limit)
                except TimeoutError:
                    late = f"the body did not arrive within {BODY_SECONDS:.0f} seconds"
                    await _refuse(answer, 408, late, {"connection": "close"})
                    return
                if body is None:
                    await _refuse(answer, 413, f"the body has more than {MAX_BODY:,} bytes; send less at a time")
                    return
                await self._app(scope, _replayed(body, receive), answer)
        except asyncio.CancelledError:  # the service stops, and waits no longer
            if begun:
                raise
            over = "the service stops, and the time of running requests, --grace, is over; ask again"
            await _refuse(answer, 503, over, {"connection": "close", "retry-after": "1"})
        except Exception as error:
            log.error("failed", exc_info=error, extra={"path": scope["path"], "request_id": request_id})
            if begun:
                raise
            await _refuse(answer, 500, f"the service failed; its log says why, under {request_id}")
        finally:
            seconds = time.perf_counter() - started
            # Routes and not paths, of which there is no end.
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.running.dec()
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": round(1000 * seconds, 2),
                    "request_id": request_id,
                },
            )

    def _bears_token(self, path: str, given: bytes) -> bool:
        if self._token is None or path in PUBLIC or path == "/" or path.startswith(PAGE):
            return True
        scheme, _, token = given.partition(b" ")
        # Compared whatever the scheme is, in a time that does not tell how much of it is right.
        return hmac.compare_digest(token, self._token) and scheme.lower() == b"bearer"

    async def _body(self, receive: Receive, held: AsyncExitStack, limit: asyncio.Timeout) -> bytes | None:
        """The whole body, or None where it is too large. A large one waits until few are held at the same time, which
        is not its client's time, and is held until `held` ends; its client may not pause for long."""
        parts: list[bytes] = []
        size, large = 0, False
        while True:
            async with asyncio.timeout(PAUSE_SECONDS if large else None):
                message = await receive()
            if message["type"] != "http.request":
                break
            part = message.get("body", b"")
            size += len(part)
            if size <= MAX_BODY:
                parts.append(part)
            if not message.get("more_body", False) or size > _DRAINED:
                break
            if size > SMALL and not large:
                left = (limit.when() or 0) - asyncio.get_running_loop().time()
                limit.reschedule(None)
                await held.enter_async_context(self._large)
                limit.reschedule(asyncio.get_running_loop().time() + left)
                large = True
        return b"".join(parts) if size <= MAX_BODY else None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body which was read already, and then waits for what comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, status: int, error: str, headers: dict[str, str] | None = None) -> None:
    await send_json(send, status, to_json({"error": error}), headers)


async def send_json(send: Send, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
    """An answer of JSON."""
    sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    sent += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": content})
