"""A process that makes one change and is killed while it does.

Command: python -m tests.changes.killed INDEX CHANGE, where CHANGE is JSON: {"delete": [ids]}, {"compact": []} or
{"upsert": [directory of codes]}. It says "go" on standard output just before.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import elsa_index as ei

ROOT = Path(__file__).parents[2]


def kill_while(path: Path, change: dict[str, list[str]], after: float) -> None:
    """Makes a change in a process that is killed so many seconds after it began, unless it has ended by then."""
    command = [sys.executable, "-m", "tests.changes.killed", str(path), json.dumps(change)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)


def main() -> None:
    path, change = sys.argv[1], json.loads(sys.argv[2])
    ((what, given),) = change.items()
    codes = ei.load_codes(given[0]) if what == "upsert" else None
    with ei.Index.open(path) as index:
        index.search([[index.ids[0]]], 1)  # Java has started
    print("go", flush=True)
    if codes is not None:
        ei.upsert(path, codes)
    elif what == "delete":
        ei.delete(path, given)
    else:
        ei.compact(path)


if __name__ == "__main__":
    main()
