"""Connections: how long they may keep the service waiting, and how many there are."""

import asyncio
import os
import resource
import socket
import struct
import sys
import time
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .guard import ARRIVED, log

HEAD_SECONDS = 10.0
"""For the whole head of a request, from its first byte on; on a new connection, from its beginning on."""
KEPT_SECONDS = 75
"""That a connection is kept after an answer: longer than load balancers do, who must not meet one that just ended."""
WRITE_SECONDS = 30.0
"""For a client to take what is ready for it."""
HEAD_BYTES = 65_536
"""Of the head of a request, which the parser keeps until it is whole."""
LAST_SECONDS = 1.0
"""For a client to go on when the service stops."""
_LAST_DATA = 52
"""Bytes of Linux's `struct tcp_info` before the milliseconds since something arrived."""
_OWN_FILES = 200  # files that an index, its next build and the process itself open
_TCP = (socket.AF_INET, socket.AF_INET6)


class _Deadline:
    """Ends a connection where something does not happen in time."""

    def __init__(self, connection: HttpToolsProtocol, transport: asyncio.Transport) -> None:
        self._loop, self._abort = connection.loop, transport.abort
        self._timer: asyncio.TimerHandle | None = None

    @property
    def runs(self) -> bool:
        return self._timer is not None

    def begin(self, seconds: float) -> None:
        self.end()
        self._timer = self._loop.call_later(seconds, self._abort)

    def end(self) -> None:
        """It has happened."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None


class Connection(HttpToolsProtocol):
    """One connection. It ends where its client is late; where there are more than `most`, the one whose client has been
    waited for longest ends."""

    most = 1000
    reads_since: float | None = None
    """When the first one was read: who asked before the service was there did not wait for its answers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._asking = _Deadline(self, transport)
        self._taking = _Deadline(self, transport)
        self.waiting_since = self.loop.time()
        self._in_head, self._head_bytes = False, 0
        super().connection_made(transport)
        if type(self).reads_since is None:
            type(self).reads_since = time.perf_counter()
        self._asking.begin(HEAD_SECONDS)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._asking.end()
        self._taking.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # The rest of a head may be in there, and what follows it: so much more than HEAD_BYTES is kept at most.
        self._head_bytes += len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")
        self._look_for_head(more=True)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        scope = cast(dict[str, Any], self.scope)
        scope[ARRIVED] = max(time.perf_counter() - self._unread_seconds(), self.reads_since or 0.0)
        super().on_message_complete()

    def _unread_seconds(self) -> float:
        """For how long what was read now had lain there, while others were seen to; 0 where the system does not say."""
        connection = self.transport.get_extra_info("socket")
        if sys.platform != "linux" or connection is None or connection.family not in _TCP:
            return 0.0
        about = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA + 4)
        return struct.unpack_from("I", about, _LAST_DATA)[0] / 1000 if len(about) >= _LAST_DATA + 4 else 0.0

    def on_response_complete(self) -> None:
        self.waiting_since = self.loop.time()
        super().on_response_complete()
        self._look_for_head()

    def _look_for_head(self, *, more: bool = False) -> None:
        """A head that has begun must be whole soon. more: something arrived, and be it blank lines before one."""
        if not self._is_idle:
            self._asking.end()
        elif (self._in_head or more) and not self._asking.runs:
            self._asking.begin(HEAD_SECONDS)

    def shutdown(self) -> None:
        """The service stops: running requests end, and those of which nothing more arrives do not keep it."""
        super().shutdown()
        if self.waits_for_client:
            self._asking.begin(LAST_SECONDS)

    def pause_writing(self) -> None:
        self.waiting_since = self.loop.time()
        self._taking.begin(WRITE_SECONDS)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._taking.end()
        super().resume_writing()

    @property
    def _is_idle(self) -> bool:
        """Nothing was asked, or all that was asked is answered."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    @property
    def waits_for_client(self) -> bool:
        return self._is_idle or self.flow.write_paused or (self.cycle.more_body and not self.cycle.response_started)

    def _make_room(self) -> None:
        waiting = [other for other in self.connections if isinstance(other, Connection) and other.waits_for_client]
        longest = min(waiting, key=lambda other: other.waiting_since, default=self)
        longest.connections.discard(longest)
        longest.transport.abort()


def limited(most: int) -> type[Connection]:
    """The connections of a service that has at most so many, or as many as the limit of open files lets it have, which
    is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _open_files() + _OWN_FILES
    if soft < wanted:
        soft = min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    possible = max(1, min(most, soft - (wanted - most)))
    if possible < most:
        log.warning(
            "fewer connections than wanted, as few files may be open: raise ulimit -n",
            extra={"wanted": most, "connections": possible, "open_files": soft},
        )
    namespace: dict[str, Any] = {"most": possible, "reads_since": None}
    return type("Connection", (Connection,), namespace)


def _open_files() -> int:
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 64
