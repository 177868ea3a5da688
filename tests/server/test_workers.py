"""Several processes behind one port: what one changes all serve, and one that dies is replaced."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import elsa_index as ei

from ..support.catalogues import make_tastes
from .test_process import Process

pytestmark = pytest.mark.slow  # processes of their own, with their own Java
TOKEN = "a-token-of-enough-characters"


@pytest.fixture
def process(served, tmp_path):
    shutil.copytree(served, tmp_path / "i")
    started = Process(tmp_path / "i", tmp_path / "log", "--workers", "3", ELSA_INDEX_TOKEN=TOKEN)
    yield started
    for one in [*workers(started), started.process]:
        if one.poll() is None if hasattr(one, "poll") else one.is_running():
            one.kill()


def workers(process):
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # or a zombie
                if "multiprocessing.spawn" in " ".join(child.cmdline()):
                    found.append(child)
    return found


def post(process, path, body):
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(process.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def metric(process, name):
    headers = {"authorization": f"Bearer {TOKEN}"}
    with urllib.request.urlopen(urllib.request.Request(f"{process.url}/metrics", headers=headers)) as answer:
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)", answer.read().decode(), re.M)
    return sum(map(float, found))


def recommended(process, times=30):
    """Of connections of their own, so that each worker answers some."""
    body = {"history": ["t0-1"], "k": 200}
    return [[item["item_id"] for item in post(process, "/v1/recommend", body)["items"]] for _ in range(times)]


def answering(process):
    return {line["worker"] for line in process.lines() if line["message"] == "request"}


def test_all_answer_and_what_one_changes_all_serve(process, tmp_path):
    for at in range(4):
        post(process, "/v1/items/exclude", {"add": [f"t0-{at + 10}"]})
        assert not any(f"t0-{at + 10}" in items for items in recommended(process))
        post(process, "/v1/items/delete", {"items": [f"t1-{at}"]})
        assert not any(f"t1-{at}" in items for items in recommended(process))
    assert post(process, "/v1/items/exclude", {"remove": ["t0-10"]})["kept"] is False
    assert all("t0-10" in items for items in recommended(process))
    assert answering(process) == {0, 1, 2}
    assert metric(process, "elsa_index_workers") == 3
    asked = sum(line["message"] == "request" for line in process.lines())
    assert metric(process, "elsa_index_requests_total") >= asked > 240
    assert metric(process, "elsa_index_items") == 236
    assert process.stop() == 0
    assert process.lines()[-1]["message"] == "stopped"
    assert not workers(process)


def test_a_hang_up_reaches_all(process, tmp_path):
    codes, metadata = make_tastes(each=50)
    ei.Index.build(codes, tmp_path / "i", metadata=metadata, overwrite=True).close()
    process.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 30
    while metric(process, "elsa_index_swaps_total") < 3:
        assert time.monotonic() < until
        time.sleep(0.1)
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert {process.get("/v1/index", **headers)["items"] for _ in range(30)} == {300}


def test_one_that_is_killed_is_replaced_and_others_answer_meanwhile(process):
    failures, asked, done = [], [0], threading.Event()

    def ask():
        while not done.is_set():
            asked[0] += 1
            try:
                recommended(process, 1)
            except (urllib.error.URLError, OSError) as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    killed = workers(process)[0]
    killed.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while len(set(workers(process)) - {killed}) < 3:
        assert time.monotonic() < until
        time.sleep(0.1)
    while metric(process, "elsa_index_workers") < 3:
        assert time.monotonic() < until
        time.sleep(0.1)
    done.set()
    for thread in threads:
        thread.join()
    assert len(failures) <= 4, failures  # what was in it: one of each who asks
    assert asked[0] > 100
    told = next(line for line in process.lines() if line["message"].startswith("a worker ended"))
    assert told["exit_status"] == -signal.SIGKILL
    assert told["starts_in_seconds"] >= 0
    assert metric(process, "elsa_index_worker_starts_total") == 4
    post(process, "/v1/items/delete", {"items": ["t2-1"]})
    assert not any("t2-1" in items for items in recommended(process))
    assert process.stop() == 0


def test_workers_end_with_who_started_them(process):
    own = workers(process)
    process.process.kill()
    _, alive = psutil.wait_procs(own, timeout=30)
    assert not alive


@pytest.mark.parametrize("broken", ["no index", "damaged"])
def test_what_cannot_be_served_is_told_once(served, tmp_path, broken):
    index = tmp_path / "i"
    if broken == "damaged":
        shutil.copytree(served, index)
        (index / "manifest.json").write_text("{}")
    command = [sys.executable, "-m", "elsa_index_cli", "serve", str(index), "--port", "0", "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert str(index) in errors[0]
    assert "Traceback" not in done.stderr


class Shaken(Process):
    """One that gets SIGHUPs from the moment that it ignores them until it answers."""

    def wait(self):
        def heeded():
            ignored = re.search(r"SigIgn:\s+(\w+)", Path(f"/proc/{self.process.pid}/status").read_text())
            return ignored is not None and int(ignored[1], 16) & 1

        while self.process.poll() is None and not heeded():
            time.sleep(0.01)
        ends = threading.Event()

        def shake():
            while not ends.wait(0.03):
                self.process.send_signal(signal.SIGHUP)

        shaker = threading.Thread(target=shake)
        shaker.start()
        try:
            super().wait()
        finally:
            ends.set()
            shaker.join()


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_sighup_while_it_starts_does_not_end_it(served, tmp_path, workers):
    started = Shaken(served, tmp_path / "log", "--workers", workers)
    try:
        assert started.recommend()
        assert not any(line["message"].startswith("a worker ended") for line in started.lines())
    finally:
        assert started.stop() == 0
