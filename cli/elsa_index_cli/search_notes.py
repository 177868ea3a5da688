"""What `elsa-index search` tells of histories that got little, and of what it wrote."""

from pathlib import Path

from . import options


def note_users_without(number: int, users: list[str], *, popular: bool) -> None:
    """Users without any known item. users: all of them, or the first ones. popular: they get popular items."""
    from elsa_index.errors import name_some

    if not number:
        return
    named = name_some(users) if number == len(users) else f"{name_some(users[:5])}, for example"
    got = "popular items" if popular else "nothing (try --fallback popular)"
    who = options.counted(number, "user has", "users have")
    options.note(f"warning: {who} no item that the index knows; given are {got}: {named}")


def note_empty(empty: int, histories: int) -> None:
    """Histories that got no item, of so many."""
    if empty:
        options.note(
            f"warning: {empty:,} of {histories:,} histories get no item: none known, or filters or offset leave none"
        )


def note_written(out: Path, results: int, histories: int) -> None:
    told = options.counted(results, "result", "results")
    options.note(f"{out}: {told} for {options.counted(histories, 'history', 'histories')}")
