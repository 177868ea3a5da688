"""A loaded index takes over the alias, or is taken back."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...errors import ClusterError
from .catalogues import remove, served_by, unserved
from .client import ClusterClient


@dataclass(frozen=True)
class Takeover:
    """name: the alias. index: the loaded index. replaces: what the alias named when the load began. source: the index
    that it was made of, None for one loaded from nothing."""

    client: ClusterClient
    name: str
    index: str
    replaces: str | None
    source: str | None

    def publish(self) -> None:
        """The alias now names the new index; in one step, so that a search sees the old catalogue or the new one."""
        name = self.name
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
        open_somewhere = self.source or self.replaces
        for index, meta in unserved(self.client, self.name).items():
            if meta.get("complete") and index != open_somewhere:
                remove(self.client, index)

    def withdraw(self) -> None:
        """Removes the new index, and first gives the alias back to what it named before, unless somebody else has
        taken it meanwhile.
        """
        api = self.client.api
        found = self.client.call(f"looking for {self.name}", lambda: api.indices.get_alias(name=self.name, ignore=404))
        if set(found) == {self.index} and self.replaces is not None:
            with suppress(ClusterError):  # it may be gone; removing the new index takes the alias from it in any case
                self._swap(self.index, self.replaces)
        remove(self.client, self.index)

    def _swap(self, old: str | None, new: str) -> None:
        name, api = self.name, self.client.api
        actions: list[dict[str, Any]] = [{"add": {"index": new, "alias": name}}]
        if old is not None:
            actions.insert(0, {"remove": {"index": old, "alias": name}})
        self.client.call(f"moving the alias {name}", lambda: api.indices.update_aliases(body={"actions": actions}))
