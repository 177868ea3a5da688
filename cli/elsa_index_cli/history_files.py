"""elsa-index search --histories FILE -o FILE: however many histories there are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsa_index.search.options import SearchOptions

from . import options
from .filter_options import note_strangers
from .search_notes import note_empty, note_users_without, note_written

if TYPE_CHECKING:
    import elsa_index as ei
    from elsa_index.batch.files import Searched
    from elsa_index.data.histories import HistoryForm


def search_files(
    index: "ei.Index",
    histories: Path,
    out: Path,
    wanted: dict[str, Any],
    asked: dict[str, Any],
    form: "HistoryForm",
    *,
    resume: bool,
    overwrite: bool,
) -> None:
    """Writes the rankings and says what was done. wanted: filters; asked: the other options."""
    import elsa_index as ei
    from elsa_index.batch.work import unfinished
    from elsa_index.catalogue.filters import Filters

    filters = Filters(**{name: value for name, value in wanted.items() if name != "keep_seen"})
    what = SearchOptions(filters=filters, keep_seen=wanted["keep_seen"], **asked)
    try:
        with options.progress("searching") as report:
            done = ei.search_files(
                index, histories, out, what, form=form, resume=resume, overwrite=overwrite, on_progress=report
            )
    except (KeyboardInterrupt, SystemExit):
        if unfinished(out).exists():
            options.note(f"what was answered is kept beside {out}: the same call with --resume goes on")
        raise
    note_strangers(wanted, index, asked["boosts"])
    options.note_unknown(done.unknown)
    number, users = done.strangers
    note_users_without(number, users, popular=what.fallback == "popular")
    note_empty(done.empty, done.histories)
    note_written(out, done.results, done.histories)
    options.note(_worth(done))


def _worth(done: "Searched") -> str:
    """What the answers are worth, and how fast they came."""
    kinds = [f"{promise} ({number:,} histories)" for promise, number in done.promises.most_common()]
    promise = kinds[0].rpartition(" (")[0] if len(kinds) == 1 else "; ".join(kinds)
    before = f", {done.before:,} of them by the run before" if done.before else ""
    asked_for = options.counted(done.histories, "history", "histories")
    return f"{promise}; {asked_for}{before} in {options.duration(done.seconds)}, {done.rate:,.0f} a second"
