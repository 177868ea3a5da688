"""Who asks a cluster, and to whom that is told: to hosts that the user named, and not to whatever an index names."""

import netrc
import os
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import UsageError
from ..cluster_target import PASSWORD_VARIABLE, PLAIN_VARIABLE, URL_VARIABLE, USER_VARIABLE, checked_urls

_Place = tuple[str, str, int]
_USUAL_PORTS = {"http": 9200, "https": 443}  # those of opensearch-py
_named: set[_Place] = set()
"""Scheme, host and port of the URLs that this process was told to build on."""


def name_hosts(urls: Iterable[str]) -> None:
    """The user named these URLs: credentials may go there."""
    _named.update(map(_place, urls))


def credentials_for(urls: list[str]) -> tuple[str, str] | None:
    """User and password for all of `urls`, or None.

    Those of the environment go to URLs (scheme, host and port) that `ELSA_INDEX_OPENSEARCH_URL` or an option named;
    those of the netrc file to the hosts of its entries, and its default to URLs that were named. An index may come from
    somebody else.

    Raises UsageError where one of the two variables is missing, and where they would leave this machine unencrypted.
    """
    hosts = set(map(_host, urls))
    user, password = os.environ.get(USER_VARIABLE), os.environ.get(PASSWORD_VARIABLE)
    if bool(user) != bool(password):
        raise UsageError(f"{USER_VARIABLE} and {PASSWORD_VARIABLE} belong together; one of them is not set.")
    named = set(map(_place, urls)) <= _named | set(map(_place, _urls_of_environment()))
    found = (user, password) if user and password and named else _from_netrc(hosts, or_default=named)
    plain = [url for url in urls if url.startswith("http:") and not _is_loopback(_host(url))]
    if found and plain and os.environ.get(PLAIN_VARIABLE) != "1":
        raise UsageError(
            f"{plain[0]} is not encrypted, and whoever is on the way could read the password: begin it with https://, "
            f"or set {PLAIN_VARIABLE}=1 to send it all the same."
        )
    return found


def withheld_from(urls: list[str]) -> bool:
    """Whether there are credentials in the environment that these URLs do not get."""
    return bool(os.environ.get(USER_VARIABLE)) and credentials_for(urls) is None


def recipients() -> list[str]:
    """In words: who is told which user's password, as the environment and the netrc file have it."""
    said = []
    if user := os.environ.get(USER_VARIABLE):
        urls = _urls_of_environment()
        said.append(f"{user!r} of {USER_VARIABLE} to {', '.join(urls) or f'no host, as {URL_VARIABLE} names none'}")
    said += [f"{entry[0]!r} of the netrc file to {host}" for host, entry in sorted(_netrc_hosts().items())]
    return said


def _urls_of_environment() -> list[str]:
    given = os.environ.get(URL_VARIABLE)
    return checked_urls(given) if given else []


def _from_netrc(hosts: set[str], *, or_default: bool) -> tuple[str, str] | None:
    entries = _netrc_hosts()
    found = {entries.get(host, entries.get("default") if or_default else None) for host in hosts}
    return found.pop() if len(found) == 1 else None


def _netrc_hosts() -> dict[str, tuple[str, str]]:
    """User and password by host."""
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError):
        return {}
    return {host: (login, password) for host, (login, _, password) in hosts.items() if login and password}


def _place(url: str) -> _Place:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _USUAL_PORTS[parts.scheme]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
