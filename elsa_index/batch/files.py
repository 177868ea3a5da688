"""Recommendations for files of histories, however many: memory holds some thousand at a time, and a run that was
interrupted goes on where it stopped."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..data.histories import Histories, HistoryForm
from ..data.reading.sources import Paths, sources_of
from ..data.results import join_results, writable_format, write_results
from ..errors import StorageError, UsageError
from ..index import Index
from ..search.options import SearchOptions
from ..search.recommend import recommend
from ..search.result import SearchResult
from ..storage.files import checksum, read_json
from ..storage.staging import explained_write, refuse_existing, staged_file
from .work import Work, unfinished

if TYPE_CHECKING:
    import polars as pl

PART_BYTES = 4 << 20
"""Of the files that histories come from, for each part: about ten thousand histories."""
MOST_PARTS = 500
"""Files that are written at the same time while rows are spread."""
_PACKED = 6  # times that Parquet and gzip make such tables smaller, about
_NULL = "\\N"
_NAMED = 100_000

OnHistories = Callable[[int, int], None]
"""Called with how many histories are answered, and of how many, as far as that is known."""


@dataclass
class Searched:
    """What was done with files of histories.

    Attributes:
        histories: How many there were.
        results: Rows that were written.
        seconds: Of this run, with reading and writing.
        before: Histories that an earlier run had answered.
        promises: How many histories got which promise.
        unknown: Items of histories that the index does not know, the first ones; a run that goes on knows its own.
        strangers: Users without any known item: how many, and the first ones.
        empty: Histories that got no item.
    """

    histories: int = 0
    results: int = 0
    seconds: float = 0.0
    before: int = 0
    promises: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    strangers: tuple[int, list[str]] = (0, [])
    empty: int = 0

    @property
    def rate(self) -> float:
        """Histories a second."""
        return (self.histories - self.before) / max(self.seconds, 1e-9)


def search_files(
    index: Index,
    histories: Paths,
    out: str | os.PathLike[str],
    options: SearchOptions = SearchOptions(),  # noqa: B008  # it cannot be changed
    *,
    form: HistoryForm = HistoryForm(),  # noqa: B008
    resume: bool = False,
    overwrite: bool = False,
    on_progress: OnHistories | None = None,
) -> Searched:
    """Recommends for every history of some files and writes the rankings to another one.

    Rows of a user may stand anywhere: where the files are long they are spread over parts by their users first, beside
    `out`, and users come in the order of these parts.

    Args:
        index: The index.
        histories: Tables with a row for each item of each user; see `read_histories`.
        out: A .csv, .parquet, .jsonl or .trec file; see `write_results`.
        options: What is asked for each.
        form: What the tables hold.
        resume: Go on with what an interrupted run of the same call left, if there is anything.
        overwrite: Replace `out`, and what such a run left.
        on_progress: Called with how many are answered and about how many there are, again and again.

    Raises:
        UsageError: For what the engine cannot do, and where the interrupted run asked something else.
        StorageError: Where `out` is in the way, or what an interrupted run left, and neither `resume` nor `overwrite`.
    """
    started = time.perf_counter()
    out = Path(os.path.abspath(out))
    kind = writable_format(out)
    refuse_existing(out, overwrite=overwrite, is_ours=Path.is_file)
    _refuse_input(histories, out)
    work = Work(unfinished(out))
    recommend(index.catalogue, [], options)  # refused now, and not when all rows are read
    asked = _asked(index, histories, options, form)
    with explained_write(out), work.held(asked, resume=resume, overwrite=overwrite):
        done = _Run(index, histories, options, form, work, kind, on_progress).search()
        with staged_file(out, overwrite=overwrite) as staged:
            join_results([work.result(part, kind) for part in range(work.parts)], staged, kind)
        work.clear()
    done.seconds = time.perf_counter() - started
    return done


def _refuse_input(histories: Paths, out: Path) -> None:
    """Raises UsageError where the output would take the place of what is read."""
    for source in sources_of(histories, "The table"):
        if source.path is not None and out.exists() and source.path.samefile(out):
            raise UsageError(f"{out} is among the files of histories, and would be lost; name another file to write.")


def _asked(index: Index, histories: Paths, options: SearchOptions, form: HistoryForm) -> dict[str, Any]:
    """What makes two runs the same."""
    files = []
    for source in sources_of(histories, "The table"):
        about = source.path.stat() if source.path is not None else None
        files.append([source.name, about and about.st_size, about and about.st_mtime_ns])
    manifest = index.manifest
    return cast(dict[str, Any], json.loads(json.dumps({
        "index": [manifest.codes.fingerprint, manifest.commits, manifest.built_at],
        "histories": files,
        "options": {name: value for name, value in asdict(options).items() if name != "threads"},
        "form": asdict(form),
    }, default=str)))  # fmt: skip


@dataclass
class _Run:
    index: Index
    histories: Paths
    options: SearchOptions
    form: HistoryForm
    work: Work
    kind: str
    on_progress: OnHistories | None
    told: tuple[int, int] = (0, 0)

    def search(self) -> Searched:
        done = Searched()
        whole = None
        if not self.work.parts:
            parts = _parts_for(self.histories)
            if parts == 1:
                whole = self.form.whole(self.histories)
                self.work.parts = 1
            else:
                self.work.spread_over(parts, self._spread(parts))
        latest = _latest(whole) if whole is not None else self.work.latest
        for part in range(self.work.parts):
            if not self._count_again(part, done):
                frame = self._rows(part) if whole is None else whole
                self._answer(part, self.form.grouped(frame, latest), done)
            self._tell(done.histories, done.histories, part)
        return done

    def _tell(self, answered: int, histories: int, part: int) -> None:
        """What was answered, and of how many, about, if there are `histories` up to this part: others are as long."""
        now = answered, histories * self.work.parts // (part + 1)
        if self.on_progress is not None and now != self.told:
            self.told = now
            self.on_progress(*now)

    def _spread(self, parts: int) -> float | None:
        """Writes each row to the part of its user. Returns the latest time, where there are times."""
        import polars as pl

        latest = None
        with ExitStack() as files:
            opened = [files.enter_context(self.work.rows(part).open("wb")) for part in range(parts)]
            for frame in self.form.tables(self.histories, in_blocks=True):
                own = _latest(frame)
                latest = own if latest is None or own is None else max(latest, own)
                keyed = frame.with_columns((pl.col("user").hash(seed=0) % parts).alias("part"))
                for (part,), rows in keyed.partition_by("part", as_dict=True, include_key=False).items():
                    rows.write_csv(opened[int(part)], include_header=False, null_value=_NULL, quote_style="necessary")
                columns = frame.schema
            (self.work.path / "columns.json").write_text(json.dumps(list(columns)))
        return latest

    def _rows(self, part: int) -> "pl.DataFrame":
        import polars as pl

        names = json.loads((self.work.path / "columns.json").read_text())
        schema: dict[str, Any] = {name: pl.String if name in ("user", "item") else pl.Float64 for name in names}
        if not self.work.rows(part).stat().st_size:
            return pl.DataFrame(schema=schema)
        return pl.read_csv(self.work.rows(part), has_header=False, schema=schema, null_values=_NULL)

    def _answer(self, part: int, asked: Histories, done: Searched) -> None:
        def report(answered: int, _: int) -> None:
            self._tell(done.histories + answered, done.histories + len(asked), part)

        resolved = self.index.catalogue.resolve_all(asked.items, asked.weights, asked.seen)
        found = recommend(self.index.catalogue, resolved, self.options, report)
        frame = found.to_frame(asked.users, with_fallback=self.options.fallback == "popular")
        written = self.work.path / f"new.{self.kind}"
        write_results(frame, written, overwrite=True)
        written.replace(self.work.result(part, self.kind))
        counts = _counts(asked.users, found, frame.height) | {"xxh3": checksum(self.work.result(part, self.kind))}
        _add(done, counts)
        counted = self.work.path / "new.json"
        counted.write_text(json.dumps(counts))
        counted.replace(self.work.counts(part))

    def _count_again(self, part: int, done: Searched) -> bool:
        """Counts what an earlier run answered. Whether it did, and it is whole."""
        try:
            counts = read_json(self.work.counts(part))
            if counts["xxh3"] != checksum(self.work.result(part, self.kind)):
                return False
        except (OSError, StorageError, KeyError):
            return False
        _add(done, counts)
        done.before += counts["histories"]
        return True


def _parts_for(histories: Paths) -> int:
    size = 0
    for source in sources_of(histories, "The table"):
        if source.path is not None:
            packed = source.suffix == ".parquet" or source.path.suffix.lower() == ".gz"
            size += source.path.stat().st_size * (_PACKED if packed else 1)
    return max(1, min(MOST_PARTS, size // PART_BYTES))


def _latest(frame: "pl.DataFrame") -> float | None:
    return cast("float | None", frame["time"].max()) if "time" in frame.columns else None


def _counts(users: list[str], found: SearchResult, results: int) -> dict[str, Any]:
    unknown = dict.fromkeys(name for ranking in found.rankings for name in ranking.unknown)
    strangers = [user for user, ranking in zip(users, found.rankings, strict=True) if ranking.answer is None]
    return {
        "histories": len(users),
        "results": results,
        "promise": found.promise,
        "unknown": list(unknown)[:_NAMED],
        "strangers": [len(strangers), strangers[:_NAMED]],
        "empty": sum(not ranking.items for ranking in found.rankings),
    }


def _add(done: Searched, counts: dict[str, Any]) -> None:
    done.histories += counts["histories"]
    done.results += counts["results"]
    done.promises[counts["promise"]] += counts["histories"]
    done.unknown = list(dict.fromkeys([*done.unknown, *counts["unknown"]]))[:_NAMED]
    number, names = counts["strangers"]
    done.strangers = done.strangers[0] + number, [*done.strangers[1], *names][:_NAMED]
    done.empty += counts["empty"]
