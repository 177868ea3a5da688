"""Inputs that the fuzzer found, and the fuzzer itself; `make fuzz` finds more."""

import json
import subprocess
import sys

import pytest

from .readers import CORPUS, NAMES


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", sorted({path.parent.name for path in CORPUS.glob("*/*")} | {"http-body"}))
def test_what_was_a_fault_once_is_none(name, tmp_path):
    """And two seconds of new inputs."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--minutes", "0.03", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["wrong"] == {}, found
    assert found["read"] > 0


def test_a_reader_that_fails_is_noticed(tmp_path):
    """The fuzzer itself: an exception, and the death of the process."""
    program = f"""
import os, sys
from pathlib import Path
from tests.fuzz import __main__ as fuzzer, readers
def read(path):
    content = path.read_bytes()
    if b"u3" not in content: os.abort()
    if b"value" not in content: raise ZeroDivisionError
readers.ei.read_histories = read
fuzzer.work_on("histories", Path({str(tmp_path)!r}), 1, 1)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -6
    assert (tmp_path / "input").read_bytes().startswith(b"h.csv\n")


def test_every_kept_input_has_its_reader():
    assert {path.parent.name for path in CORPUS.glob("*/*")} <= set(NAMES)
