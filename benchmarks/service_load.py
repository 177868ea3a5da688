"""The HTTP service under load: `wrk` on loopback, 32 connections, histories of held-out users; then the same while the
index is swapped ten times. Command: python -m benchmarks.service_load INDEX SPLIT [--seconds 60]

Needs wrk (Debian: apt install wrk). One process serves, with as many searching threads as there are processors; wrk has
one thread. Resident memory is read 10 s after the load began, when everything was touched once, and at its end.
"""

import argparse
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

import psutil

import elsa_index as ei

from .records import update

CONNECTIONS = 32
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
  io.write(string.format('{"requests":%%d,"seconds":%%f,"errors":%%d,"median_ms":%%f,"p95_ms":%%f,"p99_ms":%%f,' ..
    '"max_ms":%%f}\\n', summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
"""


class Service:
    """`elsa-index serve` on a free port, in a process of its own."""

    def __init__(self, index: Path, log: Path) -> None:
        program = str(Path(sys.executable).with_name("elsa-index"))
        with log.open("wb") as file:
            self.process = subprocess.Popen([program, "serve", str(index), "--port", "0"], stderr=file)
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
    def resident(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss

    def swaps(self) -> dict[str, int]:
        """How many swaps were done and how many failed, from the service's own metrics."""
        text = urllib.request.urlopen(f"{self.url}/metrics").read().decode()  # noqa: S310
        found = re.findall(r'elsa_index_swaps_total\{outcome="(\w+)"\} ([\d.]+)', text)
        return {outcome: int(float(count)) for outcome, count in found}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def loaded(service: Service, script: Path, seconds: int, swaps: int) -> dict:
    """One run of wrk; while it runs, `swaps` SIGHUPs evenly over its time."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), service.url]
    stop = threading.Event()

    def hang_up() -> None:
        for _ in range(swaps):
            if stop.wait(seconds / (swaps + 1)):
                return
            os.kill(service.process.pid, signal.SIGHUP)

    swapping = threading.Thread(target=hang_up)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        swapping.start()
        time.sleep(min(SETTLED, seconds / 2))
        settled = service.resident
        out, _ = running.communicate()
        stop.set()
        swapping.join()
    found = json.loads(out.strip().splitlines()[-1])
    time.sleep(1)
    return found | {"resident_settled": settled, "resident_end": service.resident, "swaps": service.swaps()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt install wrk")
    histories = ei.Split.load(given.split).histories.group_by("user_id", "fold", maintain_order=True).agg("item_id")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        bodies = [json.dumps({"history": items, "k": K}) for items in histories["item_id"].to_list()[:HISTORIES]]
        (directory / "bodies.jsonl").write_text("\n".join(bodies) + "\n")
        (directory / "load.lua").write_text(SCRIPT % (directory / "bodies.jsonl"))
        for kind, swaps in (("steady", 0), ("swapping", SWAPS)):
            service = Service(given.index, directory / f"{kind}.log")
            try:
                row = loaded(service, directory / "load.lua", given.seconds, swaps)
            finally:
                status = service.stop()
            row |= {"run": kind, "connections": CONNECTIONS, "k": K, "exit_status": status}
            print(json.dumps(row))
            update("service", row, ["run"])


if __name__ == "__main__":
    main()
