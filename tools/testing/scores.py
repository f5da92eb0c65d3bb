"""How much a score may vary when the label makes no difference: a second opinion beside the scores' own squares.

The score of a cluster is the sum over its traces of (x - mean x) (y - mean y). Its square estimates its variance, and too low a
one where the smaller arm has too few affected traces to show how they vary: an arm of 90% then looks worse than the other one
10% in a seventh of all stores where it isn't. So a statistic is divided by the larger of the two estimates.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class NullPopulation(NamedTuple):
    """What the variance of any score of a population takes from it."""

    traces: float
    pairs: float
    """Ordered pairs of two traces of the same cluster."""
    within: float
    """Sum over traces of (y - mean y)^2."""
    between: float
    """Sum over clusters of the square of the sum of (y - mean y)."""

    @classmethod
    def of(cls, traces: Floats, affected: Floats) -> Self:
        """From the traces and the affected traces of each cluster."""
        total = float(traces.sum())
        share = float(affected.sum()) / total
        return cls(
            traces=total,
            pairs=float((traces * (traces - 1)).sum()),
            within=total * share * (1 - share),
            between=float(np.square(affected - traces * share).sum()),
        )

    def score_variance(self, exposed: float, spread: float) -> float:
        """The variance of the score over labels as clustered as these, dealt without regard to who is affected.

        Labels that are constant in a cluster move all of its traces together, labels that vary in it move each by itself; between
        the two by the intraclass correlation of the labels. One below zero counts as zero, as in the interval of the ratio, whose
        variance is never below that of independent traces.

        Args:
            exposed: The share of the traces that are exposed.
            spread: Sum over clusters of the squared difference between their exposed traces and the expected ones.
        """
        single = exposed * (1 - exposed)
        excess = spread - self.traces * single
        correlation = min(max(excess / (single * self.pairs), 0.0), 1.0) if single and self.pairs else 0.0
        return single * ((1 - correlation) * self.within + correlation * self.between)


def shrinkage(squares: float, null_variance: float) -> float:
    """What a statistic over its own squares is multiplied by, to be one over the larger of the two variances."""
    return min(1.0, float(np.sqrt(squares / null_variance))) if null_variance > 0 else 1.0
