"""What a process is started with: variables meant for other programs, a locale without letters, closed streams."""

import os
import shutil
import socket
import subprocess
import sys

import pytest

import elsa_index as ei

from ..support.catalogues import make_codes

pytestmark = pytest.mark.slow  # processes of their own, with their own Java


@pytest.fixture(scope="module")
def lucene(tmp_path_factory):
    path = tmp_path_factory.mktemp("surroundings") / "i"
    ei.Index.build(make_codes(300), path, segments=None).close()
    return path


def run(*arguments, cwd=None, stderr=subprocess.PIPE, shell_end="", **environment):
    command = [sys.executable, "-m", "elsa_index_cli", *map(str, arguments)]
    if shell_end:
        command = ["bash", "-c", f'"$@" {shell_end}', "bash", *command]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=60, cwd=cwd, env=os.environ | environment
    )


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"])
def test_java_options_meant_for_other_programs_are_not_heard(lucene, name):
    """Neither such as end the JVM, nor a debugger that anybody could attach to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    agent = f"-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:{port}"
    done = run("search", lucene, "--items", "item20", "-k", "2", **{name: f"-XX:+UseG1GC -Xnonsense {agent}"})
    assert done.returncode == 0
    assert "item" in done.stdout
    assert "Picked up" not in done.stderr
    assert f"{name} is set and not heard" in " ".join(run("doctor", "--json", **{name: "-Xmx1g"}).stdout.split())


def test_java_leaves_no_door_and_no_file(lucene):
    """No attach socket for other processes, no performance data that everybody can read."""
    program = f"""
import glob, os, signal, time
import elsa_index as ei
ei.Index.open({str(lucene)!r})
open(f"/proc/{{os.getpid()}}/cwd/.attach_pid{{os.getpid()}}", "w").close()
signal.signal(signal.SIGQUIT, signal.SIG_IGN)
print(glob.glob("/tmp/hsperfdata_*/" + str(os.getpid())), glob.glob("/tmp/.java_pid" + str(os.getpid())))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=lucene.parent)
    assert done.stdout == "[] []\n", done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_folders_have_names_in_every_locale(lucene, tmp_path, locale):
    folder = tmp_path / "Müller 電影"
    folder.mkdir()
    shutil.copytree(lucene, folder / "i")
    for path, cwd in ((folder / "i", None), ("i", folder)):
        done = run("search", path, "--items", "item20", "-k", "2", "--exact", cwd=cwd, LC_ALL=locale)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "2>&- <&- >&-"])
def test_a_closed_stream_is_no_file_of_the_index(lucene, tmp_path, closed):
    """The next file that is opened would take its number, and messages would be written into it."""
    shutil.copytree(lucene, tmp_path / "i")
    done = run("search", tmp_path / "i", "--items", "item20,nobody", "-k", "2", shell_end=closed)
    assert done.returncode == 0, done.stderr
    ei.Index.verify(tmp_path / "i")
    done = run("build", "nowhere", "-o", tmp_path / "j", shell_end=closed)
    assert done.returncode == 1


def test_too_little_memory_for_java_names_the_variable(tmp_path):
    codes = make_codes(60_000, 64, 16)
    codes.save(tmp_path / "m")
    done = run("build", tmp_path / "m", "-o", tmp_path / "i", "--no-segments", ELSA_INDEX_JAVA_HEAP="8m")
    assert done.returncode == 1
    assert "ELSA_INDEX_JAVA_HEAP" in done.stderr.splitlines()[-1], done.stderr
    assert not (tmp_path / "i").exists()
