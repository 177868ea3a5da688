"""Loading codes into a cluster: a new index beside the serving one, which takes over the alias in one step."""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import psutil

from ...errors import ClusterError
from ..batching import Counter
from ..cluster_target import ClusterTarget
from ..contract import Progress
from .catalogues import count_documents, remove, remove_dead, served_by, this_host
from .client import ClusterClient, is_flood_stage
from .documents import mapping

_REQUEST_BYTES = 4_000_000
_BULK_PATIENCE = 6.0
"""Times a request's patience, 90 seconds, for which documents are sent again: a node that restarts is back by then."""
_BULK_TIMEOUT = 180.0  # a cluster waits a minute for a missing shard before it answers
_REPLICAS_IDLE = 30.0
"""Seconds without a shard on its way after which those still missing are given up."""
_LONG = 3600.0  # seconds that merging may take
_RECOVERY_SOURCE_OPTIONAL = (2, 15)


class Load:
    """A new index, loaded beside the one that serves; `Takeover` then lets it serve."""

    def __init__(self, client: ClusterClient, target: ClusterTarget, meta: dict[str, Any], *, overwrite: bool) -> None:
        """Raises ClusterError where the alias is in the way. Removes what killed loads left behind."""
        self.client, self.target = client, target
        self.replaces = served_by(client, target.name)
        if self.replaces is not None and not overwrite:
            raise ClusterError(
                f"{client} serves {self.replaces} under {target.name} already; choose another name or pass --overwrite "
                "(overwrite=True)."
            )
        self.left_behind = remove_dead(client, target.name)
        self.index = f"{target.name}-{meta['fingerprint'][:8]}-{secrets.token_hex(4)}"
        loader = {"host": this_host(), "pid": os.getpid(), "started": psutil.Process().create_time()}
        self._meta = meta | {"name": target.name, "complete": False, "loader": loader}

    def run(self, lines: Iterable[bytes], items: int, on_progress: Progress | None) -> dict[str, Any]:
        """Sends all documents, counts them, and makes replicas. Returns what was measured: bytes of the primary
        shards, documents per second, replicas that no node could take. Whatever fails, the new index is removed.
        """
        api, call = self.client.api, self.client.call
        settings = {
            "number_of_shards": self.target.shards,
            "number_of_replicas": 0,
            "refresh_interval": "-1",
        }
        fields = mapping(self._meta, recovery_source=not self.client.is_at_least(_RECOVERY_SOURCE_OPTIONAL))
        try:
            self._create({"settings": {"index": settings}, "mappings": fields})
            started = time.perf_counter()
            self._send(lines, Counter(items, on_progress))
            call(f"refreshing {self.index}", lambda: api.indices.refresh(index=self.index), _BULK_PATIENCE)
            seconds = time.perf_counter() - started
            self._check_count(items)
            call(
                f"merging {self.index}",
                lambda: api.indices.forcemerge(index=self.index, params={"max_num_segments": 1}, request_timeout=_LONG),
            )
            # On disk before there are replicas: they copy files and never ask for single documents.
            call(f"flushing {self.index}", lambda: api.indices.flush(index=self.index), _BULK_PATIENCE)
            missing = self._add_replicas()
            complete = mapping(self._meta | {"complete": True})["_meta"]
            call(f"sealing {self.index}", lambda: api.indices.put_mapping(index=self.index, body={"_meta": complete}))
            sealed = {"index.blocks.write": True}  # what was counted and proven stays as it is
            call(f"sealing {self.index}", lambda: api.indices.put_settings(index=self.index, body=sealed))
            self._check_count(items)
            stats = call(f"measuring {self.index}", lambda: api.indices.stats(index=self.index, metric="store"))
            size = stats["_all"]["primaries"]["store"]["size_in_bytes"]
        except BaseException as error:
            self._remove_after(error)
            raise
        rate = round(items / seconds, 1)
        return {"primary_bytes": int(size), "documents_per_second": rate, "missing_replicas": missing}

    def _create(self, body: dict[str, Any]) -> None:
        create = partial(self.client.api.indices.create, index=self.index, body=body, ignore=400)
        refused = self.client.call(f"creating {self.index}", create).get("error")
        # Its name is random: where it exists, the answer to a first request was lost.
        if refused and refused.get("type") != "resource_already_exists_exception":
            raise ClusterError(f"{self.client} failed while creating {self.index}: {refused.get('reason')}")

    def _send(self, lines: Iterable[bytes], counter: Counter) -> None:
        for body, count in _requests(lines):
            self._send_one(body)
            counter.add(count)

    def _send_one(self, body: bytes) -> None:
        """One bulk request; documents that busy nodes refuse are sent again, longer and longer pauses between."""
        ends = time.monotonic() + _BULK_PATIENCE * self.client.patience
        pause = 0.1
        doing = f"loading {self.index}"
        while True:
            answer = self.client.call(
                doing,
                partial(
                    self.client.api.bulk,
                    body=body,
                    index=self.index,
                    params={"filter_path": "errors,items.*.status,items.*.error"},
                    request_timeout=_BULK_TIMEOUT,
                ),
                _BULK_PATIENCE,
            )
            if not answer["errors"]:
                return
            results = [item["index"] for item in answer["items"]]
            refused = [(at, one) for at, one in enumerate(results) if one["status"] >= 300]
            final = [one for _, one in refused if not _worth_repeating(one)]
            if final or time.monotonic() + pause > ends:
                status, why = (final or [refused[0][1]])[0].values()
                raise ClusterError(
                    f"{self.client} refused {len(refused):,} of {len(results):,} documents of a request while {doing}: "
                    f"{self.client.explained_refusal(status, str(why.get('reason', why)))}"
                )
            pairs = body.split(b"\n")
            body = b"\n".join(line for at, _ in refused for line in pairs[2 * at : 2 * at + 2]) + b"\n"
            time.sleep(pause)
            pause = min(2 * pause, 10.0)

    def _check_count(self, items: int) -> None:
        found = count_documents(self.client, self.index)
        if found != items:
            raise ClusterError(f"{self.client} holds {found:,} of {items:,} documents in {self.index}.")

    def _add_replicas(self) -> int:
        """Gives the index its replicas, waits for those that there are nodes for, returns how many are missing."""
        api, call = self.client.api, self.client.call
        settings = {"number_of_replicas": self.target.replicas, "refresh_interval": None}
        call(f"configuring {self.index}", lambda: api.indices.put_settings(index=self.index, body={"index": settings}))
        needed = (1 + self.target.replicas) * self.target.shards
        last_moved = time.monotonic()
        while True:
            health = call("waiting for replicas", lambda: api.cluster.health(index=self.index))
            if health["initializing_shards"] + health["relocating_shards"]:
                last_moved = time.monotonic()
            nodes = int(health["number_of_data_nodes"])
            reachable = min(needed, nodes * self.target.shards)  # no node holds two copies of a shard
            if health["active_shards"] >= reachable or time.monotonic() - last_moved > _REPLICAS_IDLE:
                break
            time.sleep(0.2)
        if health["status"] == "red":
            raise ClusterError(f"{self.client} misses shards of {self.index}: a node that held them is away.")
        return int(needed - health["active_shards"])

    def _remove_after(self, error: BaseException) -> None:
        """Removes the new index. Raises ClusterError, with what `error` said, that names it where that fails too."""
        try:
            remove(self.client, self.index)
        except ClusterError:
            raise ClusterError(
                f"{error} The partly loaded index {self.index} is still there and serves nobody; the next build "
                "removes it, or delete it yourself."
            ) from error


def _requests(lines: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Bodies of bulk requests, and how many documents each has."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if size >= _REQUEST_BYTES:
            yield b"".join(batch), len(batch)
            batch, size = [], 0
    if batch:
        yield b"".join(batch), len(batch)


def _worth_repeating(result: dict[str, Any]) -> bool:
    return result["status"] in (429, 503) and not is_flood_stage(str(result.get("error")))
