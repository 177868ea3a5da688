"""Several processes that serve one port: each opens the index, whose files they share in memory, and answers what it
accepts. One that ends is replaced; what one changes, all serve before it is answered."""

import fcntl
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from socket import socket
from typing import Any

from ..environment import environment
from ..errors import ElsaIndexError
from .guard import log
from .settings import Settings

STEADY = 5.0
"""Seconds after which a worker is no longer new: one that ends sooner is not replaced at once."""
LONGEST_PAUSE = 30.0
"""Seconds before a worker is replaced that ended again and again."""
ALL_LOOK = 10.0
"""Seconds in which all workers serve what one changed; a worker that takes longer does so when it can."""
_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # by which its library knows that processes share metrics


@dataclass(frozen=True)
class Shared:
    """What workers share: the directory of their metrics, the files of their exclusions, and their locks."""

    directory: Path

    @property
    def metrics(self) -> Path:
        return self.directory / "metrics"

    def exclusions(self, name: str) -> Path:
        """Of the index of this name."""
        return self.directory / f"exclusions-{name}.txt"

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One worker at a time holds the lock of this name."""
        with (self.directory / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Siblings:
    """A worker's line to the others, which goes by way of the supervisor. look: serves what is there now."""

    def __init__(self, connection: Connection, look: Callable[[], object]) -> None:
        self._connection, self._look = connection, look
        self._sending = threading.Lock()
        self._heard = threading.Condition()
        self._asked = self._answered = 0
        threading.Thread(target=self._listen, name="siblings", daemon=True).start()

    def tell(self) -> None:
        """Something was changed: returns when all workers serve it, or after a while."""
        with self._heard:
            self._asked += 1
            number = self._asked
        self._send(("changed", number))
        with self._heard:
            self._heard.wait_for(lambda: self._answered >= number, ALL_LOOK)

    def _send(self, message: tuple[Any, ...]) -> None:
        with self._sending, suppress(OSError):  # the supervisor has ended, and this worker will
            self._connection.send(message)

    def _listen(self) -> None:
        while True:
            try:
                what, number = self._connection.recv()
            except (EOFError, OSError):
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if what == "look":
                self._look()
                self._send(("looked", number))
            else:
                with self._heard:
                    self._answered = max(self._answered, number)
                    self._heard.notify_all()


@dataclass
class _Worker:
    number: int
    process: BaseProcess
    connection: Connection
    started: float
    is_ready: bool = False
    is_late: bool = False  # a SIGHUP came before it was ready
    looks_for: set[int] = field(default_factory=set)


Serve = Callable[[Settings, socket, Connection, Shared, int], None]
"""What a worker does: serves, and sends ("ready",), or ("failed", kind of the error, its text)."""


def supervise(serve: Serve, settings: Settings, listening: socket, told: Callable[[], None]) -> None:
    """Keeps `settings.workers` processes that `serve`, until SIGTERM or SIGINT. told: called once all are ready.

    Raises ElsaIndexError if one cannot start the first time.
    """
    with tempfile.TemporaryDirectory(prefix="elsa-index-") as name:
        shared = Shared(Path(name))
        shared.metrics.mkdir()
        _Supervisor(serve, settings, listening, shared, told).run()


class _Supervisor:
    def __init__(
        self, serve: Serve, settings: Settings, listening: socket, shared: Shared, told: Callable[[], None]
    ) -> None:
        self._serve, self._settings, self._listening, self._shared = serve, settings, listening, shared
        self._told = told
        self._workers: list[_Worker] = []
        self._pauses: dict[int, float] = {}
        self._due: dict[int, float] = {}  # when a worker that ended is replaced
        self._is_ending = self._was_ready = False
        self._changes = 0
        self._askers: dict[int, tuple[_Worker, int]] = {}

    def run(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        caught = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        for which_one in caught:
            signal.signal(which_one, lambda which, _: os.write(writer, bytes([which])))
        try:
            for number in range(self._settings.workers):
                self._start(number)
            while self._workers or (self._due and not self._is_ending):
                self._turn(reader)
        finally:
            for worker in self._workers:
                worker.process.kill()
            for which_one, handler in caught.items():
                signal.signal(which_one, handler)
            os.close(reader)
            os.close(writer)

    def _start(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (self._settings, self._listening, theirs, self._shared, number)
        process = context.Process(target=self._serve, args=arguments, name=f"worker {number}")
        # Blocked, as it would end a process that is not yet what it is to be; the worker lets it through.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            with environment({_METRICS: str(self._shared.metrics)}):
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._workers.append(_Worker(number, process, ours, time.monotonic()))

    def _turn(self, reader: int) -> None:
        """Waits until something happens, and sees to it."""
        now = time.monotonic()
        for number in [number for number, due in self._due.items() if due <= now and not self._is_ending]:
            del self._due[number]
            self._start(number)
        left = max(0.0, min(self._due.values(), default=now + 60) - now)
        by_channel: dict[Any, _Worker] = {worker.connection: worker for worker in self._workers}
        by_end: dict[Any, _Worker] = {worker.process.sentinel: worker for worker in self._workers}
        happened = wait([reader, *by_channel, *by_end], left)
        if reader in happened:
            for caught in os.read(reader, 1000):
                self._pass_on(signal.Signals(caught))
        for channel in happened:
            if channel in by_channel:
                self._hear(by_channel[channel])
        for end in happened:
            if end in by_end:
                self._replace(by_end[end])

    def _pass_on(self, caught: signal.Signals) -> None:
        if caught != signal.SIGHUP:
            self._is_ending = True
        passed = signal.SIGTERM if self._is_ending else signal.SIGHUP
        for worker in self._workers:
            if passed == signal.SIGHUP and not worker.is_ready:
                worker.is_late = True
            else:
                _kill(worker, passed)

    def _hear(self, worker: _Worker) -> None:
        try:
            what, *given = worker.connection.recv()
        except (EOFError, OSError):
            return  # it ends
        if what == "ready":
            worker.is_ready = True
            if worker.is_late:
                _kill(worker, signal.SIGHUP)
            if not self._was_ready and all(one.is_ready for one in self._workers):
                self._was_ready = True
                self._told()
        elif what == "failed" and not self._was_ready:
            raise _error_of(*given)
        elif what == "failed":
            log.error("a worker did not start", extra={"worker": worker.number, "error": given[1]})
        elif what == "changed":
            self._changes += 1
            self._askers[self._changes] = worker, given[0]
            for other in self._workers:
                if other is not worker and other.is_ready:
                    other.looks_for.add(self._changes)
                    _send(other, ("look", self._changes))
            self._answer(self._changes)
        elif what == "looked":
            worker.looks_for.discard(given[0])
            self._answer(given[0])

    def _answer(self, change: int) -> None:
        """Tells who made a change, once nobody is left who has not looked."""
        if change in self._askers and not any(change in worker.looks_for for worker in self._workers):
            worker, number = self._askers.pop(change)
            _send(worker, ("all looked", number))

    def _replace(self, worker: _Worker) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        mark_process_dead(worker.process.pid, str(self._shared.metrics))  # type: ignore[no-untyped-call]
        for change in list(self._askers):
            self._answer(change)
        if self._is_ending:
            return
        if not self._was_ready:
            raise ElsaIndexError(f"A worker ended while it started, with status {worker.process.exitcode}.")
        pause = self._pauses.get(worker.number, 0.0)
        if time.monotonic() - worker.started > STEADY:
            pause = 0.0
        self._pauses[worker.number] = min(max(1.0, 2 * pause), LONGEST_PAUSE)
        self._due[worker.number] = time.monotonic() + pause
        about = {"worker": worker.number, "exit_status": worker.process.exitcode, "starts_in_seconds": pause}
        log.error("a worker ended; another one takes its place", extra=about)


def _kill(worker: _Worker, number: signal.Signals) -> None:
    assert worker.process.pid is not None  # as it was started
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(worker.process.pid, number)


def _send(worker: _Worker, message: tuple[str, int]) -> None:
    with suppress(OSError):  # it has just ended
        worker.connection.send(message)


def _error_of(kind: str, message: str) -> ElsaIndexError:
    """An error of a worker, as it was there."""
    from .. import errors

    made = getattr(errors, kind, None)
    return made(message) if isinstance(made, type) and issubclass(made, ElsaIndexError) else ElsaIndexError(message)
