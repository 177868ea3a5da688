"""Where a catalogue goes that is served by a cluster, and the variables that say how to reach it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import UsageError
from ..limits import Limits

URL_VARIABLE = "ELSA_INDEX_OPENSEARCH_URL"
USER_VARIABLE = "ELSA_INDEX_OPENSEARCH_USER"
PASSWORD_VARIABLE = "ELSA_INDEX_OPENSEARCH_PASSWORD"  # noqa: S105 (a name)
CA_VARIABLE = "ELSA_INDEX_OPENSEARCH_CA"
PLAIN_VARIABLE = "ELSA_INDEX_OPENSEARCH_PLAIN"
PATIENCE_VARIABLE = "ELSA_INDEX_OPENSEARCH_PATIENCE"


@dataclass(frozen=True)
class ClusterTarget:
    """Where a catalogue goes.

    Attributes:
        urls: Of some of the cluster's nodes, commas between them.
        name: The alias that serves it.
        shards: Of its index.
        replicas: Copies of each shard.

    Raises:
        UsageError: For what OpenSearch would refuse.
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
        Limits(1, 1024).check("shards", self.shards)
        Limits(0, 100).check("replicas", self.replicas)


def checked_urls(text: str | Sequence[str]) -> list[str]:
    """URLs of a cluster's nodes from a list, or from text where commas separate them.

    Raises UsageError for what is no URL, and for credentials inside one: they would be written to disk.

    >>> checked_urls("http://127.0.0.1:9200/,https://search.example")
    ['http://127.0.0.1:9200', 'https://search.example']
    """
    urls = [part.strip().rstrip("/") for part in (text.split(",") if isinstance(text, str) else text)]
    for url in urls:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
            usable = usable and not (parts.query or parts.fragment)
        except ValueError:
            usable = False
        if not usable:
            raise UsageError(f"{url!r} is not the URL of a cluster's node; one looks like http://127.0.0.1:9200.")
        if "@" in parts.netloc:
            raise UsageError(
                f"Credentials do not belong into a URL, which is written to disk; set {USER_VARIABLE} and "
                f"{PASSWORD_VARIABLE}, or add {parts.hostname} to your netrc file."
            )
    return urls
