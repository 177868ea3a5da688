"""FAISS indexes that score every vector."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .engine import FaissEngine


class ExhaustiveFaissEngine(FaissEngine):
    """Scores every vector: nothing is left out by how it is searched."""

    def nearest(
        self, vectors: npt.NDArray[np.float32], count: int, selector: dict[str, Any], effort: int | None
    ) -> tuple[npt.NDArray, npt.NDArray]:
        import faiss

        return self._index.search(vectors, count, params=faiss.SearchParameters(**selector) if selector else None)
