"""Where a catalogue goes."""

import re
from dataclasses import dataclass

from ...errors import UsageError
from .client import checked_urls


@dataclass(frozen=True)
class ClusterTarget:
    """Where a catalogue goes. urls: of some of the cluster's nodes, commas between them. name: the alias that serves
    it. shards, replicas: of its index.

    Raises UsageError for what OpenSearch would refuse.
    """

    urls: str
    name: str
    shards: int = 1
    replicas: int = 1

    def __post_init__(self) -> None:
        checked_urls(self.urls)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,199}", self.name):
            raise UsageError(
                f"name must be up to 200 small letters, digits, '-', '_' or '.', beginning with a letter or digit; got "
                f"{self.name!r}."
            )
        for what, value, least, most in (("shards", self.shards, 1, 1024), ("replicas", self.replicas, 0, 100)):
            if not least <= value <= most:
                raise UsageError(f"{what} must be from {least} to {most:,}, got {value}.")
