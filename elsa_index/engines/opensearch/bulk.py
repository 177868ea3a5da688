"""Bulk requests: documents that are written and deleted, sent again where busy nodes refuse them."""

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ...errors import ClusterError
from ..batching import Counter
from .client import ClusterClient, is_flood_stage

PATIENCE = 6.0
"""Times a request's patience, 90 seconds, for which documents are sent again: a node that restarts is back by then."""
_REQUEST_BYTES = 4_000_000
_TIMEOUT = 180.0  # a cluster waits a minute for a missing shard before it answers


def send(client: ClusterClient, index: str, actions: Iterable[bytes], counter: Counter) -> None:
    """Sends the lines of each action. Raises ClusterError for what the cluster refuses."""
    for batch in _batches(actions):
        _send_one(client, index, batch)
        counter.add(len(batch))


def _send_one(client: ClusterClient, index: str, batch: list[bytes]) -> None:
    """One bulk request; documents that busy nodes refuse are sent again, longer and longer pauses between."""
    ends = time.monotonic() + PATIENCE * client.patience
    pause = 0.1
    doing = f"loading {index}"
    while True:
        answer = client.call(
            doing,
            partial(
                client.api.bulk,
                body=b"".join(batch),
                index=index,
                params={"filter_path": "errors,items.*.status,items.*.error"},
                request_timeout=_TIMEOUT,
            ),
            PATIENCE,
        )
        if not answer["errors"]:
            return
        results = [result for item in answer["items"] for result in item.values()]
        # What is to be deleted and is not there was deleted by a request whose answer was lost.
        refused = [(at, one) for at, one in enumerate(results) if one["status"] >= 300 and "error" in one]
        final = [one for _, one in refused if not _worth_repeating(one)]
        if final or time.monotonic() + pause > ends:
            status, why = (final or [refused[0][1]])[0].values()
            raise ClusterError(
                f"{client} refused {len(refused):,} of {len(results):,} documents of a request while {doing}: "
                f"{client.explained_refusal(status, str(why.get('reason', why)))}"
            )
        batch = [batch[at] for at, _ in refused]
        time.sleep(pause)
        pause = min(2 * pause, 10.0)


def _batches(actions: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Actions by request."""
    batch: list[bytes] = []
    size = 0
    for action in actions:
        batch.append(action)
        size += len(action)
        if size >= _REQUEST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _worth_repeating(result: dict[str, Any]) -> bool:
    return result["status"] in (429, 503) and not is_flood_stage(str(result.get("error")))
