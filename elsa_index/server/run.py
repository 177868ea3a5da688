"""Running the service: signals, logs, and the ASGI server."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from typing import TextIO

import uvicorn
from pythonjsonlogger.json import JsonFormatter

from ..errors import UsageError
from ..index import Index
from .app import create_app
from .current import Current
from .guard import log
from .settings import LOOPBACK, Settings


def serve(open_index: Callable[[], Index], host: str, port: int, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, which let running requests end. SIGHUP opens the index directory again and swaps
    to what is there.

    Raises UsageError where the address cannot be listened on, and what opening the index raises.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port must be from 0 to 65535, got {port}.")
    log_as_json(sys.stderr)
    if host not in LOOPBACK and settings.token is None:
        log.warning("anyone who reaches this address may ask: set a token", extra={"host": host})
    current = Current(open_index)
    app = create_app(current, settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.grace,
    )
    # Its signal handlers are put in place after these, and raise what they caught again when all is done: that it
    # ended well is then known already.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(_run(uvicorn.Server(config), config, app.state.swap, port))


async def _run(server: uvicorn.Server, config: uvicorn.Config, swap: Callable[[], None], port: int) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, swap))
    try:
        listening = config.bind_socket()
    except SystemExit:
        raise UsageError(f"Port {port} of {config.host} cannot be listened on; name another by --port.") from None
    address = listening.getsockname()
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    serving = asyncio.create_task(server.serve([listening]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    log.info("serving", extra={"url": f"http://{shown}:{address[1]}/"})
    await serving
    log.info("stopped")


def log_as_json(stream: TextIO) -> None:
    """One JSON object a line, from here and from the ASGI server."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter("{levelname}{message}", style="{", rename_fields={"levelname": "level"}, timestamp="time")
    )
    for name in ("elsa_index.server", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if name == "elsa_index.server" else logging.WARNING)
        logger.propagate = False
