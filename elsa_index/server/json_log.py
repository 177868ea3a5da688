"""The log: one JSON object per line, whoever writes it."""

import asyncio
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from pythonjsonlogger.json import JsonFormatter

from .guard import log

_LINES = 10_000  # that wait to be written
_PAUSE = 0.02  # seconds in which lines gather
_LAST = 2.0  # seconds for them when the service ends
_AGAIN = 60.0  # seconds until the same thing of the event loop is told again
_stderr = logging.getLogger("stderr")


@contextmanager
def log_as_json(level: str = "info", *, worker: int | None = None, takes_over: bool = True) -> Iterator[None]:
    """Within it standard error holds JSON alone: from here, from every library's loggers, warnings and failed threads,
    and, as lines of the logger `stderr`, what anybody writes there without asking, Java included.

    worker: that every line names. takes_over: what others write there is made into lines; where processes are started
    that do so themselves, it is not.
    """
    given = os.dup(2)
    handler = _Handler(os.dup(given))
    names, own = {"levelname": "level"}, {} if worker is None else {"worker": worker}
    handler.setFormatter(
        _Formatter("{levelname}{message}", style="{", rename_fields=names, static_fields=own, timestamp="time")
    )
    root = logging.getLogger()
    before, root.handlers = root.handlers, [handler]
    log.setLevel(level.upper())
    logging.captureWarnings(True)
    hook, threading.excepthook = threading.excepthook, _tell_failed_thread
    reading = _take_over(2) if takes_over else None
    try:
        yield
    finally:
        os.dup2(given, 2)  # the last writer to the pipe is gone: its reader ends
        os.close(given)
        if reading is not None:
            reading.join(timeout=5)
        threading.excepthook = hook
        logging.captureWarnings(False)
        root.handlers = before
        handler.close()


class _Formatter(JsonFormatter):
    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """In a tenth of the time of Python's own."""
        try:
            return to_json(log_data, fallback=str, inf_nan_mode="null").decode()
        except (PydanticSerializationError, ValueError):  # half a character of a file's name, say
            return super().jsonify_log_record(log_data)


class _Handler(logging.Handler):
    """Writes from a thread of its own: where nobody reads the log, nobody waits for that, and lines are lost."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: deque[str] = deque()
        self._wanted = threading.Event()
        self._is_ending = False
        self._lost = 0
        self._writing = threading.Thread(target=self._write, name="log writer", daemon=True)
        self._writing.start()

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) >= _LINES:
            self._lost += 1
            return
        if self._lost:
            told = logging.makeLogRecord({"levelno": logging.WARNING, "levelname": "WARNING"})
            told.msg, told.lines = "lines of the log were lost, as nobody read it", self._lost
            self._lost = 0
            self._lines.append(self.format(told))
        self._lines.append(self.format(record))
        if not self._wanted.is_set():
            self._wanted.set()

    def _write(self) -> None:
        while not self._is_ending or self._lines:
            self._wanted.wait()
            if not self._is_ending:
                time.sleep(_PAUSE)  # to be woken for every line takes the interpreter from those who answer
            self._wanted.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            with suppress(OSError):  # nobody reads the log any more
                for left in _writes(lines):
                    while left:
                        left = left[os.write(self._descriptor, left) :]

    def close(self) -> None:
        """What is still to be written has a moment."""
        self._is_ending = True
        self._wanted.set()
        self._writing.join(_LAST)
        if not self._writing.is_alive():
            os.close(self._descriptor)
        super().close()


def _writes(lines: list[str]) -> Iterator[bytes]:
    """Lines, some at a time: what is not longer than this is not mixed with what other workers write into a pipe."""
    some = b""
    for line in lines:
        encoded = f"{line}\n".encode("utf-8", "replace")
        if some and len(some) + len(encoded) > select.PIPE_BUF:
            yield some
            some = b""
        some += encoded
    yield some


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
