"""Whose turn it is: so many answers at the same time, in order, and who would wait too long is told at once."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

HOP = 0.0005
"""Seconds: an answer that takes less is made by the thread that reads requests. Handing it to another one and back
takes a fifth of that, and more where both want the interpreter."""
LONGEST = 0.002
"""Seconds: an answer that takes less is made there too while that thread is so busy that it would be taken over as
late; a longer one keeps others from being read."""
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
    """Makes answers in `threads` threads, in the order in which they are asked for. deadline: seconds that one may
    wait, from when it arrived until it is sent; one that nothing is before is made however late it may be."""

    def __init__(self, threads: int, deadline: float) -> None:
        self.threads, self.deadline = threads, deadline
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="searching")
        self._seconds: dict[str, float] = {}
        self._ahead = 0.0  # seconds of all answers that were begun or wait
        self.round = 0.0
        """Seconds until the loop, which sees to others, takes over what a thread has made."""
        self._is_measuring = False

    async def take(
        self, kind: str, make: Callable[[], bytes], deadline: float | None = None, arrived: float | None = None
    ) -> bytes:
        """What `make` makes. kind: what answers that take about as long have in common. deadline: a sooner one.
        arrived: when it did, by `time.perf_counter`; now if None.

        Raises OverloadedError where it is not made in time.
        """
        loop = asyncio.get_running_loop()
        patience = self.deadline if deadline is None else min(deadline, self.deadline)
        expected = self._seconds.get(kind, HOP)
        is_short = kind in self._seconds and expected < min(max(HOP, self.round), LONGEST)
        self._measure_round(loop)
        now = time.perf_counter()
        came = now if arrived is None else min(arrived, now)
        is_alone = not self._ahead
        if not is_short:
            patience -= self.round
        waits = now - came + self._ahead / self.threads
        if waits > patience and not is_alone:
            raise OverloadedError(waits)
        self._ahead += expected + _BESIDES

        def made() -> bytes:
            starts = time.perf_counter()
            if starts - came > patience and not is_alone:
                raise OverloadedError(starts - came)
            try:
                return make()
            finally:
                took = time.perf_counter() - starts
                self._seconds[kind] = took * _SHARE + self._seconds.get(kind, took) * (1 - _SHARE)

        try:
            if is_short:
                # Those of the same moment are counted first, and refused where they are too many.
                await asyncio.sleep(0)
                return made()
            return await loop.run_in_executor(self._pool, made)
        finally:
            self._ahead -= expected + _BESIDES

    def _measure_round(self, loop: asyncio.AbstractEventLoop) -> None:
        """The longest of late, which fades away."""
        if self._is_measuring:
            return
        began = time.perf_counter()

        def came_round() -> None:
            self.round = max(time.perf_counter() - began, self.round * (1 - _SHARE))
            self._is_measuring = False

        self._is_measuring = True
        loop.call_soon(came_round)

    def end(self) -> None:
        """Waits for the answers that are being made."""
        self._pool.shutdown(wait=True)
