"""Writing that loses nothing: output is made beside its target and moved into place when it is complete."""

import ctypes
import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StorageError
from .files import OF_FILES, TOO_MANY
from .locks import holder, holder_file, lock_of, locked, name_holder, unlock

_IN_WORDS = re.compile("No space left on device|File too large|Disk quota exceeded|Input/output error|transport error")
"""What the system said, in errors of libraries that are no OSError."""
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # Linux: renameat2
_RENAME_SWAP = 2  # macOS: renamex_np


@contextmanager
def explained_write(target: Path) -> Iterator[None]:
    """Turns a failing write (a full disk, no permission) into an error that says what was being written."""
    try:
        yield
    except Exception as error:
        reason = None if isinstance(error, StorageError) else _reason(error)
        if reason is None:
            raise
        if reason != OF_FILES:
            free = shutil.disk_usage(target.parent if target.parent.is_dir() else Path.cwd()).free
            reason += f" ({free:,} bytes are free on its disk)"
        raise StorageError(f"{target} could not be written: {reason}. What was there before is unchanged.") from error


def _reason(error: Exception) -> str | None:
    """Why a write failed; None where something else did."""
    if isinstance(error, OSError):
        return OF_FILES if error.errno in TOO_MANY else error.strerror or str(error)
    found = _IN_WORDS.search(str(error))
    return found and found[0]


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
                f"{target} is being written by another process{holder(target)}{waited}. Try again when it has ended, "
                "or name another path."
            )
        time.sleep(0.02)
    return descriptor


def _claim(staged: Path) -> int | None:
    with suppress(FileExistsError):
        staged.mkdir()
    try:
        descriptor = lock_of(staged, os.O_NOFOLLOW)
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
    try:
        str(target).encode("utf-8")
    except UnicodeEncodeError:
        raise StorageError(
            f"{str(target)!a} is no name in UTF-8, which libraries that write there need; name another path, or "
            "set a locale that has UTF-8."
        ) from None
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
            name_holder(target)
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
            holder_file(target).unlink(missing_ok=True)
            unlock(lock)


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
