"""By which names a request may call the service. A page of another site can make a browser ask this machine under that
site's name (DNS rebinding), and then reads what it answers; no such page can do so under a name that is ours."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from functools import lru_cache

from ..errors import UsageError, shorten

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


class Hosts:
    """Addresses, `localhost`, this machine's name, and the names that were allowed; `*` allows every one.

    >>> hosts = Hosts(["shop.example"])
    >>> [hosts.allow(host) for host in (b"127.0.0.1:8080", b"[::1]:80", b"Shop.example", b"evil.example")]
    [True, True, True, False]
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        names = [name.lower().rstrip(".") for name in allowed]
        self._any = "*" in names
        self._names = {"localhost", socket.gethostname().lower(), *names}

    def allow(self, header: bytes | None) -> bool:
        """header: of a request, `Host`. Without one it is no browser that asks."""
        return header is None or self._any or self._is_ours(header)

    @lru_cache(maxsize=256)  # clients call a service by few names  # noqa: B019
    def _is_ours(self, header: bytes) -> bool:
        host = re.sub(r":\d*$", "", header.decode("latin-1")).lower().rstrip(".")
        return host in self._names or _is_address(host.removeprefix("[").removesuffix("]"))


def check_name(name: str, what: str) -> None:
    """Raises UsageError where `name` is no name of a host, or comes with a scheme or a port. what: it is, in the
    message."""
    if not _NAME.fullmatch(name.lower().rstrip(".")) and not _is_address(name):
        raise UsageError(f"{what} is a name as shop.example, without http:// and without a port; got {shorten(name)}.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
