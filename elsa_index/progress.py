"""Progress bars: on a terminal, and in a notebook."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

Report = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


@contextmanager
def bar(title: str) -> Iterator[Report]:
    """A bar that is gone when the block ends. Yields the function to call."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@contextmanager
def one_after_the_other(open_bar: Callable[[str], "object"] = bar) -> Iterator[Callable[[str, int, int], None]]:
    """One bar for each thing that is done, for what trainings report. open_bar: opens one by its title."""
    with ExitStack() as bars:
        showing: dict[str, Report] = {}

        def on_stage(stage: str, done: int, total: int) -> None:
            if stage not in showing:
                bars.close()
                showing.clear()
                showing[stage] = bars.enter_context(open_bar(stage))  # type: ignore[arg-type]
            showing[stage](done, total)

        yield on_stage
