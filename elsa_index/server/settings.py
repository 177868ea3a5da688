"""What a service is started with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..errors import UsageError, shorten
from ..limits import THREADS, Limits, check_limits
from ..processors import usable_processors
from .hosts import check_name

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LEAST_TOKEN = 16
_ORIGIN = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")
_VISIBLE = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Settings:
    """threads: that search at the same time, 0 for one per processor; further requests wait their turn. token: a secret
    that requests must bear, or None. grace: seconds that running requests have when the service stops. allow_hosts:
    names that requests may call the service by, besides addresses, localhost and this machine's name. connections: at
    the same time, at most. images: hosts whose pictures, by https, the page shows. exclusions: a file of ids that are
    never returned. log_level: the least that is logged: debug, info, warning or error. deadline: seconds that a
    request may wait from its arrival on; one that would wait longer is refused at once. workers: processes.
    allow_origins: sites whose pages may ask from a browser, as https://shop.example. traces: whether requests are
    traced, by OpenTelemetry.

    Raises UsageError for values out of range.
    """

    threads: int = 0
    token: str | None = None
    grace: int = 30
    allow_hosts: tuple[str, ...] = ()
    connections: int = 1000
    images: tuple[str, ...] = ()
    exclusions: Path | None = None
    log_level: str = "info"
    deadline: float = 2.0
    workers: int = 1
    allow_origins: tuple[str, ...] = ()
    traces: bool = False

    LIMITS: ClassVar[Mapping[str, Limits]] = {
        "threads": Limits(0, THREADS.most),
        "grace": Limits(0, 86_400),
        "connections": Limits(1, 100_000),
        "workers": Limits(1, 1000),
        "deadline": Limits(0.001, 3600, whole=False),
    }

    def __post_init__(self) -> None:
        check_limits(self, self.LIMITS)
        for name in self.allow_hosts:
            if name != "*":  # every host
                check_name(name, "A host to allow")
        for name in self.images:
            check_name(name, "A host of images")
        for origin in self.allow_origins:
            if not _ORIGIN.fullmatch(origin):
                raise UsageError(
                    f"An origin to allow is as https://shop.example, a scheme and a host; got {shorten(origin)}."
                )
        if self.token is not None and (len(self.token) < _LEAST_TOKEN or not _VISIBLE.fullmatch(self.token)):
            raise UsageError(
                f"The token must be at least {_LEAST_TOKEN} visible ASCII characters, got {len(self.token)}. Make one: "
                "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
            )

    @property
    def searching_threads(self) -> int:
        """Of one worker: `threads`, or where that is 0 its share of the processors."""
        return self.threads or max(1, usable_processors() // self.workers)
