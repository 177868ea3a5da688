"""The supervisor itself, with workers that do nothing but wait."""

import os
import signal

import pytest

import elsa_index as ei
from elsa_index.server.settings import Settings
from elsa_index.server.workers import supervise


def waits(settings, listening, line, shared, number):
    ended = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    assert shared.metrics.is_dir()
    line.send(("ready",))
    line.send(("changed", number))
    while not ended:
        if line.poll(0.05):
            what, change = line.recv()
            if what == "look":
                line.send(("looked", change))


def fails(settings, listening, line, shared, number):
    line.send(("failed", "StorageError", "there is nothing"))


def test_workers_start_hear_of_changes_and_end():
    told = []

    def ready():
        told.append(1)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        supervise(waits, Settings(workers=2), None, ready)  # type: ignore[arg-type]
    finally:
        signal.signal(signal.SIGHUP, before)
    assert told == [1]


def test_what_a_worker_cannot_start_for_is_raised():
    with pytest.raises(ei.StorageError, match="there is nothing"):
        supervise(fails, Settings(workers=2), None, lambda: None)  # type: ignore[arg-type]
