"""Commands as a user types them."""

import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest
from elsa_index_cli.main import main


def run(*arguments, status: int | None = 0) -> subprocess.CompletedProcess:
    """A command as its program runs it, in this process: starting Python, torch and Java for each takes minutes."""
    out, err = StringIO(), StringIO()
    asked = ["elsa-index", *map(str, arguments)]
    stopped_by = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr(sys, "argv", asked)
        patched.setattr(sys, "unraisablehook", sys.unraisablehook)  # restored afterwards
        with pytest.raises(SystemExit) as end:
            main()
    signal.signal(signal.SIGTERM, stopped_by)
    return checked(subprocess.CompletedProcess(asked, int(end.value.code or 0), out.getvalue(), err.getvalue()), status)


def run_apart(*arguments, status: int = 0) -> subprocess.CompletedProcess:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "elsa_index_cli", *map(str, arguments)]
    return checked(subprocess.run(command, capture_output=True, text=True, check=False), status)


def checked(done: subprocess.CompletedProcess, status: int | None) -> subprocess.CompletedProcess:
    """status: what the command is to end with; None: anything but 0."""
    assert done.returncode if status is None else done.returncode == status, (
        f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    if status != 0:
        assert "Traceback" not in done.stderr
    return done
