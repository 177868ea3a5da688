"""The service as a process: signals, swaps under load, logs."""

import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

import elsa_index as ei

from ..support.catalogues import make_tastes

pytestmark = pytest.mark.slow  # processes of their own, with their own Java


class Process:
    """`elsa-index serve` on a free port."""

    def __init__(self, index, log, *options, before=None, **environment):
        command = [sys.executable, "-m", "elsa_index_cli", "serve", str(index), "--port", "0", *options]
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stderr=file, env=os.environ | environment, preexec_fn=before)
        self.wait()

    def wait(self):
        log, until = self.log, time.monotonic() + 60
        while not (found := re.search(r'"url": ?"([^"]+)/"', log.read_text())):
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        self.url = found[1]

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def get(self, path, **headers):
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=30) as answer:
            return json.loads(answer.read())

    def recommend(self):
        body = json.dumps({"history": ["t0-1"], "k": 3}).encode()
        request = urllib.request.Request(f"{self.url}/v1/recommend", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["items"]

    def running(self):
        """Requests that are being answered, beside this one."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as answer:
            return float(re.search(rb"^elsa_index_requests_running (\S+)", answer.read(), re.M)[1]) - 1

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@pytest.fixture
def process(served, tmp_path):
    shutil.copytree(served, tmp_path / "i")
    started = Process(tmp_path / "i", tmp_path / "log")
    yield started
    if started.process.poll() is None:
        started.stop(signal.SIGKILL)


def wait_for(process, message):
    until = time.monotonic() + 30
    while not any(line["message"].startswith(message) for line in process.lines()):
        assert time.monotonic() < until, process.log.read_text()
        time.sleep(0.05)


def test_a_swap_drops_no_request_and_serves_what_was_built(process, tmp_path):
    """Requests go on while the index is replaced and SIGHUP comes; every one is answered, first by the old index and
    then by the new one. What cannot be opened leaves the old one serving."""
    answers, failures = [], []
    done = threading.Event()

    def ask():
        while not done.is_set():
            try:
                answers.append(len(process.recommend()))
            except (urllib.error.URLError, OSError) as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert process.get("/v1/index")["items"] == 240
    codes, metadata = make_tastes(each=50)
    ei.Index.build(codes, tmp_path / "i", metadata=metadata, overwrite=True).close()
    for _ in range(3):
        process.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
    wait_for(process, "swapped")
    while process.get("/v1/index")["items"] != 300:
        time.sleep(0.05)
    (tmp_path / "i" / "manifest.json").write_text("{}")
    process.process.send_signal(signal.SIGHUP)
    wait_for(process, "the index was not swapped")
    assert process.get("/v1/index")["items"] == 300
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(answers) > 50
    assert set(answers) == {3}
    assert process.stop() == 0


def test_a_commit_of_another_process_is_served_without_a_signal(process, tmp_path):
    waited = []
    for commit in range(1, 6):
        ei.delete(tmp_path / "i", [f"t0-{commit}"])
        started = time.monotonic()
        while process.get("/v1/index")["commit"] != commit:
            assert time.monotonic() - started < 10
            time.sleep(0.02)
        waited.append(time.monotonic() - started)
    print("seconds until a commit was served:", [round(seconds, 2) for seconds in waited])
    assert min(waited) < 1


def test_many_hang_ups_are_few_swaps_and_delay_no_stop(process):
    for _ in range(40):
        process.process.send_signal(signal.SIGHUP)
    wait_for(process, "swapped")
    started = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - started < 5
    assert sum(line["message"] == "swapped" for line in process.lines()) <= 3


def test_stopping_lets_running_requests_end(process):
    """Batches that take a while are answered although SIGTERM comes before they are."""
    histories = [{"history": [f"t{at % 6}-{at % 40}" for at in range(start, start + 30)]} for start in range(100)]
    body = json.dumps({"histories": histories, "k": 200, "exact": True}).encode()
    request = urllib.request.Request(f"{process.url}/v1/recommend/batch", body, {"content-type": "application/json"})
    ended = []

    def ask():
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert len(json.loads(answer.read())["results"]) == 100
        ended.append(time.monotonic())

    asking = [threading.Thread(target=ask) for _ in range(6)]
    for thread in asking:
        thread.start()
    while process.running() < 3:  # SIGTERM comes when they are under way, and not before they arrive
        time.sleep(0.01)
    stopped = time.monotonic()
    assert process.stop() == 0
    for thread in asking:
        thread.join()
    assert len(ended) == 6
    assert max(ended) > stopped
    assert process.lines()[-1]["message"] == "stopped"


def test_logs_are_one_object_a_line_and_ctrl_c_ends_well(process):
    process.recommend()
    assert process.stop(signal.SIGINT) == 0
    line = next(line for line in process.lines() if line["message"] == "request")
    assert (line["method"], line["path"], line["status"], line["level"]) == ("POST", "/v1/recommend", 200, "INFO")
    assert line["milliseconds"] > 0
    assert len(line["request_id"]) == 16
    assert "t0-1" not in process.log.read_text()


def test_a_kept_connection_does_not_wait_for_acknowledgements(process):
    """Where an answer's second packet waits for the first one's acknowledgement, that is 40 ms at every request."""
    connection = http.client.HTTPConnection(process.url.removeprefix("http://"), timeout=20)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        connection.request("GET", "/v1/index")
        assert connection.getresponse().read()
        times.append(time.perf_counter() - began)
    connection.close()
    assert min(times[1:]) < 0.03


def test_every_line_of_the_log_is_json_whoever_writes_it(process):
    """What is no HTTP, what Java writes, and too many connections for the files that may be open."""
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as odd:
        odd.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
        assert b"400" in odd.recv(100)
    assert process.stop() == 0
    assert all(line["message"] and line["level"] for line in process.lines())


def test_more_connections_than_files_may_be_open_silence_nobody(served, tmp_path):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))

    process = Process(served, tmp_path / "log", before=few_files)
    host, port = process.url.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(600)]
    assert len(process.recommend()) == 3
    assert len(os.listdir(f"/proc/{process.process.pid}/fd")) < 400
    for connection in silent:
        connection.close()
    assert process.stop() == 0
    assert process.log.stat().st_size < 10_000
    assert "raise ulimit -n" in process.log.read_text()


@pytest.mark.parametrize("how", ["overwritten", "cut short"])
def test_an_index_that_is_changed_in_place_is_answered_from_no_more(process, tmp_path, how):
    for path in (tmp_path / "i").rglob("*.*"):
        if path.is_file() and path.name != "manifest.json":
            content = path.read_bytes()
            with path.open("r+b") as file:
                if how == "overwritten":
                    file.write(content[::-1])
                else:
                    file.truncate(len(content) - 1)
    with urllib.request.urlopen(process.url + "/metrics") as answer:
        assert "elsa_index_usable 1.0" in answer.read().decode()
    wait_for(process, "nothing is answered from this index any more")
    with pytest.raises(urllib.error.HTTPError, match="503"):
        process.get("/readyz")
    with urllib.request.urlopen(process.url + "/metrics") as answer:
        assert "elsa_index_usable 0.0" in answer.read().decode()
    process.process.send_signal(signal.SIGHUP)
    wait_for(process, "the index was not swapped; nothing is answered from the old one")
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        process.recommend()
    assert "was changed in place" in refused.value.read().decode()
    shutil.rmtree(tmp_path / "i")
    wait_for(process, "the index directory is gone")
    codes, metadata = make_tastes(each=50)
    ei.Index.build(codes, tmp_path / "i", metadata=metadata).close()
    process.process.send_signal(signal.SIGHUP)
    wait_for(process, "swapped")
    assert len(process.recommend()) == 3
    assert process.get("/readyz") == {"status": "ready"}
    assert process.stop() == 0


def test_a_token_comes_from_the_environment_and_is_not_logged(served, tmp_path):
    token = "not-a-secret-of-anyone"
    process = Process(served, tmp_path / "log", ELSA_INDEX_TOKEN=token)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        process.get("/v1/index")
    assert process.get("/v1/index", authorization=f"Bearer {token}")["items"] == 240
    assert process.stop() == 0
    assert token not in process.log.read_text()


def test_what_cannot_be_served_is_told_in_one_line(served, process):
    def refused(*arguments, status, **environment):
        command = [sys.executable, "-m", "elsa_index_cli", "serve", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | environment)
        assert done.returncode == status, done.stderr
        return done.stderr

    assert "error: nowhere does not exist" in refused("nowhere", "--port", 0, status=1)
    port = process.url.rsplit(":", 1)[1]
    assert f"Nothing can listen on 127.0.0.1, port {port}: " in refused(served, "--port", port, status=2)
    assert "Nothing can listen on nowhere.invalid" in refused(served, "--host", "nowhere.invalid", status=2)
    assert "at least 16" in refused(served, status=2, ELSA_INDEX_TOKEN="short")


def test_schemathesis_finds_nothing(process):
    """Its examples, boundary values, random and stateful requests against the service's own OpenAPI document."""
    # A body may be too large and violate the schema too: 413 is not among what it takes for a refusal by itself.
    statuses = "400, 401, 403, 404, 408, 409, 413, 415, 421, 422, 503"
    settings = process.log.parent / "schemathesis.toml"
    settings.write_text(f"[checks.negative_data_rejection]\nexpected-statuses = [{statuses}]\n")
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    command = [program, "run", f"{process.url}/openapi.json", "--max-examples", "50", "--no-color"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=process.log.parent, timeout=280)
    summary = done.stdout[done.stdout.find("= SUMMARY =") :]
    assert done.returncode == 0, "\n".join(line[:300] for line in done.stdout.splitlines())[-5000:]
    assert re.search(r"(\d\d\d+) generated, \1 passed", summary), summary
    assert not any(line["level"] == "ERROR" for line in process.lines())
