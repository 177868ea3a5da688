"""Many queries at a time: threads over them, and how many are done."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from .contract import Progress

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
_LOOKS = 0.2  # seconds after which one who waits for threads looks whether it was interrupted


def answer_each(
    queries: Sequence[Asked],
    answer: Callable[[Asked], Answered],
    threads: int,
    on_progress: Progress | None,
    sizes: Sequence[int] | None = None,
) -> list[Answered]:
    """The answer to each query, or to each block of them, `threads` of them at a time. An exception, Ctrl-C included,
    ends all threads at their next one. sizes: of the blocks, for the progress; None: all 1."""
    counter = Counter(len(queries) if sizes is None else sum(sizes), on_progress)
    answers: list[Answered] = [None] * len(queries)  # type: ignore[list-item]
    stopped = threading.Event()

    def part(which: int) -> None:
        for at in range(which, len(queries), threads):
            if stopped.is_set():
                return
            answers[at] = answer(queries[at])
            counter.add(1 if sizes is None else sizes[at])

    threads = max(1, min(threads, len(queries)))
    if threads == 1:
        part(0)
        return answers
    with ThreadPoolExecutor(threads) as pool:
        try:
            running = {pool.submit(part, which) for which in range(threads)}
            while running:  # a signal that another thread gets wakes nobody who waits without an end
                done, running = wait(running, _LOOKS, FIRST_EXCEPTION)
                for future in done:
                    future.result()
        finally:
            stopped.set()
    return answers


def answer_in_two(
    queries: Sequence[Asked],
    is_first: Callable[[Asked], bool],
    first: Callable[[Sequence[Asked], Progress | None], list[Answered]],
    second: Callable[[Sequence[Asked], Progress | None], list[Answered]],
    on_progress: Progress | None,
) -> list[Answered]:
    """The answer to each query, by one of two ways."""
    ways = [is_first(query) for query in queries]
    if all(ways):
        return first(queries, on_progress)
    if not any(ways):
        return second(queries, on_progress)
    parts = [[query for query, way in zip(queries, ways, strict=True) if way is own] for own in (True, False)]
    before = len(parts[0])
    found = iter(first(parts[0], on_progress and (lambda done, _: on_progress(done, len(queries)))))
    others = iter(second(parts[1], on_progress and (lambda done, _: on_progress(before + done, len(queries)))))
    return [next(found if way else others) for way in ways]


@dataclass
class Counter:
    """Counts finished queries for a progress bar."""

    total: int
    report: Progress | None
    done: int = field(default=0)

    def add(self, count: int = 1) -> None:
        self.done += count
        if self.report:
            self.report(self.done, self.total)
