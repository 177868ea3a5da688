"""An index on the cluster that is being made, beside the one that serves."""

import os
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

import psutil

from ...errors import ClusterError
from ..batching import Counter
from ..cluster_target import ClusterTarget
from . import bulk
from .catalogues import count_documents, remove, remove_dead, this_host
from .client import ClusterClient
from .documents import mapping

_REPLICAS_IDLE = 30.0
"""Seconds without a shard on its way after which those still missing are given up."""
_LONG = 3600.0  # seconds that merging may take
WHILE_WRITTEN = {
    "number_of_replicas": 0,
    "refresh_interval": "-1",
    # A shard that moved meanwhile would have to be sent single documents, which nobody keeps, and would never arrive.
    "routing.rebalance.enable": "none",
}
_ONCE_WRITTEN = {"refresh_interval": None, "routing.rebalance.enable": None}


class NewIndex:
    """Filled, counted, merged and sealed; `Takeover` then lets it serve. Whatever fails, `remove_after` removes it.

    left_behind: incomplete indices of other hosts, of which nothing is known here.
    """

    def __init__(self, client: ClusterClient, target: ClusterTarget, meta: dict[str, Any]) -> None:
        """Removes what killed loads left behind."""
        self.client, self.target = client, target
        self.left_behind = remove_dead(client, target.name)
        self.index = f"{target.name}-{meta['fingerprint'][:8]}-{secrets.token_hex(4)}"
        loader = {"host": this_host(), "pid": os.getpid(), "started": psutil.Process().create_time()}
        self.meta = meta | {"name": target.name, "complete": False, "loader": loader}

    def make(self, doing: str, request: Callable[[], dict[str, Any]]) -> None:
        """Creates the index. Raises ClusterError where the cluster refuses."""
        refused = self.client.call(f"{doing} {self.index}", request).get("error")
        # Its name is random: where it exists, the answer to a first request was lost.
        if refused and refused.get("type") != "resource_already_exists_exception":
            raise ClusterError(f"{self.client} failed while {doing} {self.index}: {refused.get('reason')}")

    def send(self, actions: Iterable[bytes], counter: Counter) -> None:
        """Sends documents, after which searches see them."""
        bulk.send(self.client, self.index, actions, counter)
        api = self.client.api
        self.client.call(f"refreshing {self.index}", lambda: api.indices.refresh(index=self.index), bulk.PATIENCE)

    def merge(self) -> None:
        """Puts each shard's documents into one segment."""
        merge = self.client.api.indices.forcemerge
        self.client.call(
            f"merging {self.index}",
            lambda: merge(index=self.index, params={"max_num_segments": 1}, request_timeout=_LONG),
        )

    def complete(self, items: int) -> dict[str, Any]:
        """Counts documents and makes replicas; nothing is written into the index afterwards. Returns bytes of the
        primary shards, and replicas that no node could take.
        """
        api, call = self.client.api, self.client.call
        self.check_count(items)
        # On disk before there are replicas: they copy files and never ask for single documents.
        call(f"flushing {self.index}", lambda: api.indices.flush(index=self.index), bulk.PATIENCE)
        missing = self._add_replicas()
        self.describe(self.meta | {"complete": True})
        sealed = {"index.blocks.write": True}  # what was counted and proven stays as it is
        call(f"sealing {self.index}", lambda: api.indices.put_settings(index=self.index, body=sealed))
        self.check_count(items)
        stats = call(f"measuring {self.index}", lambda: api.indices.stats(index=self.index, metric="store"))
        return {
            "primary_bytes": int(stats["_all"]["primaries"]["store"]["size_in_bytes"]),
            "missing_replicas": missing,
        }

    def describe(self, meta: dict[str, Any]) -> None:
        """What the index says of itself."""
        about, api = {"_meta": mapping(meta)["_meta"]}, self.client.api
        self.client.call(f"sealing {self.index}", lambda: api.indices.put_mapping(index=self.index, body=about))

    def check_count(self, items: int) -> None:
        found = count_documents(self.client, self.index)
        if found != items:
            raise ClusterError(f"{self.client} holds {found:,} of {items:,} documents in {self.index}.")

    def _add_replicas(self) -> int:
        """Gives the index its replicas, waits for those that there are nodes for, returns how many are missing."""
        api, call = self.client.api, self.client.call
        settings = _ONCE_WRITTEN | {"number_of_replicas": self.target.replicas}
        call(f"configuring {self.index}", lambda: api.indices.put_settings(index=self.index, body={"index": settings}))
        needed = (1 + self.target.replicas) * self.target.shards
        last_moved = time.monotonic()
        while True:
            health = call("waiting for replicas", lambda: api.cluster.health(index=self.index))
            if health["initializing_shards"]:
                last_moved = time.monotonic()
            nodes = int(health["number_of_data_nodes"])
            reachable = min(needed, nodes * self.target.shards)  # no node holds two copies of a shard
            if health["active_shards"] >= reachable or time.monotonic() - last_moved > _REPLICAS_IDLE:
                break
            time.sleep(0.2)
        if health["status"] == "red":
            raise ClusterError(f"{self.client} misses shards of {self.index}: a node that held them is away.")
        return int(needed - health["active_shards"])

    def remove_after(self, error: BaseException) -> None:
        """Removes the new index. Raises ClusterError, with what `error` said, that names it where that fails too."""
        try:
            remove(self.client, self.index)
        except ClusterError:
            raise ClusterError(
                f"{error} The partly loaded index {self.index} is still there and serves nobody; the next build "
                "removes it, or delete it yourself."
            ) from error
