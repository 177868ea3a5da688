"""python -m tests.fuzz READER [--minutes 1] [--seed 1] [--keep DIRECTORY]

READER is one of `readers.NAMES`, or the beginning of some: `log`, `index-`; all where there is none. Prints a line of
JSON per reader: inputs, how many were read and refused, and what was wrong: exceptions that users should not see,
inputs that took long or much memory, and deaths of the process that reads. Such inputs are kept in DIRECTORY; their
first line names the file that was changed. Those of mended faults go to tests/fuzz/corpus/READER and are tried every
time. Exit status 1 where something was wrong.
"""

import argparse
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_SLOW, _LARGE = 20.0, 3 << 30
"""Seconds, and bytes, that no small input should take."""


def work_on(name: str, folder: Path, seconds: float, seed: int) -> None:
    """In a process of its own: tries inputs until time is up; what it is at lies in `folder`/input."""
    import hypothesis
    from hypothesis import strategies as st

    from elsa_index.errors import ElsaIndexError

    from .mutations import mutated
    from .readers import CORPUS, reader

    (folder / "good").mkdir()
    (folder / "tries").mkdir()
    fuzzed = reader(name, folder / "good")
    for path in sorted((CORPUS / name).glob("*")):
        inside, _, content = path.read_bytes().partition(b"\n")
        fuzzed.seeds[inside.decode()].append(content)
    outcomes: Counter[str] = Counter()

    def attempt(inside: str, content: bytes) -> None:
        (folder / "input").write_bytes(inside.encode() + b"\n" + content)
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
        began = time.monotonic()
        try:
            fuzzed.read(fuzzed.place(inside, content, folder / "tries"))
            outcome = "read"
        except ElsaIndexError:
            outcome = "refused"
        except Exception as error:
            outcome = f"wrong: {type(error).__name__}: {error}"[:300]
        if time.monotonic() - began > _SLOW:
            outcome = f"wrong: it took {time.monotonic() - began:.0f} s"
        if _peak() > base + _LARGE:
            outcome = "wrong: it took gigabytes"
        outcomes[outcome] += 1
        if outcome.startswith("wrong"):
            shutil.copy(folder / "input", folder / f"wrong-{hashlib.sha256(content).hexdigest()[:12]}")
        with (folder / "outcomes.json").open("w") as file:
            json.dump(outcomes, file)

    base = _peak()
    until = time.monotonic() + seconds
    for changed_file, contents in fuzzed.seeds.items():
        for seed_content in contents:
            attempt(changed_file, seed_content)
    # Half of the changes go to the largest files: a directory has many small ones.
    largest = sorted(fuzzed.seeds, key=lambda inside: -len(fuzzed.seeds[inside][0]))[:4]
    which = st.sampled_from(largest) | st.sampled_from(sorted(fuzzed.seeds))
    changed = which.flatmap(lambda inside: st.tuples(st.just(inside), mutated(fuzzed.seeds[inside])))
    while time.monotonic() < until:
        settings = hypothesis.settings(
            max_examples=200,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )

        @hypothesis.seed(seed)
        @settings
        @hypothesis.given(changed)
        def batch(given: tuple[str, bytes]) -> None:
            if time.monotonic() < until:
                attempt(*given)

        batch()
        seed += 1000


def _peak() -> int:
    """Bytes of memory that this process had at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def fuzz(name: str, seconds: float, seed: int, keep: Path) -> dict[str, Any]:
    """Tries inputs for so long, in processes that are started again when they die."""
    until = time.monotonic() + seconds
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        while (left := until - time.monotonic()) > 0:
            folder = Path(directory) / str(seed)
            folder.mkdir()
            command = [sys.executable, "-m", "tests.fuzz", name, "--child", str(folder)]
            command += ["--minutes", str(max(left, 1) / 60), "--seed", str(seed)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=left + 120)
                status, said = done.returncode, done.stderr[-300:]
            except subprocess.TimeoutExpired:
                status, said = -signal.SIGALRM, "it never ended"
            if (folder / "outcomes.json").exists():
                total.update(json.loads((folder / "outcomes.json").read_text() or "{}"))
            wrong = list(folder.glob("wrong-*"))
            if status:
                total[f"wrong: died, {status}: {said}"] += 1
                wrong += [path for path in [folder / "input"] if path.exists()]
            for path in wrong:
                target = keep / name / hashlib.sha256(path.read_bytes()).hexdigest()[:12]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
            seed += 1
    wrong_ones = {outcome: count for outcome, count in total.items() if outcome.startswith("wrong")}
    return {
        "reader": name,
        "inputs": sum(total.values()),
        "read": total["read"],
        "refused": total["refused"],
        "wrong": wrong_ones,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", nargs="*")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="readers at the same time")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        work_on(given.reader[0], given.child, given.minutes * 60, given.seed)
        return
    from .readers import NAMES

    names = [name for name in NAMES if not given.reader or name.startswith(tuple(given.reader))]
    if not names:
        parser.error(f"no reader begins with {', '.join(given.reader)}")
    failed = False
    with ThreadPoolExecutor(given.jobs) as pool:
        for found in pool.map(lambda name: fuzz(name, given.minutes * 60, given.seed, given.keep), names):
            print(json.dumps(found), flush=True)
            failed |= bool(found["wrong"])
    sys.exit(failed)


if __name__ == "__main__":
    main()
