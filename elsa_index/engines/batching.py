"""Many queries at a time: threads over them, and how many are done."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .contract import Answer, Progress, Query


def answer_each(
    queries: Sequence[Query],
    answer: Callable[[Query], Answer],
    threads: int,
    on_progress: Progress | None,
    at_end: Callable[[], None] = lambda: None,
) -> list[Answer]:
    """The answer to each query, `threads` of them at a time. at_end: what a thread calls before it ends."""
    counter = Counter(len(queries), on_progress)

    def one(query: Query) -> Answer:
        found = answer(query)
        counter.add()
        return found

    def part(which: int) -> list[Answer]:
        try:
            return [one(query) for query in queries[which::threads]]
        finally:
            at_end()

    if threads == 1 or len(queries) < 2:
        return [one(query) for query in queries]
    answers: list[Answer] = [None] * len(queries)  # type: ignore[list-item]
    with ThreadPoolExecutor(threads) as pool:
        for which, found in enumerate(pool.map(part, range(threads))):
            answers[which::threads] = found
    return answers


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
