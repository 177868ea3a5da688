"""Changing a catalogue on a cluster: the next index is a clone of the one that serves, whose files nodes link, with
other documents. Whoever searches the one before goes on, and the alias moves in one step."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from ...errors import ClusterError
from ..batching import Counter
from ..cluster_target import ClusterTarget
from .catalogues import is_dead, our_meta, served_by
from .client import ClusterClient
from .new_index import WHILE_WRITTEN, NewIndex

_LONG = 120.0  # seconds that cloning may take


class NextIndex(NewIndex):
    """A clone of an index, changed.

    source: the index that the directory names. replaces: the one that the alias names, which is the same, or what a
    change left there that was killed just before its directory came into place.
    """

    def __init__(self, client: ClusterClient, target: ClusterTarget, meta: dict[str, Any], source: str) -> None:
        """Raises ClusterError where the alias names what others loaded."""
        self.source = source
        self.replaces = served_by(client, target.name)
        if self.replaces not in (None, source):
            _check_is_left_of(client, str(self.replaces), source, target.name)
        super().__init__(client, target, meta | {"from": source})

    def run(self, actions: Iterable[bytes], items: int, *, merged: bool = False) -> dict[str, Any]:
        """Sends what changed. merged: puts the documents of each shard into one segment. Returns what was measured."""
        try:
            self._clone()
            self.describe(self.meta)
            self.send(actions, Counter(items, None))
            if merged:
                self.merge()
            return self.complete(items)
        except BaseException as error:
            self.remove_after(error)
            raise

    def _clone(self) -> None:
        api = self.client.api
        body = {"settings": {"index": WHILE_WRITTEN | {"blocks.write": None}}}
        clone = partial(
            api.indices.clone, index=self.source, target=self.index, body=body, ignore=400,
            params={"wait_for_active_shards": "all", "timeout": f"{_LONG:.0f}s"}, request_timeout=_LONG,
        )  # fmt: skip
        self.make(f"cloning {self.source} as", clone)
        ready = partial(
            api.cluster.health, index=self.index, params={"wait_for_status": "yellow", "timeout": f"{_LONG:.0f}s"},
            request_timeout=_LONG,
        )  # fmt: skip
        if self.client.call(f"waiting for {self.index}", ready)["status"] == "red":
            raise ClusterError(f"{self.client} misses shards of {self.index}, a clone of {self.source}.")


def _check_is_left_of(client: ClusterClient, served: str, source: str, name: str) -> None:
    """Raises ClusterError unless `served` was made of `source` by a process that is no more."""
    found = client.call(f"looking at {served}", lambda: client.api.indices.get(index=served))
    meta = our_meta(found[served]) or {}
    if meta.get("from") != source or not is_dead(meta.get("loader", {})):
        raise ClusterError(
            f"{client} serves {served} under {name}, and this directory is of {source}: somebody else built or changed "
            "the catalogue. Fetch their directory, or build again."
        )
