"""Signs to terms, weights to impacts: what an index that only adds up positive numbers can hold."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..limits import Limits

BITS = Limits(2, 16)


def terms_of(dims: npt.NDArray[np.integer], weights: npt.NDArray[np.number]) -> npt.NDArray[np.int64]:
    """One term for each sign of each dimension: 2·dim for positive weights, 2·dim + 1 for negative ones.

    >>> terms_of(np.array([0, 3]), np.array([0.5, -0.5])).tolist()
    [0, 7]
    """
    return 2 * dims.astype(np.int64) + (weights < 0)


@dataclass(frozen=True)
class ImpactScale:
    """Magnitudes as positive integers: impact = ⌈|weight| · max_impact / scale⌉.

    Rounded up, so that impact · scale / max_impact is never below the magnitude and sums of impacts stay upper
    bounds. bits: 2 to 16. scale: the largest magnitude that fits.

    >>> ImpactScale(8, 1.0).quantize(np.array([1.0, -0.5, 1e-9])).tolist()
    [255, 128, 1]
    """

    bits: int
    scale: float

    def __post_init__(self) -> None:
        BITS.check("bits", self.bits)

    @classmethod
    def fitting(cls, bits: int, weights: npt.NDArray[np.floating], *, unit_norm: bool) -> "ImpactScale":
        """Scale 1 for codes of unit norm, so that later items fit; the largest magnitude for others."""
        largest = float(np.abs(weights).max())
        return cls(bits, max(1.0, largest) if unit_norm else largest)

    @property
    def max_impact(self) -> int:
        return 2**self.bits - 1

    @property
    def step(self) -> float:
        """What one unit of impact stands for."""
        return self.scale / self.max_impact

    def round(self, weights: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """The nearest impacts instead, where they are not bounds but the codes."""
        return self._impacts(weights, np.rint)

    def quantize(self, weights: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        return self._impacts(weights, np.ceil)

    def _impacts(self, weights: npt.NDArray[np.floating], to_whole: np.ufunc) -> npt.NDArray[np.int64]:
        magnitudes = np.abs(weights.astype(np.float64))
        return np.clip(to_whole(magnitudes / self.scale * self.max_impact), 1, self.max_impact).astype(np.int64)
