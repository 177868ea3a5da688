"""Processes that are measured: each holds one thing, answers one request at a time, and has its threads pinned."""

import importlib
import multiprocessing
from collections.abc import Callable
from typing import Any

from ..environment import environment
from ..errors import ElsaIndexError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
"""What the libraries that engines stand on take their number of threads from."""

Handler = Callable[[Any], Any]


class ProcessError(ElsaIndexError):
    """A measured process failed or ended. kind: the name of the error over there."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class Process:
    """A process that runs `handler(request)` for each `ask(request)`, where `handler = factory(*arguments)`.

    factory: "module:function", imported in the process and nowhere else, so that no two things that are measured
    share libraries, a JVM or memory. threads: for every library that counts its own.
    """

    def __init__(self, factory: str, *arguments: Any, threads: int = 1) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, factory, arguments), daemon=True)
        with environment({name: str(threads) for name in THREAD_VARIABLES}):
            self._process.start()
        theirs.close()
        try:
            self._receive()
        except ProcessError:
            self.close()
            raise

    def ask(self, request: Any) -> Any:
        """The handler's reply. Raises ProcessError with what went wrong over there."""
        self._connection.send(request)
        return self._receive()

    def _receive(self) -> Any:
        try:
            ok, reply = self._connection.recv()
        except EOFError:
            self._process.join(10)
            raise ProcessError(
                f"A measured process ended with status {self._process.exitcode}; -9 means that memory ran out."
            ) from None
        if not ok:
            kind, message = reply
            raise ProcessError(message, kind)
        return reply

    def close(self) -> None:
        self._connection.close()
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(connection: Any, factory: str, arguments: tuple[Any, ...]) -> None:
    try:
        module, name = factory.split(":")
        handler: Handler = getattr(importlib.import_module(module), name)(*arguments)
        connection.send((True, None))
        while True:
            connection.send((True, handler(connection.recv())))
    except EOFError:
        pass
    except Exception as error:
        message = str(error) if isinstance(error, ElsaIndexError) else f"{type(error).__name__}: {error}"
        connection.send((False, (type(error).__name__, message)))
