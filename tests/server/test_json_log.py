"""The log holds JSON alone, whoever writes it."""

import asyncio
import json
import os
import subprocess
import sys
import threading

import pytest

from elsa_index.server.json_log import TroubleOfLoop

WRITERS = """
import logging, os, sys, threading, warnings
from elsa_index.server.guard import log
from elsa_index.server.json_log import log_as_json

with log_as_json():
    log.info("ours", extra={"items": 3})
    logging.getLogger("a.library").error("a library's")
    logging.getLogger("a.library").info("chatter")
    warnings.warn("a warning")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    print("with print", file=sys.stderr)
    sys.stderr.flush()
    os.write(2, "native code's: \\u00e9 \\x1b[2J\\n".encode() + b"\\xff\\n")
    os.write(2, b"x" * 10_000_000)  # more than anybody reads: nobody waits for it
print("afterwards", file=sys.stderr)
"""


def test_every_line_is_an_object_whoever_wrote_it():
    done = subprocess.run([sys.executable, "-c", WRITERS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]
    *lines, last = done.stderr.splitlines()
    assert last == "afterwards"
    read = [json.loads(line) for line in lines]
    told = " ".join(line["message"] for line in read)
    for text in ("ours", "a library's", "a warning", "a thread failed", "with print", "native code's: é \x1b[2J"):
        assert text in told
    assert "chatter" not in told
    assert "ZeroDivisionError" in next(line["exc_info"] for line in read if line["message"] == "a thread failed")
    assert {line["level"] for line in read} == {"INFO", "ERROR", "WARNING"}


def test_what_fails_again_and_again_is_told_once_a_minute(caplog):
    """As accepting a connection does while too many files are open: thousands of times a second."""
    tell = TroubleOfLoop()
    loop = asyncio.new_event_loop()
    try:
        for _ in range(1000):
            tell(loop, {"message": "socket.accept() out of system resource", "exception": OSError(24, "too many")})
        tell(loop, {"message": "another", "exception": None})
    finally:
        loop.close()
    assert [record.getMessage() for record in caplog.records] == ["socket.accept() out of system resource", "another"]


@pytest.mark.slow
def test_a_log_that_nobody_reads_any_more_costs_nothing():
    """Where the reader of the log ends, telling so must not be one more line of it, and so on."""
    program = """
import time
from elsa_index.server.guard import log
from elsa_index.server.json_log import log_as_json

with log_as_json():
    log.info("a line")
    time.sleep(1)
    before = time.process_time()
    time.sleep(1)
    print(time.process_time() - before < 0.3)
"""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=writer, text=True, timeout=60)
    os.close(writer)
    assert done.stdout.split() == ["True"]


UNREAD = """
import os, sys, time
from elsa_index.server.guard import log
from elsa_index.server.json_log import log_as_json

began = time.monotonic()
with log_as_json():
    for number in range(30_000):
        log.info("a line of the log that nobody reads", extra={"number": number})
print(time.monotonic() - began)
"""


@pytest.mark.slow
def test_a_log_that_nobody_reads_keeps_nobody_waiting():
    """Whoever started the service kept a pipe, and does not look at it."""
    running = subprocess.Popen(
        [sys.executable, "-c", UNREAD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert float(running.stdout.readline()) < 30
    assert running.wait(timeout=20) == 0
    lines = running.stderr.read().splitlines()
    assert 100 < len(lines) < 30_000
    assert [json.loads(line)["number"] for line in lines[:100]] == list(range(100))


LATER = """
import os, sys, time
from elsa_index.server.guard import log
from elsa_index.server.json_log import log_as_json

with log_as_json():
    for number in range(30_000):
        log.info("a line", extra={"number": number})
    print("written", flush=True)
    sys.stdin.readline()
    time.sleep(1)
    log.info("the last one")
"""


def test_lines_that_were_lost_are_told():
    running = subprocess.Popen(
        [sys.executable, "-c", LATER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "written\n"
    reading: list[str] = []
    thread = threading.Thread(target=lambda: reading.extend(running.stderr or ()))
    thread.start()
    running.stdin.write("\n")
    running.stdin.close()
    assert running.wait(timeout=60) == 0
    thread.join()
    read = [json.loads(line) for line in reading]
    assert read[-1]["message"] == "the last one"
    lost = [line["lines"] for line in read if line["message"] == "lines of the log were lost, as nobody read it"]
    assert sum(lost) + [line["message"] for line in read].count("a line") == 30_000
    assert lost
