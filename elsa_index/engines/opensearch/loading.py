"""Loading codes into a cluster: a new index beside the serving one, which takes over the alias in one step."""

import os
import re
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from ...errors import ClusterError, UsageError
from ..base import Counter, Progress
from .client import ClusterClient, checked_urls, is_flood_stage
from .documents import mapping

_REQUEST_BYTES = 4_000_000
_BULK_PATIENCE = 90.0
"""Seconds for which documents are sent again: a node that restarts is back within them."""
_BULK_TIMEOUT = 180.0  # a cluster waits a minute for a missing shard before it answers
_REPLICAS_IDLE = 30.0
"""Seconds without a shard on its way after which those still missing are given up."""
_LONG = 3600.0  # seconds that merging may take
_RECOVERY_SOURCE_OPTIONAL = (2, 15)


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


def served_by(client: ClusterClient, name: str) -> str | None:
    """The index behind the alias `name`; None where there is none. Raises ClusterError where the name is not ours."""
    found = client.call(f"looking for {name}", lambda: client.api.indices.get(index=name, ignore=404))
    indices = {} if "error" in found else found
    for index, about in indices.items():
        if index == name:
            raise ClusterError(
                f"{client} has an index named {name}, which is no alias of elsa-index; choose another name."
            )
        if our_meta(about) is None:
            raise ClusterError(f"{client} has an alias {name} of {index}, which is not ours; choose another name.")
    if len(indices) > 1:
        raise ClusterError(
            f"{client} has {len(indices)} indices behind {name}: {', '.join(indices)}. Remove the alias."
        )
    return next(iter(indices), None)


def count(client: ClusterClient, index: str) -> int:
    """Documents of an index, of all its shards: one that is missing for a moment is waited for."""
    from opensearchpy.exceptions import TransportError

    def complete() -> int:
        found = client.api.count(index=index)
        if found["_shards"]["failed"]:
            raise TransportError(503, "shards are missing", f"{found['_shards']['failed']} shards do not answer")
        return int(found["count"])

    return client.call(f"counting {index}", complete)


def our_meta(about: dict[str, Any]) -> dict[str, Any] | None:
    """What an index says of itself, if it is ours."""
    meta = about.get("mappings", {}).get("_meta", {}).get("elsa_index")
    return meta if isinstance(meta, dict) else None


class Load:
    """A new index on its way to the alias. `run` loads it, `publish` lets it serve, `withdraw` takes all of it back."""

    def __init__(self, client: ClusterClient, target: ClusterTarget, meta: dict[str, Any], *, overwrite: bool) -> None:
        """Raises ClusterError where the alias is in the way. Removes what killed loads left behind."""
        self.client, self.target = client, target
        self.replaces = served_by(client, target.name)
        if self.replaces is not None and not overwrite:
            raise ClusterError(
                f"{client} serves {self.replaces} under {target.name} already; choose another name or pass --overwrite "
                "(overwrite=True)."
            )
        self.left_behind = _remove_dead(client, target.name)
        self.index = f"{target.name}-{meta['fingerprint'][:8]}-{secrets.token_hex(4)}"
        loader = {"host": _host(), "pid": os.getpid(), "started": psutil.Process().create_time()}
        self._meta = meta | {"name": target.name, "complete": False, "loader": loader}

    @classmethod
    def resume(cls, client: ClusterClient, parameters: dict[str, Any]) -> "Load":
        """A load that `run` completed, from the parameters of its engine."""
        load = cls.__new__(cls)
        load.client = client
        load.target = ClusterTarget(*(parameters[key] for key in ("urls", "name", "shards", "replicas")))
        load.index, load.replaces = parameters["index"], parameters["replaces"]
        return load

    def run(self, lines: Iterable[bytes], items: int, on_progress: Progress | None) -> dict[str, Any]:
        """Sends all documents, counts them, and makes replicas. Returns what was measured: bytes of the primary
        shards, documents a second, replicas that no node could take. Whatever fails, the new index is removed.
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
        ends = time.monotonic() + _BULK_PATIENCE
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
        found = count(self.client, self.index)
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

    def publish(self) -> None:
        """The alias now names the new index; in one step, so that a search sees the old catalogue or the new one."""
        name = self.target.name
        changed = f"{self.client}: the alias {name} was changed by somebody else during the load."
        if served_by(self.client, name) != self.replaces:
            raise ClusterError(changed)
        try:
            self._swap(self.replaces, self.index)
        except ClusterError:  # also where an answer was lost, and the second request found it done
            if served_by(self.client, name) != self.index:
                raise
        if served_by(self.client, name) != self.index:  # another load looked and moved it at the same time
            raise ClusterError(changed)

    def clear_up(self) -> None:
        """Removes complete indices that serve nobody, but not the one just replaced: it may be open somewhere."""
        for index, meta in _unserved(self.client, self.target.name).items():
            if meta.get("complete") and index != self.replaces:
                self._remove(index)

    def withdraw(self) -> None:
        """Gives the alias back to what it named before, and removes the new index."""
        api = self.client.api
        found = self.client.call(f"looking at {self.index}", lambda: api.indices.get(index=self.index, ignore=404))
        if self.target.name in found.get(self.index, {}).get("aliases", {}) and self.replaces is not None:
            with suppress(ClusterError):  # it may be gone; removing the new index takes the alias from it in any case
                self._swap(self.index, self.replaces)
        self._remove(self.index)

    def _swap(self, old: str | None, new: str) -> None:
        name, api = self.target.name, self.client.api
        actions: list[dict[str, Any]] = [{"add": {"index": new, "alias": name}}]
        if old is not None:
            actions.insert(0, {"remove": {"index": old, "alias": name}})
        self.client.call(f"moving the alias {name}", lambda: api.indices.update_aliases(body={"actions": actions}))

    def _remove_after(self, error: BaseException) -> None:
        """Removes the new index. Raises ClusterError, with what `error` said, that names it where that fails too."""
        try:
            self._remove(self.index)
        except ClusterError:
            raise ClusterError(
                f"{error} The partly loaded index {self.index} is still there and serves nobody; the next build "
                "removes it, or delete it yourself."
            ) from error

    def _remove(self, index: str) -> None:
        self.client.call(f"removing {index}", lambda: self.client.api.indices.delete(index=index, ignore=404))


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


def _unserved(client: ClusterClient, name: str) -> dict[str, dict[str, Any]]:
    """Indices that were made for `name` and that no alias names, with what they say of themselves."""
    pattern = f"{name}-*"
    found = client.call(f"looking for {pattern}", lambda: client.api.indices.get(index=pattern, ignore=404))
    metas = {index: our_meta(about) for index, about in found.items() if "error" not in found and not about["aliases"]}
    return {index: meta for index, meta in metas.items() if meta is not None and meta.get("name") == name}


def _remove_dead(client: ClusterClient, name: str) -> list[str]:
    """Removes what killed loads left. Returns what stays: incomplete indices of loads that run, or that began on
    another host, of which nothing is known here.
    """
    left = []
    for index, meta in _unserved(client, name).items():
        if meta.get("complete"):
            continue
        if _is_dead(meta.get("loader", {})):
            client.call(f"removing {index}", partial(client.api.indices.delete, index=index, ignore=404))
        else:
            left.append(index)
    return left


def _host() -> str:
    """This host and, on Linux, the space of its process numbers: containers may share a name and not these."""
    spaces = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {os.readlink(spaces) if spaces.is_symlink() else ''}".strip()


def _is_dead(loader: dict[str, Any]) -> bool:
    """Whether a loading process of this host is no longer there."""
    if loader.get("host") != _host():
        return False
    try:
        return abs(psutil.Process(loader["pid"]).create_time() - loader["started"]) > 1
    except (psutil.Error, KeyError, TypeError):
        return True
