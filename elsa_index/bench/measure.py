"""Measuring indexes: size, memory, latency, throughput, overlap with exact answers, quality."""

import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from ..errors import MissingExtraError, UsageError
from ..metrics import mean_overlap
from ..storage.ids import Rows
from .options import BenchOptions
from .processes import Process, ProcessError
from .questions import Questions

WARM_UP = 20
TIMED_QUERIES = 300
QUIET = 1.1
"""Medians of rounds that differ by more than this factor say that the machine was busy with something else."""
_PACKAGES = ("elsa-index", "numpy", "scipy", "pyserini", "JPype1", "faiss-cpu", "pyseismic-lsr")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """One index at one setting. ms: latency percentiles over all rounds; round_p50: the median of each round.
    rates: queries per second by threads, median of rounds. overlap: with exact answers on the same codes, None where no
    exact engine has them. quality: against hidden items, None without a split."""

    index: str
    setting: str
    ms: dict[str, float]
    round_p50: list[float]
    histogram_ms: list[float]
    rates: dict[str, float]
    overlap: float | None
    quality: dict[str, float] | None
    promise: str


@dataclass(frozen=True)
class Report:
    """indexes: what each is, its bytes by part, resident bytes, build seconds, cold open. machine: where and when.
    skipped: index -> why it could not be measured: its engine is not installed."""

    machine: dict[str, Any]
    k: int
    queries: int
    rounds: int
    indexes: list[dict[str, Any]]
    measured: list[Measured]
    skipped: dict[str, str]

    @property
    def quiet(self) -> bool:
        """Whether no setting's rounds differ by more than `QUIET`."""
        return all(max(one.round_p50) <= QUIET * min(one.round_p50) for one in self.measured)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"quiet": self.quiet}


def bench(
    paths: Sequence[Path],
    questions: Questions,
    *,
    k: int = BenchOptions.k,
    threads: Sequence[int] = BenchOptions.threads,
    rounds: int = BenchOptions.rounds,
    say: Say = lambda _: None,
) -> Report:
    """Asks every index at every setting, each index in a process of its own, one query of each in turns.

    Latencies are taken with one thread, `TIMED_QUERIES` queries per round; throughput with as many at once; overlap and
    quality of all queries.

    Raises UsageError for parameters out of range.
    """
    if not paths:
        raise UsageError("Name at least one index to measure.")
    BenchOptions(k, threads, rounds)
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        raise UsageError(f"The indexes must have different names, got {', '.join(names)}; rename one directory.")
    with ExitStack() as stack:
        subjects: dict[str, Process] = {}
        abouts: list[dict[str, Any]] = []
        skipped: dict[str, str] = {}
        for path in paths:
            try:
                process = stack.enter_context(
                    Process("elsa_index.bench.subject:subject", str(path), questions, k, threads=max(threads))
                )
            except ProcessError as error:
                if error.kind != MissingExtraError.__name__:
                    raise
                skipped[path.name] = str(error)
                say(f"{path.name}: skipped: {error}")
                continue
            subjects[path.name] = process
            abouts.append(process.ask(("about",)))
            say(f"{path.name}: {abouts[-1]['engine']}, {len(abouts[-1]['settings'])} settings")
        if not subjects:
            raise UsageError(f"None of the indexes can be measured: {'; '.join(skipped.values())}")
        pairs = [(about["name"], setting) for about in abouts for setting in about["settings"]]
        options = {(about["name"], name): values for about in abouts for name, values in about["settings"].items()}
        times = _latencies(subjects, pairs, options, len(questions), rounds, say)
        for about in abouts:
            about["resident_bytes"] = subjects[about["name"]].ask(("memory",))
        found = _throughputs(subjects, pairs, options, threads, rounds, say)
    truths = _truths(abouts, found)
    measured = []
    for pair in pairs:
        index = next(about for about in abouts if about["name"] == pair[0])
        truth = truths.get(index["fingerprint"])
        rows = found[pair]["rows"]
        measured.append(
            Measured(
                *pair,
                ms={f"p{at}": float(np.percentile(times[pair], at)) for at in (50, 95, 99)},
                round_p50=[float(np.median(part)) for part in times[pair]],
                histogram_ms=[float(value) for value in np.percentile(times[pair], np.arange(1, 100))],
                rates={str(count): median(found[pair]["rates"][count]) for count in threads},
                overlap=None if truth is None else mean_overlap(rows, truth),
                quality=found[pair]["quality"],
                promise=found[pair]["promise"],
            )
        )
    return Report(_machine(threads), k, len(questions), rounds, abouts, measured, skipped)


def _latencies(
    subjects: dict[str, Process],
    pairs: list[tuple[str, str]],
    options: dict[tuple[str, str], dict[str, Any]],
    queries: int,
    rounds: int,
    say: Say,
) -> dict[tuple[str, str], np.ndarray]:
    """(rounds, queries) milliseconds of each setting.

    The first queries of each warm it up and are not counted; nor is one query at the beginning of each index's turn,
    since the other processes have emptied the caches meanwhile, which would count against what comes first.
    """
    asked = min(queries, TIMED_QUERIES)
    times = {pair: np.zeros((rounds, asked)) for pair in pairs}
    begins = {next(pair for pair in pairs if pair[0] == name) for name in subjects}
    for at in range(WARM_UP):
        for pair in pairs:
            subjects[pair[0]].ask(("one", options[pair], at % queries))
    for turn in range(rounds):
        for at in range(asked):
            for pair in pairs:
                if pair in begins:
                    subjects[pair[0]].ask(("one", options[pair], (at + 1) % queries))
                times[pair][turn, at] = subjects[pair[0]].ask(("one", options[pair], at))
        say(f"latency: round {turn + 1} of {rounds}")
    return times


def _throughputs(
    subjects: dict[str, Process],
    pairs: list[tuple[str, str]],
    options: dict[tuple[str, str], dict[str, Any]],
    threads: Sequence[int],
    rounds: int,
    say: Say,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows, promise and quality of each setting, and its queries per second, one of each round, by threads."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for pair in pairs:
        found[pair] = subjects[pair[0]].ask(("all", options[pair], max(threads)))
        found[pair]["rates"] = {count: [] for count in threads}
    say("overlap and quality: done")
    for turn in range(rounds):
        for pair in pairs:
            for count in threads:
                rate = subjects[pair[0]].ask(("rate", options[pair], count, TIMED_QUERIES))
                found[pair]["rates"][count].append(rate)
        say(f"throughput: round {turn + 1} of {rounds}")
    return found


def _truths(abouts: list[dict[str, Any]], found: dict[tuple[str, str], dict[str, Any]]) -> dict[str, list[Rows]]:
    """Exact rows by the codes' fingerprint, from the first index that has them exactly."""
    truths: dict[str, list[Rows]] = {}
    for about in abouts:
        for setting in about["settings"]:
            reply = found[about["name"], setting]
            if reply["promise"].startswith("exact"):
                truths.setdefault(about["fingerprint"], reply["rows"])
    return truths


def _machine(threads: Sequence[int]) -> dict[str, Any]:
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": packages,
        "threads": list(threads),
    }


def _processor() -> str:
    """The processor's name, which Linux keeps in a file of its own."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
