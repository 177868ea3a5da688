"""The HTTP service while others misuse it: what a well-behaved client sees, alone and beside each of them.

Command: python -m benchmarks.service_abuse INDEX SPLIT [--requests 1000]                          (three minutes)

The client asks for a held-out user's items every 5 ms on one kept connection. Beside it are 1,000 connections that send
nothing; 200 bodies that stop after 60 KB of 8 MB; 50 bodies a second from ten other processes: of 700,000 keys, of
100,000 lists inside each other, of 15,000 groups of lists, and of items with keys that there are not.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import elsa_index as ei

from .records import update
from .service_load import Service

K, PAUSE, HISTORIES = 20, 0.005, 500
IDLE, STALLED, ATTACKERS, PER_SECOND = 1000, 200, 10, 50
HEADERS = {"content-type": "application/json"}
STALLED_REQUEST = (
    b"POST /v1/recommend HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: 7999999\r\n\r\n" + b" " * 60_000
)
Where = tuple[str, int]


def bodies() -> list[bytes]:
    """Wide, deep, and wrong in many places."""
    wrong = [{"item_id": str(at), "a": 1, "b": 2, "c": 3} for at in range(9_000)]
    return [
        b"{" + b",".join(b'"%d":1' % at for at in range(700_000)) + b"}",
        b'{"history":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"history":[' + b",".join([b"[" * 14 + b"]" * 14] * 15_000) + b"]}",
        json.dumps({"history": wrong}).encode(),
    ]


def _send(where: Where, body: bytes, statuses: Any) -> None:
    """One attacker: its share of bodies a second, each on a connection of its own."""
    while True:
        began = time.monotonic()
        connection = http.client.HTTPConnection(*where, timeout=60)
        try:
            connection.request("POST", "/v1/recommend", body, HEADERS)
            statuses.put(connection.getresponse().status)
        except OSError:
            statuses.put(0)
        connection.close()
        time.sleep(max(0.0, ATTACKERS / PER_SECOND - (time.monotonic() - began)))


@contextmanager
def nobody(where: Where) -> Iterator[Callable[[], list[int]]]:
    yield list


@contextmanager
def idle(where: Where) -> Iterator[Callable[[], list[int]]]:
    silent = [socket.create_connection(where) for _ in range(IDLE)]
    yield list
    for connection in silent:
        connection.close()


@contextmanager
def stalled(where: Where) -> Iterator[Callable[[], list[int]]]:
    waiting = [socket.create_connection(where) for _ in range(STALLED)]
    for connection in waiting:
        connection.sendall(STALLED_REQUEST)
    yield list
    for connection in waiting:
        connection.close()


@contextmanager
def wide_and_deep(where: Where) -> Iterator[Callable[[], list[int]]]:
    context = multiprocessing.get_context("spawn")
    made, statuses = bodies(), context.SimpleQueue()
    attackers = [
        context.Process(target=_send, args=(where, made[at % len(made)], statuses), daemon=True)
        for at in range(ATTACKERS)
    ]
    for attacker in attackers:
        attacker.start()
    time.sleep(5)  # until all of them are there

    def answered() -> list[int]:
        found = []
        while not statuses.empty():
            found.append(statuses.get())
        return found

    answered()
    yield answered
    for attacker in attackers:
        attacker.kill()
        attacker.join()


BESIDE: dict[str, Callable[[Where], AbstractContextManager[Callable[[], list[int]]]]] = {
    "nobody": nobody,
    f"{IDLE:,} silent connections": idle,
    f"{STALLED} stalled bodies": stalled,
    f"{PER_SECOND} wide and deep bodies a second": wide_and_deep,
}


def asked(where: Where, histories: list[list[str]], requests: int) -> dict[str, Any]:
    """What the well-behaved client sees."""
    connection = http.client.HTTPConnection(*where, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times, wrong = [], 0
    for at in range(requests):
        body = json.dumps({"history": histories[at % len(histories)], "k": K})
        began = time.perf_counter()
        connection.request("POST", "/v1/recommend", body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        times.append(1000 * (time.perf_counter() - began))
        wrong += answer.status != 200
        time.sleep(PAUSE)
    connection.close()
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99), "max_ms": max(times), "not_200": wrong}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--requests", type=int, default=1000)
    given = parser.parse_args()
    histories = ei.Split.load(given.split).histories.group_by("user_id", "fold", maintain_order=True).agg("item_id")
    lists = histories["item_id"].to_list()[:HISTORIES]
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        service = Service(given.index, log)
        host, port = service.url.removeprefix("http://").split(":")
        files = Path(f"/proc/{service.process.pid}/fd")
        asked((host, int(port)), lists, 200)
        before = len(os.listdir(files))
        for beside, attack in BESIDE.items():
            began = time.monotonic()
            with attack((host, int(port))) as answered:
                row = {"beside": beside} | asked((host, int(port)), lists, given.requests)
                statuses = answered()
                row |= {"attack_answered": len(statuses), "attack_5xx": sum(status >= 500 for status in statuses)}
                row["attack_seconds"] = time.monotonic() - began
            time.sleep(3)
            row |= {"files_before": before, "files_after": len(os.listdir(files)), "resident": service.resident}
            print(json.dumps(row))
            update("service_abuse", row, ["beside"])
        if service.stop():
            raise SystemExit("the service did not end well")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        wrong = [line for line in lines if line["level"] not in ("INFO", "WARNING") or line.get("status", 0) >= 500]
        if wrong:
            raise SystemExit(f"{len(wrong)} lines of its log tell of failures, the first: {wrong[0]}")


if __name__ == "__main__":
    main()
