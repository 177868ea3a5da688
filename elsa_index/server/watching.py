"""Keeping up with an index directory, and with the file of exclusions, while requests are answered."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..errors import ElsaIndexError
from .answering import Answering
from .current import Current
from .guard import log

_LOOKS = 1.0  # seconds between looks at the files of the index
_FOLLOWS = 0.25  # seconds between looks whether another commit has taken its place


class Watch:
    """What goes on beside the requests to one index."""

    def __init__(self, served: Answering) -> None:
        self._served = served
        self.hung_up = asyncio.Event()
        """The index is to be opened again."""

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """They run until they are cancelled."""
        return [self._swap(), self._check(), self._follow()]

    async def _swap(self) -> None:
        """Swaps after a SIGHUP; those that come meanwhile are one more swap together."""
        while True:
            await self.hung_up.wait()
            self.hung_up.clear()
            await asyncio.to_thread(self._served.swap)

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(_LOOKS)
            await asyncio.to_thread(self._served.check)

    async def _follow(self) -> None:
        """Swaps to what takes the index's place, as a SIGHUP would, and hears of other exclusions."""
        current, said = self._served.current, ""
        while True:
            await asyncio.sleep(_FOLLOWS)
            if await asyncio.to_thread(current.is_replaced):
                self.hung_up.set()
            try:
                if await asyncio.to_thread(current.follow_exclusions):
                    tell_exclusions(current)
                said = ""
            except (ElsaIndexError, OSError) as error:
                if str(error) != said:  # once, and not four times a second
                    log.error("exclusions not read; those before stay", extra={"error": str(error)})
                said = str(error)


def tell_exclusions(current: Current) -> None:
    """What is excluded now, and how much of it the index does not hold."""
    names = current.exclusions.now.names
    with current.use() as index:
        unknown = sum(name not in index.ids for name in names)
    told = {"items": len(names), "unknown": unknown}
    if current.exclusions.is_missing:
        log.warning("the file of exclusions is not there; nothing is excluded", extra=told)
    else:
        log.info("exclusions read", extra=told)
