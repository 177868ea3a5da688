"""Options of commands that return items: which ones may be returned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options

if TYPE_CHECKING:
    import elsa_index as ei

_WHICH = "Which items may be returned"


@dataclass(frozen=True)
class FilterOptions:
    """Which items may be returned."""

    tag: Annotated[
        list[str] | None,
        typer.Option(help="Only items that carry it; repeatable: all of them.", rich_help_panel=_WHICH),
    ] = None
    any_tag: Annotated[
        list[str] | None,
        typer.Option(help="Only items that carry it; repeatable: one of them.", rich_help_panel=_WHICH),
    ] = None
    no_tag: Annotated[
        list[str] | None, typer.Option(help="Only items that do not carry it; repeatable.", rich_help_panel=_WHICH)
    ] = None
    range: Annotated[
        list[str] | None,
        typer.Option(
            help="Only items whose number is within: price=5..20, price=..20, released=2024-01-01.. Repeatable.",
            rich_help_panel=_WHICH,
        ),
    ] = None
    only: Annotated[
        Path | None,
        typer.Option(help="Only these items: .txt, one id per line, or a table with item_id.", rich_help_panel=_WHICH),
    ] = None
    exclude: Annotated[
        Path | None,
        typer.Option(
            help="Items never to return: .txt, one id per line, or a table with item_id.", rich_help_panel=_WHICH
        ),
    ] = None
    keep_seen: Annotated[
        bool,
        typer.Option("--keep-seen", help="Return a history's own items too: groceries.", rich_help_panel=_WHICH),
    ] = False

    def read(self) -> dict[str, Any]:
        """As `Index.search` takes them."""
        return {
            "tags": self.tag or [],
            "any_tags": self.any_tag or [],
            "no_tags": self.no_tag or [],
            "ranges": _ranges(self.range or []),
            "only": None if self.only is None else options.ids_in(self.only),
            "exclude": options.ids_in(self.exclude),
            "keep_seen": self.keep_seen,
        }


def note_strangers(filters: dict[str, Any], index: "ei.Index", boosts: Sequence[str] = ()) -> None:
    """Warns of ids and tags that the index does not know."""
    from elsa_index.errors import name_some

    for what, names in (("excluded", filters["exclude"]), ("wanted", filters["only"] or [])):
        if strangers := [name for name in names if name not in index.ids]:
            items_are = options.counted(len(strangers), f"{what} item is", f"{what} items are")
            options.note(f"warning: {items_are} not in the index: {name_some(strangers)}")
    tags = index.tags
    named = [*filters["any_tags"], *filters["no_tags"]]
    wanted = [*named, *(boost[4:].rpartition("=")[0] for boost in boosts if boost.startswith("tag:"))]
    if unknown := [name for name in wanted if tags is None or not tags.is_carried(name)]:
        options.note(f"note: no item carries the tag {name_some(unknown)}")


def _ranges(given: list[str]) -> dict[str, tuple[str | None, str | None]]:
    from elsa_index.errors import UsageError

    ranges: dict[str, tuple[str | None, str | None]] = {}
    for name, ends in map(_range, given):
        if name in ranges:
            raise UsageError(f"--range {name} is given twice; give both ends at once, {name}=LEAST..MOST.")
        ranges[name] = ends
    return ranges


def _range(given: str) -> tuple[str, tuple[str | None, str | None]]:
    """A name, and its ends. Raises UsageError for what is no range."""
    from elsa_index.errors import UsageError

    name, equals, ends = given.partition("=")
    least, dots, most = ends.partition("..")
    if not equals or not name.strip() or not dots or not (least.strip() or most.strip()):
        raise UsageError(
            f"--range must be NAME=LEAST..MOST, for example price=5..20 or released=2024-01-01..; got {given!r}."
        )
    return name.strip(), (least.strip() or None, most.strip() or None)
