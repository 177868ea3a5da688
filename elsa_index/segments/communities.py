"""Segments of codes over items: communities of the graph that the codes are."""

import numpy as np
from scipy.sparse import csr_array, csr_matrix

from ..codes.item_codes import ItemCodes
from .partition import Partition, numbered_by_size
from .rules import SegmentRules


def communities(codes: ItemCodes, rules: SegmentRules) -> Partition:
    """Items that speak for each other more than by chance (Louvain, Blondel et al., 2008, with a resolution).

    codes: over items, so that (items, items) weights are the graph; those against an item are left out.
    """
    from sknetwork.clustering import Louvain

    positive = csr_array(codes.weights, dtype=np.float64)
    positive.data = np.maximum(positive.data, 0)
    graph = csr_matrix(positive + positive.T)  # the library takes no arrays
    graph.eliminate_zeros()
    graph.eliminate_zeros()
    of = np.full(len(codes.ids), -1, dtype=np.int32)
    if graph.nnz:
        labels = Louvain(resolution=rules.resolution, random_state=0).fit_predict(graph)
        of = numbered_by_size(labels.astype(np.int32), rules.least_items)
    return Partition.of_codes(codes.weights, of, rules.nonzeros_of_items, [[] for _ in range(int(np.max(of)) + 1)])
