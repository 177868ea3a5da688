"""Clients that keep the service waiting: silent, slow, many."""

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import uvicorn

import elsa_index as ei
from elsa_index.server import connections, guard
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings

pytestmark = pytest.mark.slow  # clients that are late

BODY = json.dumps({"history": ["t0-1"], "k": 3}).encode()
HEAD = b"POST /v1/recommend HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
LENGTH = b"content-length: %d\r\n\r\n"


@pytest.fixture
def quick(monkeypatch):
    """Every client has half a second for everything."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "WRITE_SECONDS", 0.5)
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.5)


@contextmanager
def listening(served, most=1000):
    """The port of a service in a thread of this process."""
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings())
    config = uvicorn.Config(app, port=0, log_config=None, http=connections.limited(most))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def connect(port, *parts):
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    for part in parts:
        made.sendall(part)
    return made


def status(connection):
    """Of the next answer; None where the connection ended without one."""
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        answer.read()
    except ConnectionError:
        return None
    return answer.status


def test_a_client_that_never_finishes_its_request_is_let_go(served, quick):
    with listening(served) as port:
        began = time.monotonic()
        assert status(connect(port)) is None
        assert status(connect(port, b"GET /healthz HTTP/1.1\r\nhost: loc")) is None
        assert 0.9 < time.monotonic() - began < 5
        kept = connect(port, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert status(kept) == 200
        time.sleep(0.8)  # a connection may rest between requests
        kept.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert status(kept) == 200
        kept.sendall(b"GET /healthz")
        assert status(kept) is None


def test_what_lay_unread_is_in_the_time_of_a_request(served, monkeypatch, caplog):
    loops = []
    made = connections.Connection.connection_made
    monkeypatch.setattr(
        connections.Connection, "connection_made", lambda self, one: (loops.append(self.loop), made(self, one))
    )
    request = HEAD + LENGTH % len(BODY) + BODY
    with listening(served) as port, caplog.at_level("INFO", "elsa_index.server"):
        kept = connect(port, request)
        assert status(kept) == 200
        loops[0].call_soon_threadsafe(time.sleep, 0.5)
        time.sleep(0.1)
        kept.sendall(request)
        assert status(kept) == 200
    _, second = (line.milliseconds for line in caplog.records if line.message == "request")
    assert second > 300


def test_a_body_that_does_not_arrive_is_refused(served, quick):
    with listening(served) as port:
        for sent in (b"", b" " * 1000, b" " * 200_000):
            assert status(connect(port, HEAD, LENGTH % 7_000_000, sent)) == 408


def test_a_client_that_takes_no_answer_is_let_go(served, quick):
    with listening(served) as port:
        batch = json.dumps({"histories": [{"history": ["t0-1"]}] * 100, "k": 200}).encode()
        request = HEAD + LENGTH % len(batch) + batch
        greedy = socket.socket()
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(("127.0.0.1", port))
        greedy.settimeout(20)
        for _ in range(8):
            greedy.sendall(request)
        time.sleep(5)
        received = 0
        with suppress(ConnectionError):
            while part := greedy.recv(1 << 20):
                received += len(part)
        assert received < 8 * 500_000


def test_who_keeps_us_waiting_longest_makes_room(served):
    """Silent connections and bodies that do not come, more than there may be: others are answered all the same."""
    with listening(served, most=20) as port:
        silent = [connect(port) for _ in range(15)]
        stalled = [connect(port, HEAD, LENGTH % 1000) for _ in range(15)]
        for _ in range(30):
            with connect(port, HEAD, LENGTH % len(BODY), BODY) as asking:
                assert status(asking) == 200
        assert status(silent[0]) is None
        open_still = 0
        for connection in silent + stalled:
            connection.settimeout(0.01)
            try:
                connection.recv(1)
            except TimeoutError:
                open_still += 1
            except ConnectionError:
                pass
        assert 0 < open_still <= 20


def test_large_bodies_wait_for_each_other_and_small_ones_do_not(served, monkeypatch):
    monkeypatch.setattr(guard, "LARGE_BODIES", 1)
    with listening(served) as port:
        large = json.dumps({"history": ["t0-1"], "exclude": [f"stranger {at:020}" for at in range(5_000)]}).encode()
        first, second = (connect(port, HEAD, LENGTH % len(large), large[:-1]) for _ in range(2))
        time.sleep(0.3)
        assert status(connect(port, HEAD, LENGTH % len(BODY), BODY)) == 200
        second.sendall(large[-1:])
        first.settimeout(0.3)
        with pytest.raises(TimeoutError):
            status(first)
        first.settimeout(10)
        first.sendall(large[-1:])
        assert [status(first), status(second)] == [200, 200]


def test_asking_again_does_not_put_off_taking_the_answers(served, quick):
    with listening(served) as port:
        greedy = socket.socket()
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(("127.0.0.1", port))
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began < 20:
                greedy.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n")
                time.sleep(0.02)
        assert time.monotonic() - began < 15


def test_who_sends_half_a_large_body_does_not_hold_up_others_for_long(served, monkeypatch):
    monkeypatch.setattr(guard, "PAUSE_SECONDS", 0.5)
    with listening(served) as port:
        stalled = [connect(port, HEAD, LENGTH % 7_000_000, b" " * 70_000) for _ in range(2 * guard.LARGE_BODIES)]
        large = BODY + b" " * 900_000
        began = time.monotonic()
        assert status(connect(port, HEAD, LENGTH % len(large), large)) == 200
        assert time.monotonic() - began < 10
        assert {status(connection) for connection in stalled} == {408}


def test_heads_that_are_too_long_or_nothing_but_blank_lines_end(served, quick, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 3)
    with listening(served) as port:
        asking = connect(port, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ")
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began < 2:
                asking.sendall(b"y" * 10_000)
                time.sleep(0.01)
        assert time.monotonic() - began < 2
        asking = connect(port)
        with suppress(ConnectionError):
            while time.monotonic() - began < 20:
                asking.sendall(b"\r\n")
                time.sleep(0.05)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("smuggled", [
    b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
    b"content-length: -4\r\n\r\n",
    b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    b"a b: c\r\n\r\n",
])  # fmt: skip
def test_what_two_servers_could_read_differently_is_refused(served, smuggled):
    with listening(served) as port:
        assert status(connect(port, b"POST /v1/recommend HTTP/1.1\r\nhost: localhost\r\n", smuggled)) == 400


@pytest.mark.parametrize("together", [True, False])
def test_a_head_that_begins_after_an_answer_must_end(served, quick, together):
    """Whether its beginning comes with the request before, or while the answers to many wait to be taken."""
    with listening(served) as port:
        whole, half = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", b"GET /hea"
        if together:
            asking = connect(port, whole + half)
        else:
            asking = socket.socket()
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            asking.connect(("127.0.0.1", port))
            for _ in range(100):
                asking.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n")
            asking.sendall(half)
        asking.settimeout(20)
        began = time.monotonic()
        with suppress(ConnectionError):
            while asking.recv(1 << 20):
                pass
        assert time.monotonic() - began < 15
