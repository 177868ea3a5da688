"""Talking to a cluster: credentials, certificates, patience, and errors that say what to do."""

import os
import re
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from ...errors import ClusterError, UsageError
from ..cluster_target import (
    CA_VARIABLE,
    PASSWORD_VARIABLE,
    PATIENCE_VARIABLE,
    URL_VARIABLE,
    USER_VARIABLE,
    checked_urls,
)
from .credentials import credentials_for, withheld_from

CLAUSE_SETTING = "indices.query.bool.max_clause_count"
OLDEST_VERSION = (1, 1)
"""The first with the function `linear` of rank_feature."""
_PATIENCE = 15.0
"""Seconds for which a request is tried again while nodes are busy, or leave and others take over."""
_OPENING = 0.2
"""The first request's share of them: a cluster that is not there should be said to be away soon."""
_BUSY = (429, 502, 503, 504)
_DISCONNECTED = 500
"""What a node answers when another one leaves in the middle of a request, among other things."""
_TIMEOUT, _OPENING_TIMEOUT = 30.0, 5.0  # seconds for an answer
_CONNECTIONS = 32
_T = TypeVar("_T")


class ClusterClient:
    """A cluster reached through some of its nodes; requests go to another node where one does not answer."""

    def __init__(self, urls: str | Sequence[str]) -> None:
        """Raises ClusterError where no node answers, where it is no OpenSearch, or an OpenSearch too old."""
        from opensearchpy import OpenSearch
        from opensearchpy.exceptions import SerializationError

        self.urls = checked_urls(urls)
        self.patience = _patience()
        credentials = credentials_for(self.urls)
        self._user = credentials[0] if credentials else None
        authority = os.environ.get(CA_VARIABLE)
        if authority:
            _check_authority(authority)
        self._connect = partial(
            OpenSearch,
            self.urls,
            # The library sends credentials as Latin-1; so these come out as UTF-8, as clusters read them.
            http_auth=credentials and tuple(part.encode().decode("latin-1") for part in credentials),
            ca_certs=authority,
            timeout=_TIMEOUT,
            max_retries=len(self.urls),
            retry_on_timeout=True,
            pool_maxsize=_CONNECTIONS,
        )
        self._api, self._connected_in = self._connect(), os.getpid()
        try:
            info = partial(self.api.info, request_timeout=_OPENING_TIMEOUT)
            found = self.call("asking for its version", info, _OPENING)["version"]
            self.version = str(found["number"])
        except (SerializationError, KeyError, TypeError):
            raise ClusterError(f"What answers at {', '.join(self.urls)} is no OpenSearch. Correct the URL.") from None
        if found.get("distribution") != "opensearch":
            raise ClusterError(
                f"{self} is no OpenSearch (version {self.version}); for Elasticsearch: elsa-index export --to "
                "elasticsearch."
            )
        if not self.is_at_least(OLDEST_VERSION):
            oldest = ".".join(map(str, OLDEST_VERSION))
            raise ClusterError(f"{self} runs OpenSearch {self.version}; {oldest} is the oldest that works. Upgrade it.")

    @property
    def api(self) -> Any:
        """The library's client, with connections of this process's own: on those of the process that it was forked from
        both would read each other's answers."""
        if self._connected_in != os.getpid():
            self._api, self._connected_in = self._connect(), os.getpid()
        return self._api

    def is_at_least(self, version: tuple[int, int]) -> bool:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:2]) >= version

    def __str__(self) -> str:
        return f"The cluster at {', '.join(self.urls)}"

    def call(self, doing: str, method: Callable[[], _T], patience: float = 1.0) -> _T:
        """The method's answer; tried again, after longer and longer pauses, while nodes are busy or away, for
        `patience` times the seconds that this client has. Raises ClusterError, `doing` says what was being done.
        """
        from opensearchpy.exceptions import ConnectionError, SSLError, TransportError

        ends = time.monotonic() + patience * self.patience
        pause = 0.05
        while True:
            try:
                return method()
            except TransportError as error:
                away = isinstance(error, ConnectionError) and not isinstance(error, SSLError)
                transient = (away or error.status_code in (*_BUSY, _DISCONNECTED)) and not is_flood_stage(str(error))
                if not transient or time.monotonic() + pause > ends:
                    raise ClusterError(f"{self} failed while {doing}: {self.explained(error)}") from error
            time.sleep(pause)
            pause = min(2 * pause, 5.0)

    def explained(self, error: Any) -> str:
        """What a failure of the transport means, and what to do."""
        from opensearchpy.exceptions import ConnectionError, SSLError

        if isinstance(error, SSLError) and "WRONG_VERSION_NUMBER" in _reason(error):
            return "it does not speak TLS; begin the URL with http://."
        if isinstance(error, SSLError):
            return (
                f"its certificate is not trusted ({_reason(error)}). Name the authority's file in {CA_VARIABLE}, "
                "or correct the host's name in the URL."
            )
        if isinstance(error, ConnectionError):
            return f"no node answers ({_reason(error)}). Start it, or name another in {URL_VARIABLE}."
        if error.status_code == 401:
            if withheld_from(self.urls):
                return (
                    f"it refuses requests without a user, and {USER_VARIABLE} goes only to hosts that you name: set "
                    f"{URL_VARIABLE} to the cluster's URL."
                )
            who = f"the user {self._user!r}" if self._user else "requests without a user"
            return f"it refuses {who}. Set {USER_VARIABLE} and {PASSWORD_VARIABLE}, or correct your netrc file."
        return self.explained_refusal(error.status_code, _reason(error))

    def explained_refusal(self, status: object, reason: str) -> str:
        """What a refused request or document means, and what to do."""
        if is_flood_stage(reason):
            return (
                f"a node's disk is full, and the index takes no more documents (flood stage): {reason}. Free disk "
                "space or add a node."
            )
        if "too_many_clauses" in reason:
            return f"the query has more clauses than its setting {CLAUSE_SETTING} allows ({reason}); raise it."
        if status == 404 and "no such index" in reason:
            return f"the catalogue was changed, built again or removed since it was opened ({reason}); open it again."
        if status == 403:
            return f"the user {self._user!r} may not do this: {reason}"
        if status in _BUSY:
            return f"it is too busy, or shards are missing, and did not recover in time (status {status}): {reason}"
        return f"status {status}: {reason}"

    def close(self) -> None:
        if self._connected_in == os.getpid():
            self._api.close()


def _patience() -> float:
    """Seconds for which requests are tried again. Raises UsageError where the variable holds no such number."""
    given = os.environ.get(PATIENCE_VARIABLE) or str(_PATIENCE)
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{PATIENCE_VARIABLE} must be a number of seconds, for example 15; got {given!r}.")
    return seconds


def _check_authority(path: str) -> None:
    """Raises UsageError where `path` holds no certificate."""
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{CA_VARIABLE} names {path!r}, which holds no certificate: {error}") from None


def is_flood_stage(reason: str) -> bool:
    """Whether a cluster refuses documents because a disk is full: more patience does not help."""
    return "read-only-allow-delete" in reason or "flood-stage" in reason


def _reason(error: Any) -> str:
    """The cluster's own words, from wherever it put them."""
    info = getattr(error, "info", None)
    if isinstance(info, dict) and isinstance(info.get("error"), dict):
        root = (info["error"].get("root_cause") or [info["error"]])[0]
        caused = info["error"].get("caused_by") or {}
        parts = [str(part.get("reason")) for part in (root, caused) if part.get("reason")]
        return "; ".join(dict.fromkeys(parts)) or str(error.error)
    return str(info or error.error).split("\n")[0][:500]
