"""What a process is started with: variables meant for other programs, a locale without letters, closed streams."""

import os
import re
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


def run(*arguments, cwd=None, stderr=subprocess.PIPE, shell_end="", limit="", **environment):
    command = [sys.executable, "-m", "elsa_index_cli", *map(str, arguments)]
    if shell_end or limit:
        command = ["bash", "-c", f'{limit or "true"}; "$@" {shell_end}', "bash", *command]
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


@pytest.mark.parametrize("heap", ["1k", "1m", "0g", "99999g", "2"])
def test_memory_that_java_cannot_have_is_told(tmp_path, heap):
    """Java itself would end the process."""
    make_codes(60, 64, 16).save(tmp_path / "m")
    done = run("build", tmp_path / "m", "-o", tmp_path / "i", "--no-segments", ELSA_INDEX_JAVA_HEAP=heap)
    assert done.returncode == 1
    assert f"ELSA_INDEX_JAVA_HEAP must be from 8m to 4096g, for example 2g; got {heap!r}" in done.stderr
    assert os.listdir(tmp_path) == ["m"]


def test_loops_answer_without_being_compiled(tmp_path):
    codes = make_codes(80, 32, 8)
    codes.save(tmp_path / "m")
    ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None).close()
    (tmp_path / "h.csv").write_text("user_id,item_id\n" + "".join(f"u{at},item{at}\n" for at in range(40, 80)))
    said = []
    for disabled in ("0", "1"):
        done = run("search", tmp_path / "i", "--histories", tmp_path / "h.csv", "-k", "3", NUMBA_DISABLE_JIT=disabled)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1]
    assert said[0]


@pytest.mark.parametrize("engine", ["exact", "lucene", "faiss-flat"])
def test_folders_whose_name_is_no_utf_8_are_told(tmp_path, engine):
    make_codes(60, 64, 16).save(tmp_path / "m")
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(folder)
    done = run("build", tmp_path / "m", "-o", folder + "/i", "--engine", engine)
    assert done.returncode == 1
    assert "is no name in UTF-8, which libraries that write there need; name another path" in done.stderr
    assert not os.listdir(folder)


def test_too_few_open_files_are_no_damage(lucene):
    done = run("search", lucene, "--items", "item20", limit="ulimit -n 16")
    assert done.returncode == 1
    assert "too many files are open; raise the limit, ulimit -n" in done.stderr
    assert "damaged" not in done.stderr


@pytest.mark.parametrize("name", ["s", "o.parquet", "o.csv"])
def test_a_file_that_cannot_grow_is_named(lucene, tmp_path, name):
    rows = "".join(f"u{at % 999},item{at % 500}\n" for at in range(20_000))
    (tmp_path / "log.csv").write_text("user_id,item_id\n" + rows)
    searched = ("search", lucene, "--histories", tmp_path / "log.csv", "-k", "50", "-o", tmp_path / name)
    asked = ("split", tmp_path / "log.csv", "-o", tmp_path / name) if name == "s" else searched
    done = run(*asked, limit="ulimit -f 8")
    assert done.returncode == 1
    assert re.search("could not be written: (File too large|transport error) ", done.stderr)  # as Thrift has it
    assert "What was there before is unchanged" in done.stderr
    assert not (tmp_path / name).exists()
