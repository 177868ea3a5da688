"""FAISS with clusters and product quantisation."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import Capabilities
from .engine import MOST_DIMS, FaissEngine


class FaissIvfPqEngine(FaissEngine):
    """`IndexIVFPQ`: 4·√items clusters, product-quantised residuals of 8 bits for every 4 dimensions: approximate, and
    so are the vectors that queries are made from. effort: clusters that are searched (nprobe)."""

    name = "faiss-ivfpq"
    kind = "IndexIVFPQ"
    made_at_opening = 2 << 30  # FAISS's own limit of the table that it computes
    capabilities = Capabilities(
        exact=False,
        cuts_queries=False,
        stores=("float32",),
        score_tolerance=0.2,
        efforts=(64, 16, 256),
        most_dims=MOST_DIMS,
    )

    @classmethod
    def _new(cls, dims: int, items: int) -> Any:
        import faiss

        parts = dims // 4 if dims % 4 == 0 else 1
        clusters = max(1, min(int(4 * items**0.5), items // 39))  # FAISS wants 39 training vectors per cluster
        bits = min(8, max(1, int(np.log2(max(items, 2)))))
        quantizer = faiss.IndexFlatIP(dims)
        index = faiss.IndexIVFPQ(quantizer, dims, clusters, parts, bits, faiss.METRIC_INNER_PRODUCT)
        index.own_fields = True
        quantizer.this.disown()  # type: ignore[attr-defined]
        index.set_direct_map_type(faiss.DirectMap.Array)  # type: ignore[attr-defined]  # rows can be read back, for queries
        return index

    def nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        import faiss

        probes = min(effort or self.capabilities.efforts[0], self._index.nlist)
        parameters = faiss.SearchParametersIVF(nprobe=probes, **selector)  # type: ignore
        return self._index.search(vectors, count, params=parameters)
