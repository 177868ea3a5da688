"""Whose turn it is: so many answers at the same time, in order, and who would wait too long is told at once."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

HOP = 0.0005
"""Seconds: an answer that takes less is made by the thread that reads requests. Handing it to another one and back
takes a fifth of that, and more where both want the interpreter."""
_SHARE = 0.05  # of the latest answer in what answers are taken to take
_BESIDES = 0.0002  # seconds of a request besides its answer: to read and to write it


class OverloadedError(Exception):
    """So many wait that another one would wait longer than its deadline, or it has waited for so long.

    seconds: after which to try again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Turns:
    """Makes answers in `threads` threads, in the order in which they are asked for. deadline: seconds that one may wait
    for its turn."""

    def __init__(self, threads: int, deadline: float) -> None:
        self.threads, self.deadline = threads, deadline
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="searching")
        self._seconds: dict[str, float] = {}
        self._ahead = 0.0  # seconds of all answers that were begun or wait

    async def take(self, kind: str, make: Callable[[], bytes], deadline: float | None = None) -> bytes:
        """What `make` makes. kind: what answers that take about as long have in common. deadline: a sooner one.

        Raises OverloadedError where it is not made in time.
        """
        loop = asyncio.get_running_loop()
        patience = self.deadline if deadline is None else min(deadline, self.deadline)
        expected = self._seconds.get(kind, HOP)
        waits = self._ahead / self.threads
        if waits > patience:
            raise OverloadedError(waits)
        began = time.perf_counter()
        self._ahead += expected + _BESIDES

        def made() -> bytes:
            starts = time.perf_counter()
            if starts - began > patience:
                raise OverloadedError(waits)
            try:
                return make()
            finally:
                took = time.perf_counter() - starts
                self._seconds[kind] = took * _SHARE + self._seconds.get(kind, took) * (1 - _SHARE)

        try:
            if kind in self._seconds and expected < HOP:
                await asyncio.sleep(
                    0
                )  # those of the same moment are counted first, and refused where they are too many
                return made()
            return await loop.run_in_executor(self._pool, made)
        finally:
            self._ahead -= expected + _BESIDES

    def end(self) -> None:
        """Waits for the answers that are being made."""
        self._pool.shutdown(wait=True)
