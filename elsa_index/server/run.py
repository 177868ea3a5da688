"""Running the service: signals, logs, and the ASGI server."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from multiprocessing.connection import Connection

import uvicorn
from fastapi import FastAPI

from ..engines import loops
from ..errors import ElsaIndexError, UsageError
from ..index import Index
from .app import create_app
from .connections import KEPT_SECONDS, limited
from .current import Current
from .exclusions import Exclusions
from .guard import App, log
from .json_log import TroubleOfLoop, log_as_json
from .settings import LOOPBACK, Settings
from .watching import Watch, tell_exclusions
from .workers import Shared, Siblings, supervise

_BACKLOG = 2048  # connections that wait to be taken
_AT_ONCE = 4  # that one worker takes at a time
OpenIndex = Callable[[], Index]


def serve(indexes: Mapping[str, OpenIndex], host: str, port: int, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, which let running requests end. Follows the commits of the indexes by itself; a
    SIGHUP opens their directories again too, and swaps to what is there.

    indexes: what opens them, by name; the first one is served under /v1 too, and is alone if its name is "". If there
    are several workers these must be functions that other processes can import.

    Raises UsageError where the address cannot be listened on, and what opening the index raises.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port must be from 0 to 65535, got {port}.")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is an index to swap
    listening = _listen(host, port)
    if settings.workers == 1:
        with log_as_json(settings.log_level):
            _warn_of_strangers(host, settings)
            _serve(indexes, listening, host, settings)
        return
    with log_as_json(settings.log_level, takes_over=False):
        _warn_of_strangers(host, settings)
        supervise(partial(_work, dict(indexes), host), settings, listening, lambda: _tell_address(listening))
        log.info("stopped")


def _warn_of_strangers(host: str, settings: Settings) -> None:
    if host not in LOOPBACK and settings.token is None:
        log.warning("anyone who reaches this address may ask: set a token", extra={"host": host})


def _work(
    indexes: Mapping[str, OpenIndex],
    host: str,
    settings: Settings,
    listening: socket.socket,
    line: Connection,
    shared: Shared,
    number: int,
) -> None:
    """One of many workers, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a whole terminal: the supervisor passes it on
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # blocked by who started this process
    with log_as_json(settings.log_level, worker=number):
        try:
            _serve(indexes, listening, host, settings, line, shared)
        except ElsaIndexError as error:
            line.send(("failed", type(error).__name__, str(error)))


def _serve(
    indexes: Mapping[str, OpenIndex],
    listening: socket.socket,
    host: str,
    settings: Settings,
    line: Connection | None = None,
    shared: Shared | None = None,
) -> None:
    """line, shared: with other workers; None: alone."""
    listening = _Listening(listening.family, listening.type, listening.proto, listening.detach())
    # Every call into Java lets go of the interpreter's lock and waits for it afterwards: by default up to 5 ms each
    # where another thread is busy, as with a large body.
    sys.setswitchinterval(0.0005)
    loops.load()
    opened: dict[str, Current] = {}
    try:
        turn = nullcontext if shared is None else partial(shared.lock, "swap")
        for name, open_index in indexes.items():
            opened[name] = Current(open_index, exclusions=_exclusions(name, settings, shared), turn=turn)
    except BaseException:
        for current in opened.values():
            current.close()
        raise
    if settings.exclusions is not None:
        for current in opened.values():
            tell_exclusions(current)
    app = create_app(opened, settings, host)
    if line is not None:
        app.state.siblings = Siblings(line, lambda: [one.look() for one in app.state.served])
    if settings.traces:
        from .tracing import traced  # an extra of its own

        with traced(app) as answering:
            _listen_and_answer(app, answering, listening, settings, line)
    else:
        _listen_and_answer(app, app, listening, settings, line)


def _listen_and_answer(
    app: FastAPI, answering: App, listening: socket.socket, settings: Settings, line: Connection | None
) -> None:
    """Until a signal comes. answering: the application, or what is around it."""
    config = uvicorn.Config(
        answering,
        log_config=None,
        access_log=False,
        server_header=False,
        http=limited(-(-settings.connections // settings.workers)),
        ws="none",
        backlog=_AT_ONCE,
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=settings.grace,
    )
    # Its signal handlers are put in place after these, and raise what they caught again when all is done: that it
    # ended well is then known already.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def ready() -> None:
        if line is None:
            _tell_address(listening)
        else:
            line.send(("ready",))

    asyncio.run(_run(uvicorn.Server(config), listening, app, ready))
    if line is None:
        log.info("stopped")


def _exclusions(name: str, settings: Settings, shared: Shared | None) -> Exclusions:
    """Of one index. All have the same file, if there is one."""
    if shared is None:
        return Exclusions(settings.exclusions)
    own = settings.exclusions or shared.exclusions(name)
    return Exclusions(own, settings.exclusions is not None, partial(shared.lock, "exclusions"))


class _Listening(socket.socket):
    """Lets as many connections wait as it should, whatever the event loop asks for, which means by that number how many
    it takes at a time: one of several workers should not take them all."""

    def listen(self, backlog: int = 0, /) -> None:
        super().listen(_BACKLOG)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # Connections inherit it. Without it the end of an answer waits until its beginning is acknowledged: 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise UsageError(
            f"Nothing can listen on {host}, port {port}: {error.strerror or error}. Name others by --host and --port."
        ) from None


def _tell_address(listening: socket.socket) -> None:
    address = listening.getsockname()
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    log.info("serving", extra={"url": f"http://{shown}:{address[1]}/"})


async def _run(server: uvicorn.Server, listening: socket.socket, app: FastAPI, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(TroubleOfLoop())
    watches = [Watch(one) for one in app.state.served]

    def hang_up() -> None:
        for watch in watches:
            watch.hung_up.set()

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    tasks = [asyncio.create_task(task) for watch in watches for task in watch.tasks()]
    serving = asyncio.create_task(server.serve([listening]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    ready()
    await serving
    for task in tasks:
        task.cancel()
