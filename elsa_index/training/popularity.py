"""Popularity: what multiplying an item's scores by a power of its interactions does to its code."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..data.scipy_matrix import with_norms

OUTPUT_EXPONENTS = (0.0, 0.1, 0.2, 0.3, 0.4)
HISTORY_EXPONENTS = (-0.25, -0.125, 0.0, 0.125)
"""What `auto` chooses from."""

Values = npt.NDArray[np.float64]


def relative(item_counts: npt.NDArray[np.int64], among: npt.NDArray[np.int64] | None = None) -> Values:
    """(items,) p: interactions over their geometric mean, or that of others; one without any counts as one with one.

    among: interactions whose mean it is; None: the items' own.

    >>> relative(np.array([1, 4])).tolist()
    [0.5, 2.0]
    """
    logs = np.log(np.maximum(item_counts, 1))
    others = logs if among is None else np.log(np.maximum(among, 1))
    return np.exp(logs - others.mean())


def scaled(
    codes: csr_array, popularity: Values, output: float, history: float = 0.0
) -> tuple[csr_array, npt.NDArray[np.float32] | None]:
    """Codes of norm p^output from codes of norm 1, and history weights, with which an item counts p^history."""
    if not output and not history:
        return codes, None
    return with_norms(codes, popularity**output), (popularity ** (history - output)).astype(np.float32)
