"""Writing that loses nothing: output is made beside its target and moved into place when it is complete."""

import ctypes
import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from ..errors import DataError, StorageError, shorten

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # Linux: renameat2
_RENAME_SWAP = 2  # macOS: renamex_np
_PATIENCE = 30.0  # seconds that a directory is waited for while another process writes into it


def checksum(path: Path) -> str:
    """XXH3 (128 bits) of a file's bytes, as 32 hexadecimal digits."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises StorageError where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise StorageError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path} must hold a JSON object, got {type(value).__name__}.")
    return value


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def explained_write(target: Path) -> Iterator[None]:
    """Turns a failing write (a full disk, no permission) into an error that says what was being written."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        free = shutil.disk_usage(target.parent if target.parent.is_dir() else Path.cwd()).free
        raise StorageError(
            f"{target} could not be written: {error.strerror or error} ({free:,} bytes are free on its disk). "
            "What was there before is unchanged."
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> None:
    """Swaps two directories in one step, so that at every moment a complete one has the target's name."""
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        status = libc.renamex_np(os.fsencode(one), os.fsencode(other), _RENAME_SWAP)
    else:
        status = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if status != 0:
        number = ctypes.get_errno()
        hint = " This file system cannot swap directories: choose a new name." if number == errno.EINVAL else ""
        raise OSError(number, os.strerror(number) + hint)


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


def _lock(path: Path, flags: int = 0) -> int | None:
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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """For as long as the block runs, nobody else replaces the directory or writes into it. Waits for who does: that
    takes no longer than writing a manifest or swapping two directories.

    Raises StorageError where somebody does that for longer.
    """
    until = time.monotonic() + _PATIENCE
    while (descriptor := _lock(path)) is None:
        if time.monotonic() > until or not path.exists():
            raise StorageError(f"{path} is being written by another process; try again when it has ended.")
        time.sleep(0.02)
    try:
        yield
    finally:
        os.close(descriptor)


def _claimed(staged: Path, target: Path, patience: float) -> int:
    """Makes the directory that `target` is written in, or takes over what a killed process left there; its lock, which
    ends with the process. patience: seconds for which a living process that writes the same target is waited for.

    Raises StorageError where one goes on for longer, and where something else has that name: a link to other people's
    files, or their directory.
    """
    until = time.monotonic() + patience
    while (descriptor := _claim(staged)) is None:
        if time.monotonic() > until:
            waited = f"; it was waited for during {patience:g} s" if patience else ""
            raise StorageError(
                f"{target} is being written by another process{_holder(target)}{waited}. Try again when it has ended, "
                "or name another path."
            )
        time.sleep(0.02)
    return descriptor


def _holder_file(target: Path) -> Path:
    return target.parent / f".{target.name}.writer"


def _name_holder(target: Path) -> None:
    """Writes down who writes a target, for the message to those who wait. The lock is another: this is only a note."""
    about = {"host": socket.gethostname(), "process": os.getpid(), "since": datetime.now().isoformat(" ", "seconds")}
    note = _holder_file(target)
    note.unlink(missing_ok=True)  # nobody else's file is written into, whatever has this name
    with note.open("x", encoding="utf-8") as file:
        json.dump(about, file)


def _holder(target: Path) -> str:
    try:
        about = read_json(_holder_file(target))
        return f" (process {int(about['process'])} on {shorten(about['host'])}, since {shorten(about['since'])})"
    except (StorageError, KeyError, TypeError, ValueError):
        return ""


def _claim(staged: Path) -> int | None:
    with suppress(FileExistsError):
        staged.mkdir()
    try:
        descriptor = _lock(staged, os.O_NOFOLLOW)
    except NotADirectoryError:
        descriptor, is_ours = None, False
    else:
        is_ours = descriptor is None or os.fstat(descriptor).st_uid == os.geteuid()
    if not is_ours:
        if descriptor is not None:
            os.close(descriptor)
        raise StorageError(f"{staged} is in the way, and is no directory of yours; remove it, or name another path.")
    if descriptor is None:
        return None
    for name in os.listdir(descriptor):
        if stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=descriptor)
        else:
            os.unlink(name, dir_fd=descriptor)
    return descriptor


def refuse_existing(target: Path, *, overwrite: bool, is_ours: Callable[[Path], bool]) -> None:
    """Raises StorageError where output is in the way, where it is not ours to replace, and where nothing can be
    written."""
    _refuse_unwritable(target)
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise StorageError(f"{target} exists; name another path or pass --overwrite (overwrite=True).")
    empty = target.is_dir() and not any(target.iterdir())
    if not (empty or is_ours(target)):
        raise StorageError(f"{target} is not what this command writes, so it is not replaced; name another path.")


def _refuse_unwritable(target: Path) -> None:
    """Asked before the work whose result is written there, not after."""
    folder = Path(os.path.abspath(target)).parent
    while not os.path.exists(folder) and folder != folder.parent:  # not there, or hidden from this user
        folder = folder.parent
    if not os.path.isdir(folder):
        raise StorageError(f"{target} cannot be written: {folder} is a file; name another path.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"{target} cannot be written: nothing may be written in {folder}; name another path.")


@contextmanager
def staged_directory(
    target: Path, *, overwrite: bool, is_ours: Callable[[Path], bool], patience: float = 0
) -> Iterator[Path]:
    """A directory to write into that becomes `target` when the block ends well, and vanishes otherwise.

    An existing `target` is swapped out in one step: whoever opens it sees the old or the new one, whole. Only one
    process at a time writes a target: its directory `.NAME.building` is locked while it lives, and so is the target
    while it is replaced. patience: seconds for which another one is waited for.
    """
    target = _followed(target)
    refuse_existing(target, overwrite=overwrite, is_ours=is_ours)
    with explained_write(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.parent / f".{target.name}.building"
        lock = _claimed(staged, target, patience)
        try:
            _name_holder(target)
            yield staged
            for path in staged.rglob("*"):
                if path.is_dir() or path.stat().st_nlink == 1:  # what is linked was synced when it was written
                    _sync(path)
            _sync(staged)
            refuse_existing(target, overwrite=overwrite, is_ours=is_ours)
            if target.exists():
                with locked(target):  # until what was swapped out, under the name of what is being written, is gone
                    _exchange(staged, target)
                    _sync(target.parent)
                    shutil.rmtree(staged, ignore_errors=True)
            else:
                staged.rename(target)
                _sync(target.parent)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        finally:
            _holder_file(target).unlink(missing_ok=True)
            os.close(lock)


def linked(source: Path, directory: Path, names: Iterable[str]) -> None:
    """Gives files of `source` the same names in `directory` too, without copying them where the file system can: they
    are never written into again. Files that are there already stay."""
    for name in names:
        target = directory / name
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source / name, target)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS):
                raise
            shutil.copyfile(source / name, target)


@contextmanager
def staged_file(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """A path to write to that becomes the file `target` when the block ends well."""
    target = _followed(target)
    refuse_existing(target, overwrite=overwrite, is_ours=Path.is_file)
    with explained_write(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not made by tempfile, whose files nobody else may read: it has the permissions that the umask gives.
        staged = target.parent / f".{target.stem}.{secrets.token_hex(8)}{target.suffix}"
        try:
            staged.touch(exist_ok=False)
            yield staged
            _sync(staged)
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)


def _followed(target: Path) -> Path:
    """The absolute path; where it is a link, what that leads to, so that the link stays one."""
    target = Path(os.path.abspath(target))
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def existing_file(path: str | os.PathLike[str], what: str) -> Path:
    """`path` as a Path. Raises DataError, naming `what` was expected, where there is no such file."""
    result = Path(path)
    if not result.is_file():
        state = "is a directory" if result.is_dir() else "does not exist"
        raise DataError(f"{what[0].upper()}{what[1:]} {shorten(path, 300)} {state}; a file is needed.")
    return result


def load_array(path: Path) -> npt.NDArray:
    """A saved array, memory-mapped. Raises StorageError where it is missing or damaged; never unpickles."""
    try:
        if path.stat().st_size == 0:
            raise ValueError("the file is empty")
        # A plain array over the mapped bytes: indexing a np.memmap costs several times as much.
        return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (ValueError, OSError, EOFError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        # NumPy reads a header as Python's literals: a damaged one can fail in any way that these can.
        raise StorageError(f"{path} is missing or damaged: {error}") from None
