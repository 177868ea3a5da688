"""Whose turn it is: order, deadlines, and who makes an answer."""

import asyncio
import threading
import time

import pytest
from fastapi.testclient import TestClient

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings
from elsa_index.server.turns import HOP, LONGEST, OverloadedError, Turns

from .conftest import LOCAL


def answers(turns, kind, seconds, count, deadline=None):
    """What so many requests of the same moment get: the thread that made their answer, or None where they were
    refused, and after how many seconds."""
    began = time.perf_counter()

    def make():
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            time.sleep(0 if seconds < HOP else seconds / 10)
        return threading.current_thread().name.encode()

    async def one():
        try:
            made = await turns.take(kind, make, deadline)
        except OverloadedError:
            made = None
        return made, time.perf_counter() - began

    async def all_of_them():
        return await asyncio.gather(*(one() for _ in range(count)))

    return asyncio.run(all_of_them())


def test_short_answers_are_made_by_who_reads_requests_and_long_ones_are_not():
    turns = Turns(2, 5)
    assert {name for name, _ in answers(turns, "long", 0.02, 6)} == {b"searching_0", b"searching_1"}
    assert {name for name, _ in answers(turns, "long", 0.02, 2)} <= {b"searching_0", b"searching_1"}
    answers(turns, "short", 0.0, 1)
    assert {name for name, _ in answers(turns, "short", 0.0, 50)} == {b"MainThread"}
    turns.end()


def test_an_answer_that_takes_longer_than_before_goes_to_a_thread():
    turns = Turns(1, 5)
    for _ in range(5):
        answers(turns, "kind", 0.0, 1)
    for _ in range(5):
        answers(turns, "kind", 0.02, 1)
    assert answers(turns, "kind", 0.02, 1)[0][0] == b"searching_0"
    turns.end()


def test_who_would_wait_longer_than_the_deadline_is_refused_at_once():
    turns = Turns(1, 0.2)
    answers(turns, "kind", 0.05, 2)
    found = answers(turns, "kind", 0.05, 30)
    refused = [seconds for name, seconds in found if name is None]
    made = [seconds for name, seconds in found if name is not None]
    assert 3 <= len(made) <= 6
    assert max(made) < 0.2 + 0.2
    assert sorted(refused)[len(refused) // 2] < 0.05
    assert all(name is not None for name, _ in answers(turns, "kind", 0.05, 2))  # and that is over then
    turns.end()


def test_a_request_can_have_less_patience_than_the_service():
    turns = Turns(1, 60)
    answers(turns, "kind", 0.05, 1)
    assert sum(name is None for name, _ in answers(turns, "kind", 0.05, 10, 0.1)) >= 6
    turns.end()


def test_what_lay_unread_has_waited():
    """Where others are before it; one that is alone is answered however late it is."""
    turns = Turns(1, 0.5)
    answers(turns, "kind", 0.05, 1)

    async def late():
        return await turns.take("kind", lambda: b"made", arrived=time.perf_counter() - 1)

    async def two():
        return await asyncio.gather(turns.take("kind", lambda: b"first"), late(), return_exceptions=True)

    first, refused = asyncio.run(two())
    assert first == b"first"
    assert isinstance(refused, OverloadedError)
    assert refused.seconds > 1
    assert asyncio.run(late()) == b"made"
    turns.end()


@pytest.fixture
def clock(monkeypatch):
    """One that only moves when it is moved."""
    now = [1000.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(("takes", "rounds", "maker"), [
    (0.8 * HOP, 0.0, b"MainThread"), (1.5 * HOP, 0.0, b"searching_0"), (1.5 * HOP, 2 * HOP, b"MainThread"),
    (2 * LONGEST, 10 * LONGEST, b"searching_0"),
])  # fmt: skip
def test_a_busy_loop_makes_what_it_would_take_over_late(clock, takes, rounds, maker):
    turns = Turns(1, 5)

    def make():
        clock[0] += takes
        return threading.current_thread().name.encode()

    async def three():
        for _ in range(3):
            turns.round = rounds
            made = await turns.take("kind", make)
        return made

    assert asyncio.run(three()) == maker
    turns.end()


def test_how_busy_the_loop_is_fades_away(clock):
    turns = Turns(1, 5)

    async def beside(pause):
        asked = asyncio.ensure_future(turns.take("kind", lambda: b""))
        await asyncio.sleep(0)
        clock[0] += pause
        await asked
        return turns.round

    async def many():
        await beside(0.0)
        return [await beside(pause) for pause in (0.01, *[0.0] * 100)]

    busy, *later = asyncio.run(many())
    assert busy == pytest.approx(0.01)
    assert 0.009 < later[0] < busy
    assert later[-1] < HOP
    turns.end()


def test_an_error_leaves_no_turn_behind():
    turns = Turns(1, 0.1)
    answers(turns, "kind", 0.05, 1)

    def fail():
        time.sleep(0.05)
        raise ZeroDivisionError

    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(turns.take("kind", fail))
    turns.end()


def test_over_http(served):
    current = Current(lambda: ei.Index.open(served), warming=0)
    app = create_app(current, Settings(threads=1, deadline=0.05))
    slow = current.use

    def use():
        time.sleep(0.03)
        return slow()

    with TestClient(app, LOCAL) as client:
        current.use = use
        body = {"history": ["t0-1"]}
        for _ in range(3):
            assert client.post("/v1/recommend", json=body).status_code == 200
        statuses, retry = [], []

        def ask():
            answer = client.post("/v1/recommend", json=body)
            statuses.append(answer.status_code)
            retry.append(answer.headers.get("retry-after"))

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200, 503}
        assert retry.count("1") == statuses.count(503)
        for wrong in ("soon", "-1", "1e3", "", "9999999"):
            refused = client.post("/v1/recommend", json=body, headers={"x-timeout-ms": wrong})
            assert refused.status_code == 422
            assert "x-timeout-ms must be milliseconds" in refused.json()["error"]
        assert client.post("/v1/recommend", json=body, headers={"x-timeout-ms": "1000"}).status_code == 200
        assert client.get("/v1/index", headers={"x-timeout-ms": "soon"}).status_code == 422
