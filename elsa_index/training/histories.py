"""Histories of the log that stay with the codes, for later calibration and checks."""

import numpy as np
from scipy.sparse import csr_array

SAMPLE = 1000


def sample_histories(matrix: csr_array, seed: int) -> csr_array:
    """A fixed sample of users' rows: items only, no ids of users."""
    rng = np.random.default_rng(seed)
    users = np.sort(rng.choice(matrix.shape[0], min(SAMPLE, matrix.shape[0]), replace=False))
    return matrix[users]
