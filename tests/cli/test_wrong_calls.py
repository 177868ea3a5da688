"""Calls that the command line does not understand: each is refused in a line that names what is wrong and the help."""

import pytest

from ..support.command_line import run, run_apart


@pytest.mark.parametrize(("call", "said"), [
    ("search i -k abc", ["-k", "'abc'", "integer", "elsa-index search -h"]),
    ("search i --threads 1.5", ["--threads", "'1.5'", "integer"]),
    ("serve i --deadline soon", ["--deadline", "'soon'", "number"]),
    ("serve i --log-level loud", ["--log-level", "loud", "warning"]),
    ("search i --bogus", ["--bogus", "elsa-index search -h"]),
    ("search", ["index", "elsa-index search -h"]),
    ("searc i", ["'searc'", "search", "elsa-index -h"]),
])  # fmt: skip
def test_it_is_refused_in_a_line(call, said):
    done = run(*call.split(), status=2)
    line, *others = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert not others
    for part in said:
        assert part in line


def test_without_a_command_help_is_shown():
    done = run_apart(status=2)
    assert "Usage" in done.stdout + done.stderr
    assert "error" not in done.stdout + done.stderr
