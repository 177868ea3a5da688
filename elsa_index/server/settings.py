"""What a service is started with."""

import re
from dataclasses import dataclass

from ..errors import UsageError
from ..processors import usable_processors

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LEAST_TOKEN = 16
_VISIBLE = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Settings:
    """threads: that search at the same time; further requests wait their turn. token: a secret that requests must bear,
    or None. grace: seconds that running requests have when the service stops.

    Raises UsageError for values out of range.
    """

    threads: int = 0
    token: str | None = None
    grace: int = 30

    def __post_init__(self) -> None:
        if self.threads < 0 or self.grace < 0:
            raise UsageError(f"threads and grace must not be negative, got {self.threads} and {self.grace}.")
        if self.token is not None and (len(self.token) < _LEAST_TOKEN or not _VISIBLE.fullmatch(self.token)):
            raise UsageError(
                f"The token must be at least {_LEAST_TOKEN} visible ASCII characters, got {len(self.token)}. Make one: "
                "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
            )

    @property
    def searching_threads(self) -> int:
        """`threads`, or where that is 0 one per processor."""
        return self.threads or usable_processors()
