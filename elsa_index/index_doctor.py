"""What `doctor INDEX` looks at: whether its files are whole, how old it is, what it answers, and what it stands on."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from .catalogue.manifest import FORMAT, Manifest
from .doctor import Finding
from .engines import loops
from .errors import ElsaIndexError
from .index import Index

OLD = timedelta(days=7)
"""After which an index, or the log of its codes, is told to be old."""
_MANY_CHANGES = 0.2
_ASKED = 20
_TIMED = 5


def diagnose_index(path: str | os.PathLike[str]) -> list[Finding]:
    """Looks at an index directory, whatever is wrong with it.

    Args:
        path: The index directory.

    Returns:
        What was found, and what to do about it. Nothing is changed.
    """
    path = Path(path)
    findings: list[Finding] = []
    try:
        manifest = Index.verify(path)
    except ElsaIndexError as error:
        return [Finding("Files", "wrong", "no whole index", str(error)), *_left_behind(path)]
    size = sum(entry.bytes for entry in manifest.files.values())
    findings.append(Finding("Files", "ok", f"{len(manifest.files)} files, {size / 1e6:,.1f} MB, every checksum right"))
    findings += [*_format(manifest), *_age(manifest), *_changes(manifest), *_memory(size), *_left_behind(path)]
    try:
        with Index.open(path) as index:
            findings += _answers(index)
    except Exception as error:  # a doctor reports what breaks, whatever it is
        findings.append(Finding("Answers", "wrong", "none", str(error)))
    return findings


def _format(manifest: Manifest) -> Iterator[Finding]:
    found = f"{manifest.format}, by elsa-index {manifest.created_by.removeprefix('elsa-index ')}"
    if manifest.format < FORMAT:
        yield Finding("Format", "hint", found, "Older than what can be changed: elsa-index upgrade INDEX.")
    else:
        yield Finding("Format", "ok", found)


def _age(manifest: Manifest) -> Iterator[Finding]:
    now = datetime.now(UTC)
    moments = [("Built", manifest.built_at, "build it again, or fold-in and upsert what is new")]
    if manifest.changed_at is not None:
        moments.append(("Changed", manifest.changed_at, ""))
    latest = manifest.log_ends
    if latest is None:
        yield Finding("Log", "ok", "its times are unknown: with train --time-column they would be known")
    elif 0 < latest < now.timestamp() + 1e9:
        moments.append(("Log", datetime.fromtimestamp(latest, UTC).isoformat(), "train on a newer log"))
    for what, moment, advice in moments:
        if moment is None:
            yield Finding(what, "hint", "nobody knows when: built by an older version", "Build it again.")
            continue
        age = now - datetime.fromisoformat(moment)
        found = f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC, {_in_words(age)} ago"
        is_old = age > OLD and bool(advice)
        yield Finding(what, "hint" if is_old else "ok", found, f"Is that meant? Otherwise {advice}." if is_old else "")


def _in_words(age: timedelta) -> str:
    days, hours = age.days, age.seconds // 3600
    if days:
        return f"{days:,} day{'s' * (days > 1)}"
    return f"{hours} hour{'s' * (hours > 1)}" if hours else f"{age.seconds // 60} minutes"


def _changes(manifest: Manifest) -> Iterator[Finding]:
    if not manifest.commits:
        return
    found = f"{manifest.commits:,} commits; {manifest.changed:,} of {manifest.codes.items:,} items since it was tuned"
    if manifest.changed > _MANY_CHANGES * manifest.codes.items:
        yield Finding("Changes", "hint", found, "elsa-index compact INDEX, and elsa-index tune if it is calibrated.")
    else:
        yield Finding("Changes", "ok", found)


def _memory(size: int) -> Iterator[Finding]:
    free = psutil.virtual_memory().available
    found = f"{size / 1e6:,.1f} MB of files, {free / 1e6:,.0f} MB of memory are free"
    if size > free:
        yield Finding("Memory", "hint", found, "Files that do not fit are read from disk again and again.")
    else:
        yield Finding("Memory", "ok", found)


def _left_behind(path: Path) -> Iterator[Finding]:
    """What killed processes left beside it."""
    for name in (f".{path.name}.building", f".{path.name}.writer"):
        if (beside := path.absolute().parent / name).exists():
            yield Finding(
                "Left behind",
                "hint",
                str(beside),
                "If no build or change runs, the next one takes it over: nothing to do.",
            )


def _answers(index: Index) -> Iterator[Finding]:
    """Some items are asked about, as a search does by default, and exhaustively."""
    rows = np.unique(np.linspace(0, len(index) - 1, min(_ASKED, len(index))).astype(np.int64))
    histories = [[name] for name in index.ids.names_of(rows)]
    found = index.search(histories, 10)
    took = []
    for _ in range(_TIMED):
        started = time.perf_counter()
        index.search(histories[:1], 10)
        took.append(1000 * (time.perf_counter() - started))
    empty = sum(not ranking.items for ranking in found.rankings)
    told = (
        f"{len(histories)} histories asked, {empty} without an answer; {median(took):,.1f} ms for one; {found.promise}"
    )
    yield Finding("Answers", "wrong" if empty == len(histories) else "ok", told)
    if index.can_be_exact:
        exact = index.search(histories, 10, exact=True)
        same = np.mean([
            len(set(one.items) & set(other.items)) / max(len(other.items), 1)
            for one, other in zip(found.rankings, exact.rankings, strict=True)
        ])  # fmt: skip
        yield Finding("Against exact answers", "ok" if same > 0.9 else "hint", f"{same:.1%} of the items are the same",
                      "" if same > 0.9 else "elsa-index tune INDEX for a larger share.")  # fmt: skip
    if index.engine in ("lucene", "exact") and not loops.usable():
        advice = "pip install 'elsa-index[serve]' brings Numba, whose compiled loops answer several times as fast."
        yield Finding("Compiled loops", "hint", "Numba is not installed", advice)
