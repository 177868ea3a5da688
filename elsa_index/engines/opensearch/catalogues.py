"""What a cluster holds under a name: the index that serves, and those that are left of loads."""

import os
import socket
from pathlib import Path
from typing import Any

import psutil

from ...errors import ClusterError
from .client import ClusterClient


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


def count_documents(client: ClusterClient, index: str) -> int:
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


def remove(client: ClusterClient, index: str) -> None:
    client.call(f"removing {index}", lambda: client.api.indices.delete(index=index, ignore=404))


def unserved(client: ClusterClient, name: str) -> dict[str, dict[str, Any]]:
    """Indices that were made for `name` and that no alias names, with what they say of themselves."""
    pattern = f"{name}-*"
    found = client.call(f"looking for {pattern}", lambda: client.api.indices.get(index=pattern, ignore=404))
    metas = {index: our_meta(about) for index, about in found.items() if "error" not in found and not about["aliases"]}
    return {index: meta for index, meta in metas.items() if meta is not None and meta.get("name") == name}


def remove_dead(client: ClusterClient, name: str) -> list[str]:
    """Removes what killed loads left. Returns what stays: incomplete indices of loads that run, or that began on
    another host, of which nothing is known here.
    """
    left = []
    for index, meta in unserved(client, name).items():
        if meta.get("complete"):
            continue
        if is_dead(meta.get("loader", {})):
            remove(client, index)
        else:
            left.append(index)
    return left


def this_host() -> str:
    """This host and, on Linux, the space of its process numbers: containers may share a name and not these."""
    spaces = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {os.readlink(spaces) if spaces.is_symlink() else ''}".strip()


def is_dead(loader: dict[str, Any]) -> bool:
    """Whether a loading process of this host is no longer there."""
    if loader.get("host") != this_host():
        return False
    try:
        return abs(psutil.Process(loader["pid"]).create_time() - loader["started"]) > 1
    except (psutil.Error, KeyError, TypeError):
        return True
