"""What an engine makes outside of an index's directory, on a cluster: it serves, or is taken back, with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..engines.contract import Engine
from ..errors import ClusterError, ElsaIndexError


@dataclass
class Outside:
    """kind: the engine. parameters: what it returned; none before it has made anything."""

    kind: type[Engine] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def publish(self) -> None:
        """It serves; the directory follows at once."""
        if self.kind is not None:
            self.kind.publish(self.parameters)


@contextmanager
def taken_back() -> Iterator[Outside]:
    """Takes back what an engine made elsewhere where the directory does not come into place; clears up where it did."""
    made = Outside()
    try:
        yield made
    except BaseException as error:
        if made.kind is not None and made.parameters:
            try:
                made.kind.withdraw(made.parameters)
            except ElsaIndexError as failed:
                raise ClusterError(
                    f"{error} The index {made.parameters.get('index')} could not be taken back: {failed}"
                ) from error
        raise
    if made.kind is not None:
        made.kind.clear_up(made.parameters)
