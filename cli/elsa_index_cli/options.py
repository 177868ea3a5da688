"""Options that several commands share, and how they print."""

import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elsa_index.progress import bar, one_after_the_other

from .printable import as_json_text, printable

if TYPE_CHECKING:
    from pydantic import BaseModel

    import elsa_index as ei
    from elsa_index.training.elsa.run import EpochReport


@dataclass
class State:
    """Whether tracebacks are shown."""

    debug: bool = False


state = State()
_SECONDS_BETWEEN_LINES = 10


def _set_debug(value: bool) -> bool:
    state.debug = value
    return value


Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.", callback=_set_debug)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Seed = Annotated[int, typer.Option(help="Seed of all that is random.")]
TargetOverlap = Annotated[float, typer.Option(help="Of calibrated with exact answers; 1: always exact.")]
Items = Annotated[str | None, typer.Option(help="One history: ids, separated by commas.")]
Item = Annotated[list[str] | None, typer.Option(help="One id of the history, commas and all; repeatable.")]
Metadata = Annotated[
    Path | None,
    typer.Option(help="A table with item_id, title and others.", show_default="what the index was built with"),
]
HalfLife = Annotated[
    str | None,
    typer.Option(help="Let a history's items count half as much that are 30d (h, d, w, y) older than its latest one."),
]
Threads = Annotated[int, typer.Option(help="Threads over queries.")]


def default_of(model: "type[BaseModel]", name: str) -> Any:
    """The default of a configuration's field: it stands there and nowhere else."""
    return model.model_fields[name].default


def listed(values: Iterable[int]) -> str:
    """Numbers as `numbers` reads them."""
    return ",".join(map(str, values))


def numbers(option: str, text: str, example: str) -> list[int]:
    """Numbers separated by commas. Raises UsageError that names the option."""
    from elsa_index.errors import UsageError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"{option} must be numbers separated by commas, for example {example}; got {text!r}."
        ) from None


def history(items: str | None, item: list[str] | None) -> list[str]:
    """The ids of --items and --item. Raises UsageError for an empty one."""
    from elsa_index.errors import UsageError

    named = [*(name.strip() for name in (items.split(",") if items else [])), *(item or [])]
    if any(not name for name in named):
        raise UsageError(f"--items holds an empty id: {items!r}; separate ids by single commas.")
    return named


def opened(index: Path, metadata: Path | None) -> "ei.Index":
    """An opened index, with titles and names from a file of metadata where there is one."""
    import elsa_index as ei

    known = ei.read_metadata(metadata) if metadata else None
    try:
        return ei.Index.open(index, known)
    except ei.DataError as error:
        raise ei.DataError(f"--metadata {metadata}: {error}") from None


def ids_in(path: Path | None) -> list[str]:
    """The ids in a file; none where there is no file."""
    if path is None:
        return []
    from elsa_index.codes.item_codes import read_ids

    return [name for name in read_ids(path) if name]


def print_json(value: Any) -> None:
    print(as_json_text(json.dumps(value, ensure_ascii=False)))


def note(message: str) -> None:
    """A line for people, on standard error, so that standard output holds results only."""
    print(printable(message), file=sys.stderr)


def counted(number: int, one: str, many: str) -> str:
    """A number and what it counts.

    >>> counted(1, "history", "histories"), counted(1200, "history", "histories")
    ('1 history', '1,200 histories')
    """
    return f"{number:,} {one if number == 1 else many}"


def duration(seconds: float) -> str:
    """As people say it.

    >>> duration(0.0123), duration(75.2)
    ('12.3 ms', '75.2 s')
    """
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds * 1000:,.1f} ms"


def say_epoch(at: "EpochReport") -> None:
    """A line for each epoch of a training."""
    quality = "" if at.ndcg is None else f", nDCG@100 {at.ndcg:.4f} of the validation users"
    note(
        f"epoch {at.epoch}/{at.epochs}: {at.nonzeros:,} nonzeros, loss {at.loss:.4g}, {at.seconds:.1f} s, "
        f"at most about {at.seconds_left:,.0f} s left{quality}"
    )


def say_changed(index: Path, done: "ei.Changed", *, json: bool, otherwise: str = "no code changed") -> None:
    """What a change of an index did. otherwise: what is said where no item changed."""
    if json:
        print_json(vars(done))
        return
    parts = [
        f"{number:,} {what}"
        for number, what in (
            (done.added, "added"), (done.replaced, "given other codes"), (done.retagged, "given other tags or numbers"),
            (done.deleted, "deleted"),
        )
        if number
    ]  # fmt: skip
    what = ", ".join(parts) or otherwise
    print(f"{index}: {what}; {counted(done.items, 'item', 'items')}, commit {done.commit:,}, {done.seconds:.2f} s")


def note_summary(log: "ei.Interactions") -> None:
    """What reading a log did."""
    counted = {name: count for name, count in log.summary.items() if isinstance(count, int)}
    counts = (f"{count:,} {name.replace('_', ' ')}" for name, count in counted.items())
    as_what = f" as {log.summary['read_as']}" if "read_as" in log.summary else ""
    note(f"read{as_what}: {', '.join(counts)}")
    if "notes" in log.summary:
        note(f"note: {log.summary['notes']}")


def note_unknown(items: Iterable[str]) -> None:
    """Warns of items of histories that the index does not know."""
    from elsa_index.errors import name_some

    if unknown := list(dict.fromkeys(items)):
        items_are = counted(len(unknown), "item of the histories is", "items of the histories are")
        note(f"warning: {items_are} not in the index, left out: {name_some(unknown)}")


@contextmanager
def progress(title: str, *, least_seconds: float = 0) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; in a log, one line at each tenth of the work, if so many seconds have passed since the last.
    Yields the function to call."""
    if sys.stderr.isatty():
        with bar(title) as report:
            yield report
        return
    reached = 0
    written = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal reached, written
        tenth = 10 * done // max(total, 1)
        if tenth < reached:
            reached = 0
        if tenth > reached and total >= 1000 and time.monotonic() - written >= least_seconds:
            reached, written = tenth, time.monotonic()
            note(f"{title}: {done:,} of {total:,}")

    yield line


def stages() -> AbstractContextManager[Callable[[str, int, int], None]]:
    """One progress bar after the other, for what a training says that it does."""
    return one_after_the_other(partial(progress, least_seconds=_SECONDS_BETWEEN_LINES))


def table(title: str, columns: list[str], rows: list[list[str]], texts: Collection[str] = ()) -> None:
    """A table on standard output; the first column and those that `texts` names to the left, numbers to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=printable(title) or None, title_justify="left")
    for at, name in enumerate(columns):
        shown.add_column(name, justify="left" if at == 0 or name in texts else "right", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else max(140, 14 * len(columns)))
    console.print(shown)
