"""FAISS with a scalar quantiser."""

from typing import Any

from ..contract import Capabilities
from .engine import MOST_DIMS
from .exhaustive import ExhaustiveFaissEngine


class FaissSq8Engine(ExhaustiveFaissEngine):
    """`IndexScalarQuantizer`: exhaustive, on vectors of 8 bits per dimension."""

    name = "faiss-sq8"
    kind = "IndexScalarQuantizer"
    capabilities = Capabilities(
        exact=False, cuts_queries=False, stores=("float32",), score_tolerance=0.03, most_dims=MOST_DIMS
    )

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        return faiss.IndexScalarQuantizer(dims, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
