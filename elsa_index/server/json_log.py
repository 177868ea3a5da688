"""The log: one JSON object per line, whoever writes it."""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from .guard import log

_AGAIN = 60.0  # seconds until the same thing of the event loop is told again
_stderr = logging.getLogger("stderr")


@contextmanager
def log_as_json() -> Iterator[None]:
    """Within it standard error holds JSON alone: from here, from every library's loggers, warnings and failed threads,
    and, as lines of the logger `stderr`, what anybody writes there without asking, Java included."""
    given = os.dup(2)
    handler = _Handler(os.fdopen(os.dup(given), "w", encoding="utf-8", errors="replace"))
    handler.setFormatter(
        JsonFormatter("{levelname}{message}", style="{", rename_fields={"levelname": "level"}, timestamp="time")
    )
    root = logging.getLogger()
    before, root.handlers = root.handlers, [handler]
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    hook, threading.excepthook = threading.excepthook, _tell_failed_thread
    reading = _take_over(2)
    try:
        yield
    finally:
        os.dup2(given, 2)  # the last writer to the pipe is gone: its reader ends
        os.close(given)
        reading.join(timeout=5)
        threading.excepthook = hook
        logging.captureWarnings(False)
        root.handlers = before
        with suppress(OSError):
            handler.stream.close()


class _Handler(logging.StreamHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """Nobody reads the log any more. Telling that on standard error would be one more line of it, without end."""


def _take_over(descriptor: int) -> threading.Thread:
    """Every line written there becomes one of the log. Nobody waits for that: what is written faster is lost."""
    sys.stderr.flush()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.dup2(writer, descriptor)
    os.close(writer)

    def read() -> None:
        with os.fdopen(reader, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip():
                    _stderr.warning("%s", line.rstrip())

    thread = threading.Thread(target=read, name="log", daemon=True)
    thread.start()
    return thread


def _tell_failed_thread(failed: threading.ExceptHookArgs) -> None:
    log.error("a thread failed", exc_info=failed.exc_value)


class TroubleOfLoop:
    """What an event loop says when something fails outside of any request, such as accepting connections when too many
    files are open; the same thing once a minute."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        what = str(context.get("message", "the event loop failed"))
        if time.monotonic() - self._told.get(what, -_AGAIN) >= _AGAIN:
            self._told[what] = time.monotonic()
            log.error(what, extra={"error": repr(context.get("exception"))})
