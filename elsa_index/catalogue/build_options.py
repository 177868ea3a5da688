"""What an index is built with: names, defaults and limits, for Python and the command line alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..limits import is_number
from ..segments.rules import SegmentRules

if TYPE_CHECKING:
    from ..codes.item_codes import ItemCodes
    from ..engines.cluster_target import ClusterTarget
    from ..engines.contract import Capabilities


_MOST_BITS = 8
"""Of impacts that are the codes: their sums must be whole numbers that a float holds."""
USUAL_SEGMENTS = SegmentRules()


@dataclass(frozen=True, eq=False)
class BuildOptions:
    """What an index is built with.

    Attributes:
        engine: `lucene`, `exact`, `faiss-flat`, `faiss-sq8`, `faiss-hnsw`, `faiss-ivfpq`, `seismic` or `opensearch`.
        bits: Of the impacts, 2 to 16.
        store: Precision of the stored codes: `float16`, `float32` or `int8`, a scale per item (FAISS engines take
            float32); `none` (lucene, codes over items): only the impacts; None for the engine's own.
        tags: Pairs of item id and tag, what `search` can filter by.
        metadata: A table by column, item_id, title and any others, as `read_metadata` gives it: titles to show and to
            look up, and what segments are named by.
        numbers: Columns of `metadata` that hold numbers or dates of ISO 8601, which `search` can filter by.
        segments: How they are made; None for an index without. Dense codes get none, as they have no dominant
            dimensions; codes over items get communities of their graph.
        segments_from: Codes of Compressed ELSA whose segments are taken instead.
        histories: To calibrate searches on (see `Index.tune`); those kept with the codes where None.
        target_overlap: Of calibrated with exact answers. Without any histories, or with 1, the index answers exactly.
        cluster: Where the engine opensearch loads the codes.
        overwrite: Replace what is there, and the catalogue served on the cluster too.

    Raises:
        UsageError: For a target out of range, and for segments_from without segments.
    """

    engine: str = "lucene"
    bits: int = 8
    store: str | None = None
    tags: Iterable[tuple[str, str]] | None = None
    metadata: Mapping[str, Sequence[object]] | None = None
    numbers: Sequence[str] = ()
    segments: SegmentRules | None = USUAL_SEGMENTS
    segments_from: "ItemCodes | None" = None
    histories: Sequence[Sequence[object]] | None = None
    target_overlap: float = 0.99
    cluster: "ClusterTarget | None" = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_target(self.target_overlap)
        if is_number(self.bits, Integral):
            object.__setattr__(self, "bits", int(self.bits))  # also one of NumPy's, which JSON does not have
        if isinstance(self.numbers, str):
            raise UsageError(f"numbers is a sequence of names of columns, not one text; got {self.numbers!r}.")
        if self.numbers and self.metadata is None:
            raise UsageError("numbers are taken from columns of metadata, and there is none: pass --metadata FILE too.")
        if self.segments_from is not None and self.segments is None:
            raise UsageError("segments_from says where segments come from, and none are wanted; leave one of them out.")

    def check(self, able: "Capabilities", codes: "ItemCodes") -> None:
        """Raises UsageError for what the engine cannot do."""
        if able.most_dims is not None and codes.dims > able.most_dims:
            raise UsageError(
                f"The engine {self.engine} takes codes of at most {able.most_dims:,} dimensions, these have "
                f"{codes.dims:,}; use lucene, exact or opensearch."
            )
        if self.store is not None and self.store not in able.stores:
            raise UsageError(
                f"store must be {' or '.join(able.stores)} for the engine {self.engine}, got {self.store!r}."
            )
        if self.store == "none" and codes.history_kind == "same":
            raise UsageError(
                "store none keeps impacts only, and a history of these codes is the sum of its items' codes, which "
                "cannot be read back from them; use int8, float16 or float32."
            )
        if self.store == "none" and self.bits > _MOST_BITS:
            raise UsageError(f"bits must be at most {_MOST_BITS} with store none, got {self.bits}.")
        if (self.cluster is not None) == bool(able.ranks):
            return
        if self.cluster is None:
            raise UsageError(
                f"The engine {self.engine} needs a cluster and a name there: --url http://… --name catalogue."
            )
        raise UsageError(f"A cluster's URL and name are for the engine opensearch; the engine is {self.engine}.")


def check_target(target_overlap: float) -> None:
    """Raises UsageError for an overlap that no calibration could aim at."""
    if not is_number(target_overlap) or not 0 < target_overlap <= 1:
        raise UsageError(f"target_overlap must be above 0 and at most 1, got {target_overlap!r}.")
