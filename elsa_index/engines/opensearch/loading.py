"""Loading codes into a cluster: a new index beside the serving one, which takes over the alias in one step."""

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from ...errors import ClusterError
from ..batching import Counter
from ..cluster_target import ClusterTarget
from ..contract import Progress
from .catalogues import served_by
from .client import ClusterClient
from .documents import mapping
from .new_index import WHILE_WRITTEN, NewIndex

_RECOVERY_SOURCE_OPTIONAL = (2, 15)


class Load(NewIndex):
    """A new index with all documents.

    replaces: the index that the alias named when the load began.
    """

    def __init__(self, client: ClusterClient, target: ClusterTarget, meta: dict[str, Any], *, overwrite: bool) -> None:
        """Raises ClusterError where the alias is in the way."""
        self.replaces = served_by(client, target.name)
        if self.replaces is not None and not overwrite:
            raise ClusterError(
                f"{client} serves {self.replaces} under {target.name} already; choose another name or pass --overwrite "
                "(overwrite=True)."
            )
        super().__init__(client, target, meta)

    def run(self, actions: Iterable[bytes], items: int, on_progress: Progress | None) -> dict[str, Any]:
        """Sends all documents. Returns what was measured, documents per second among it."""
        settings = WHILE_WRITTEN | {"number_of_shards": self.target.shards}
        fields = mapping(self.meta, recovery_source=not self.client.is_at_least(_RECOVERY_SOURCE_OPTIONAL))
        try:
            body = {"settings": {"index": settings}, "mappings": fields}
            self.make("creating", partial(self.client.api.indices.create, index=self.index, body=body, ignore=400))
            started = time.perf_counter()
            self.send(actions, Counter(items, on_progress))
            seconds = time.perf_counter() - started
            self.check_count(items)
            self.merge()
            measured = self.complete(items)
        except BaseException as error:
            self.remove_after(error)
            raise
        return measured | {"documents_per_second": round(items / seconds, 1)}
