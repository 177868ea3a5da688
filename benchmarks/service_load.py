"""The HTTP service under load: `wrk` on loopback, histories of held-out users.

Command: python -m benchmarks.service_load INDEX SPLIT [--name NAME] [--workers 1,2] [--before CHECKOUT] [--seconds 60]
                                           [--rounds 3] [--runs overloaded,…]

Needs wrk (Debian: apt install wrk), which has one thread. Runs: 32 connections; the same while the index is swapped ten
times; with a worker killed in the middle, if there are several; and 500 connections where requests may wait for 100 ms.
Each round has them in turn, the latter two in the first one only; the table has medians, the smallest and the largest.
CHECKOUT: a directory of an older version, asked in turn with this one (steady). Resident memory, of all processes, is
read 10 s after the load began, when everything was touched once, and at its end. One more connection asks an overloaded
service every 10 ms: its times are of what it was answered, and of what it was refused.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import elsa_index as ei

from .records import update

CONNECTIONS = 32
OVERLOAD, DEADLINE = 500, 0.1
SWAPS = 10
SETTLED = 10.0  # seconds after which resident memory is first read
HISTORIES = 2000
K = 20

# Each request asks for the next history; at the end one line of JSON.
SCRIPT = """
local bodies = {}
for line in io.lines("%s") do bodies[#bodies + 1] = line end
local at = 0
local headers = {["content-type"] = "application/json"}
function request()
  at = at %% #bodies + 1
  return wrk.format("POST", "/v1/recommend", headers, bodies[at])
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests":%%d,"seconds":%%f,"errors":%%d,"refused":%%d,"median_ms":%%f,"p95_ms":%%f,' ..
    '"p99_ms":%%f,"max_ms":%%f}\\n', summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.timeout,
    e.status, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3))
end
"""


class Service:
    """`elsa-index serve` on a free port, in processes of its own. checkout: of another version."""

    def __init__(self, index: Path, log: Path, *options: str, checkout: Path | None = None) -> None:
        program = [str(Path(sys.executable).with_name("elsa-index"))]
        environment, folder = dict(os.environ), None
        if checkout is not None:
            program = [sys.executable, "-c", "from elsa_index_cli.main import main; main()"]
            environment["PYTHONPATH"], folder = f"{checkout}:{checkout / 'cli'}", checkout
        command = [*program, "serve", str(index.absolute()), "--port", "0", *options]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stderr=file, env=environment, cwd=folder)
        self._log = log
        self.url = self._wait_for_url()

    def _wait_for_url(self) -> str:
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            if found := re.search(r'"url": ?"([^"]+)"', self._log.read_text()):
                return found[1].rstrip("/")
            time.sleep(0.1)
        raise RuntimeError(f"the service did not start: {self._log.read_text()[-2000:]}")

    @property
    def _processes(self) -> list[psutil.Process]:
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    @property
    def resident(self) -> int:
        return sum(process.memory_info().rss for process in self._processes)

    def kill_one(self) -> None:
        """One of the workers, by SIGKILL."""
        next(one for one in self._processes[1:] if "multiprocessing.spawn" in " ".join(one.cmdline())).kill()

    def swaps(self) -> dict[str, int]:
        """How many swaps were done and how many failed, from the service's own metrics."""
        text = urllib.request.urlopen(f"{self.url}/metrics").read().decode()  # noqa: S310
        found = re.findall(r'elsa_index_swaps_total\{outcome="(\w+)"\} ([\d.]+)', text)
        return {outcome: int(float(count)) for outcome, count in found}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def loaded(
    service: Service,
    script: Path,
    seconds: int,
    *,
    swaps: int = 0,
    kills: int = 0,
    connections: int = CONNECTIONS,
    probe: str | None = None,
) -> dict[str, Any]:
    """One run of wrk; while it runs, `swaps` SIGHUPs and `kills` evenly over its time. probe: a body that one more
    connection asks."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), service.url]
    stop = threading.Event()

    def disturb() -> None:
        for _ in range(swaps + kills):
            if stop.wait(seconds / (swaps + kills + 1)):
                return
            if kills:
                service.kill_one()
            else:
                os.kill(service.process.pid, signal.SIGHUP)

    probed: dict[int, list[float]] = {200: [], 503: []}

    def ask(body: str) -> None:
        connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=10)
        while not stop.wait(0.01):
            began = time.perf_counter()
            connection.request("POST", "/v1/recommend", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            probed[answer.status].append(1000 * (time.perf_counter() - began))

    disturbing = threading.Thread(target=disturb if probe is None else lambda: ask(probe))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        disturbing.start()
        time.sleep(min(SETTLED, seconds / 2))
        settled = service.resident
        out, _ = running.communicate()
        stop.set()
        disturbing.join()
    found = json.loads(out.strip().splitlines()[-1])
    time.sleep(1)
    found |= {f"probe_{status}": _percentiles(times) for status, times in probed.items() if times}
    return found | {"resident_settled": settled, "resident_end": service.resident, "swaps": service.swaps()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--name", default="")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--before", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", help="some of the runs, by their names in the table, separated by commas")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt install wrk")
    histories = ei.Split.load(given.split).histories.group_by("user_id", "fold", maintain_order=True).agg("item_id")
    wanted = given.runs.split(",") if given.runs else []
    workers = list(map(int, given.workers.split(",")))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        bodies = [json.dumps({"history": items, "k": K}) for items in histories["item_id"].to_list()[:HISTORIES]]
        (directory / "bodies.jsonl").write_text("\n".join(bodies) + "\n")
        (directory / "load.lua").write_text(SCRIPT % (directory / "bodies.jsonl"))
        runs: list[tuple[str, int, dict[str, Any]]] = [("before", 1, {})] if given.before else []
        runs += [("steady", count, {}) for count in workers] + [("swapping", workers[-1], {"swaps": SWAPS})]
        runs += [("a worker killed", workers[-1], {"kills": 1})] if workers[-1] > 1 else []
        runs += [("overloaded", workers[-1], {"connections": OVERLOAD - 1, "probe": bodies[0]})]
        rounds: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for number in range(given.rounds):
            for kind, count, how in runs:
                if (number and kind in ("a worker killed", "overloaded")) or (wanted and kind not in wanted):
                    continue
                options = ["--deadline", str(DEADLINE)] if kind == "overloaded" else []
                options += ["--workers", str(count)] if count > 1 else []
                checkout = given.before.absolute() if kind == "before" else None
                service = Service(given.index, directory / "log", *options, checkout=checkout)
                try:
                    row = loaded(service, directory / "load.lua", given.seconds, **how)
                finally:
                    status = service.stop()
                row |= {"exit_status": status, "per_second": row["requests"] / row["seconds"]}
                print(json.dumps({"run": kind, "workers": count} | row), flush=True)
                done = rounds.setdefault((kind, count), [])
                done.append(row)
                about = {"name": given.name, "run": kind, "workers": count, "k": K, "rounds": done}
                update("service", about, ["name", "run", "workers"])


def _percentiles(times: list[float]) -> dict[str, float]:
    return {"requests": len(times)} | {f"p{share}_ms": float(np.percentile(times, share)) for share in (50, 99)}


if __name__ == "__main__":
    main()
