"""Running the service: signals, logs, and the ASGI server."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn

from ..errors import ElsaIndexError, UsageError
from ..index import Index
from .app import create_app
from .connections import KEPT_SECONDS, limited
from .current import Current
from .exclusions import Exclusions
from .guard import log
from .json_log import TroubleOfLoop, log_as_json
from .settings import LOOPBACK, Settings

_BACKLOG = 2048
_LOOKS = 1.0  # seconds between looks at the files of the index
_FOLLOWS = 0.25  # seconds between looks whether another commit has taken its place


def serve(open_index: Callable[[], Index], host: str, port: int, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, which let running requests end. Follows the commits of the index by itself; a
    SIGHUP opens the directory again too, and swaps to what is there.

    Raises UsageError where the address cannot be listened on, and what opening the index raises.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port must be from 0 to 65535, got {port}.")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is an index to swap
    listening = _listen(host, port)
    with log_as_json(settings.log_level):
        _serve(open_index, listening, host, settings)


def _serve(open_index: Callable[[], Index], listening: socket.socket, host: str, settings: Settings) -> None:
    if host not in LOOPBACK and settings.token is None:
        log.warning("anyone who reaches this address may ask: set a token", extra={"host": host})
    # Every call into Java lets go of the interpreter's lock and waits for it afterwards: by default up to 5 ms each
    # where another thread is busy, as with a large body.
    sys.setswitchinterval(0.0005)
    current = Current(open_index, exclusions=Exclusions(settings.exclusions))
    if settings.exclusions is not None:
        _tell(current)
    app = create_app(current, settings, host)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=limited(settings.connections),
        ws="none",
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=settings.grace,
    )
    # Its signal handlers are put in place after these, and raise what they caught again when all is done: that it
    # ended well is then known already.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(_run(uvicorn.Server(config), listening, app.state.swap, app.state.check, current))


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


async def _run(
    server: uvicorn.Server,
    listening: socket.socket,
    swap: Callable[[], None],
    check: Callable[[], str | None],
    current: Current,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(TroubleOfLoop())
    hung_up = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, hung_up.set)
    swapping = asyncio.create_task(_swap_when(hung_up, swap))
    watching = asyncio.create_task(_look_again_and_again(check))
    following = asyncio.create_task(_follow(current, hung_up))
    serving = asyncio.create_task(server.serve([listening]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    address = listening.getsockname()
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    log.info("serving", extra={"url": f"http://{shown}:{address[1]}/"})
    await serving
    swapping.cancel()
    watching.cancel()
    following.cancel()
    log.info("stopped")


async def _look_again_and_again(check: Callable[[], str | None]) -> None:
    while True:
        await asyncio.sleep(_LOOKS)
        if wrong := await asyncio.to_thread(check):
            log.error("nothing is answered from this index any more", extra={"error": wrong})


async def _follow(current: Current, hung_up: asyncio.Event) -> None:
    """Swaps to what takes the index's place, as a SIGHUP would, and hears of other exclusions."""
    said = ""
    while True:
        await asyncio.sleep(_FOLLOWS)
        if await asyncio.to_thread(current.is_replaced):
            hung_up.set()
        try:
            if await asyncio.to_thread(current.follow_exclusions):
                _tell(current)
            said = ""
        except (ElsaIndexError, OSError) as error:
            if str(error) != said:  # once, and not four times a second
                log.error("exclusions not read; those before stay", extra={"error": str(error)})
            said = str(error)


def _tell(current: Current) -> None:
    """What is excluded now, and how much of it the index does not hold."""
    names = current.exclusions.now.names
    with current.use() as index:
        unknown = sum(name not in index.ids for name in names)
    told = {"items": len(names), "unknown": unknown}
    if current.exclusions.is_missing:
        log.warning("the file of exclusions is not there; nothing is excluded", extra=told)
    else:
        log.info("exclusions read", extra=told)


async def _swap_when(hung_up: asyncio.Event, swap: Callable[[], None]) -> None:
    """Swaps after a SIGHUP; those that come meanwhile are one more swap together."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        await asyncio.to_thread(swap)
