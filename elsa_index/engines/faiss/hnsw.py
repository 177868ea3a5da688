"""FAISS with a graph."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import Capabilities
from .engine import MOST_DIMS, FaissEngine


class FaissHnswEngine(FaissEngine):
    """`IndexHNSWFlat`: approximate. Compare it with Flat on the same codes. effort: efSearch.

    A graph over inner products falls apart when norms differ, so vectors have norm 1 in it; all efSearch of them that
    it finds are multiplied by their norms and ranked. On Gowalla's dense codes, norms 0.8 to 2.6, efSearch 256 overlaps
    0.98 with Flat; with one more dimension that makes all norms equal instead, it was 0.60.
    """

    name = "faiss-hnsw"
    kind = "IndexHNSWFlat"
    capabilities = Capabilities(
        exact=False,
        cuts_queries=False,
        stores=("float32",),
        score_tolerance=1e-5,
        efforts=(256, 128, 512, 1024),
        most_dims=MOST_DIMS,
    )
    normalises = True
    neighbours, build_width = 32, 200

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        index = faiss.IndexHNSWFlat(dims, cls.neighbours, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = cls.build_width
        return index

    def nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        import faiss

        width = min(max(effort or self.capabilities.efforts[0], count), self.items)
        parameters = faiss.SearchParametersHNSW(efSearch=width, **selector)  # type: ignore[attr-defined]
        return self._index.search(vectors, width if self._norms is not None else count, params=parameters)
