"""Memory that a training may take."""

from contextlib import suppress
from pathlib import Path

import psutil


def free_memory() -> int:
    """Bytes, within the container's limit where there is one."""
    free = int(psutil.virtual_memory().available)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    with suppress(OSError, ValueError):  # no container, or "max"
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free
