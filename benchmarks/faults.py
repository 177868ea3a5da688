"""Faults injected, and what was seen: files damaged, indexes opened while they are replaced and tuned, codes made to be
ranked wrongly, readers fuzzed.

Command: python -m benchmarks.faults [damage opens exactness fuzz]                                    (seed 1; an hour)

Damage is one change at a time, in a copy: bits of every file flipped (half of them in the first 128 bytes), files cut
short, another index's file put in, with honest checksums and with checksums made anew as an attacker would. Nothing
that was done to files may end the process. Where checksums are made anew it is another index that somebody wrote: its
answers may differ.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import numpy as np
import polars as pl

import elsa_index as ei
from tests.catalogue.test_damage import write_two
from tests.catalogue.test_many_writers import two_catalogues
from tests.engines.test_adversarial import run as check_exactness
from tests.fuzz.__main__ import fuzz
from tests.fuzz.readers import NAMES
from tests.support.adversarial import Case, cases
from tests.support.catalogues import make_tastes
from tests.support.damage import counts, outcomes

from .records import update

DAMAGED = (
    ("model", ""), ("checkpoint", ""),
    ("index", "exact"), ("index", "lucene"), ("index", "none"), ("index", "faiss-flat"),
)  # fmt: skip
EXACT = (("lucene", "float16"), ("lucene", "int8"), ("exact", "float16"), ("faiss-flat", "float32"))
_OVERWRITE_AND_TUNE = """
import itertools, sys
import elsa_index as ei
codes = [ei.ItemCodes.load(path) for path in sys.argv[2:4]]
for turn in itertools.count():
    own = codes[turn % 2]
    with ei.Index.build(own, sys.argv[1], overwrite=True, segments=None) as index:
        try:
            index.tune([[own.ids[at]] for at in range(10)], 0.9)
        except ei.StorageError:  # it was replaced meanwhile
            pass
"""
_TUNE = """
import sys
import elsa_index as ei
while True:
    try:
        with ei.Index.open(sys.argv[1]) as index:
            index.tune([[index.ids[at]] for at in range(10)], 0.9)
    except ei.StorageError:
        pass
"""


def record(what: str, how: str, tries: Counter[str]) -> None:
    """tries: how many were `refused`, went as if nothing was (`the same`), gave `other answers`, or anything else."""
    known = {"refused": tries["refused"], "same": tries["the same"], "other": tries["other answers"]}
    total = sum(tries.values())
    seen = {outcome: count for outcome, count in tries.items() if outcome not in _ALLOWED}
    row = {"what": what, "how": how, "tries": total} | known | {"wrong": total - sum(known.values()), "seen": seen}
    print(json.dumps(row), flush=True)
    update("faults", row, ["what", "how"])


_ALLOWED = ("refused", "the same", "other answers")


def damage(flips: int) -> None:
    rng = np.random.default_rng(1)
    users, items = (pl.Series(rng.integers(0, count, 900)).cast(pl.String) for count in (40, 30))
    interactions = ei.Interactions.from_pairs(users, items)
    for kind, engine in DAMAGED:
        with tempfile.TemporaryDirectory() as directory:
            write_two(kind, engine, make_tastes(), interactions, Path(directory))
            for how, named in (("keep", "checksums honest"), ("reseal", "checksums made anew")):
                tries = outcomes(kind, Path(directory) / "a", Path(directory) / "b", flips=flips, how=how)
                name = f"every file of {'an index' if kind == 'index' else f'a {kind}'}{_of(engine)} damaged"
                record(name, named, Counter(counts(tries)))


def _of(engine: str) -> str:
    return f", {'lucene without stored codes' if engine == 'none' else engine}" if engine else ""


@contextmanager
def running(*programs: list[str]) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", *program], stderr=subprocess.DEVNULL) for program in programs]
    try:
        yield
        if any(process.poll() is not None for process in processes):
            raise SystemExit("a process that builds or tunes has ended")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def opens(count: int) -> None:
    tries: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/i"
        expected = {}
        for letter, codes in zip("ab", two_catalogues(), strict=True):
            codes.save(f"{directory}/{letter}")
            with ei.Index.build(codes, path, overwrite=True, segments=None) as index:
                expected[codes.fingerprint] = index.search([[codes.ids[0]]], 5, exact=True).ids.tolist()
        with running([_OVERWRITE_AND_TUNE, path, f"{directory}/a", f"{directory}/b"], [_TUNE, path]):
            while sum(tries.values()) < count:
                try:
                    with ei.Index.open(path) as index:
                        found = index.search([[index.ids[0]]], 5, exact=True).ids.tolist()
                        whole = found == expected[index.manifest.codes.fingerprint]
                        tries["the same" if whole else "a mixture"] += 1
                except ei.ElsaIndexError as error:
                    tries["refused" if "was replaced 20 times" in str(error) else str(error)[:200]] += 1
        ei.Index.open(path).close()
    record("an index opened", "while one process replaces and tunes it and another one tunes it", tries)


def exactness(count: int) -> None:
    """Codes with equal rows, sums that round, norms and weights far apart, against sums without any rounding."""
    for engine, store in EXACT:
        tries: Counter[str] = Counter()
        for seed in range(1, 1 + count // 125):  # a hypothesis test gets slower the longer it runs
            ask(engine, store, seed, tries)
        record(f"codes made to be ranked wrongly, {engine}", f"{store}, against sums without rounding", tries)


def ask(engine: str, store: str, seed: int, tries: Counter[str]) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=125,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=cases())
    def check(case: Case) -> None:
        try:
            check_exactness(engine, store, case)
            tries["the same"] += 1
        except AssertionError:
            tries["another ranking"] += 1

    check()


def fuzzing(minutes: float) -> None:
    with ThreadPoolExecutor(2) as pool:
        all_found = list(pool.map(lambda name: fuzz(name, 60 * minutes, 1, Path("fuzz-found")), NAMES))
    for name, found in zip(NAMES, all_found, strict=True):
        tries = Counter({"refused": found["refused"], "the same": found["read"]} | found["wrong"])
        record(f"the reader {name} fuzzed", f"for {minutes:g} minutes", tries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["damage", "opens", "exactness", "fuzz", []])
    parser.add_argument("--flips", type=int, default=60)
    parser.add_argument("--opens", type=int, default=2000)
    parser.add_argument("--codes", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=1)
    given = parser.parse_args()
    parts = {
        "opens": lambda: opens(given.opens),
        "damage": lambda: damage(given.flips),
        "exactness": lambda: exactness(given.codes),
        "fuzz": lambda: fuzzing(given.minutes),
    }
    for name, part in parts.items():
        if not given.parts or name in given.parts:
            began = time.monotonic()
            part()
            print(f"{name}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
