"""Items, a block at a time, shared out among threads."""

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np
import numpy.typing as npt

from ...processors import usable_processors

ITEMS = 512
"""Items of a block: a second or less of work, after which a training can stop."""


class Stopped(Exception):
    """The work was asked to stop; what was done is done."""


def each_block(
    work: Callable[[int, int], None],
    done: npt.NDArray[np.bool_],
    stop: threading.Event,
    on_block: Callable[[int], None] | None = None,
) -> None:
    """Calls work(first, last) for every block of items that is not done yet, on all processors; sets done, (items,).

    on_block: called with the items that are done, after each block.

    Raises Stopped once `stop` is set and the blocks that had begun have ended.
    """
    waiting = [first for first in range(0, len(done), ITEMS) if not done[first]]
    running: dict[Future[None], int] = {}
    with ThreadPoolExecutor(usable_processors()) as pool:
        while waiting or running:
            while waiting and len(running) < 2 * usable_processors() and not stop.is_set():
                first = waiting.pop(0)
                running[pool.submit(work, first, min(first + ITEMS, len(done)))] = first
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                first = running.pop(future)
                future.result()
                done[first : first + ITEMS] = True
            if on_block:
                on_block(int(np.count_nonzero(done)))
            if stop.is_set() and not running:
                break
    if stop.is_set() and waiting:
        raise Stopped
