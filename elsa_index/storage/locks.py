"""Locks of directories, which end with the process that has them, and looks at directories that others replace."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ..errors import StorageError, shorten
from .files import read_json

_PATIENCE = 30.0  # seconds that a directory is waited for while another process writes into it


def is_still(path: Path, descriptor: int) -> bool:
    """Whether a path leads to what was opened there. While it is open its number is given to nothing else."""
    try:
        there, here = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


@contextmanager
def one_generation(path: Path) -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether `path` still leads to the directory that it led to when the block began: what
    was read between is then of one directory, not of two that were swapped."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # whoever reads says what is wrong with it
        yield lambda: True
        return
    try:
        yield lambda: is_still(path, descriptor)
    finally:
        os.close(descriptor)


def lock_of(path: Path, flags: int = 0) -> int | None:
    """A descriptor that holds the lock of a directory; None where another process holds it, or removed it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | flags)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_still(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def unlock(descriptor: int) -> None:
    """Gives a lock back, also where a child that was forked meanwhile still holds the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """For as long as the block runs, nobody else replaces the directory or writes into it. Waits for who does: that
    takes no longer than swapping two directories, or opening one.

    Raises StorageError where somebody does that for longer.
    """
    until = time.monotonic() + _PATIENCE
    while (descriptor := lock_of(path)) is None:
        if time.monotonic() > until or not path.exists():
            raise StorageError(f"{path} is being written by another process; try again when it has ended.")
        time.sleep(0.02)
    try:
        yield
    finally:
        unlock(descriptor)


def holder_file(target: Path) -> Path:
    return target.parent / f".{target.name}.writer"


def name_holder(target: Path) -> None:
    """Writes down who writes a target, for the message to those who wait. The lock is another: this is only a note."""
    about = {"host": socket.gethostname(), "process": os.getpid(), "since": datetime.now().isoformat(" ", "seconds")}
    note = holder_file(target)
    note.unlink(missing_ok=True)  # nobody else's file is written into, whatever has this name
    with note.open("x", encoding="utf-8") as file:
        json.dump(about, file)


def holder(target: Path) -> str:
    try:
        about = read_json(holder_file(target))
        return f" (process {int(about['process'])} on {shorten(about['host'])}, since {shorten(about['since'])})"
    except (StorageError, KeyError, TypeError, ValueError):
        return ""
