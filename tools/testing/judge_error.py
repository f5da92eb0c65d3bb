"""What a judge's errors do to a share, known from labels that a person gave to traces drawn at random.

Without such labels a share is what the judge flags, and nothing more. Labels may be drawn by truth (of the affected, and of the
others, how many does the judge see rightly?), by flag (of the flagged, and of the others, how many are affected?), or from all.
Feedback that users left by themselves is neither: it may be shown beside the judge's answers, and corrects nothing.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEAST_YOUDEN = 1.2
"""Sensitivity and specificity together below this: a judge so near to guessing can't be corrected."""
LEAST_RANDOM_LABELS = 100
LEAST_RATE = 0.05
"""Fewer labels, or a rarer fault, than these and prediction-powered inference isn't used."""


class Known(Protocol):
    """A share that is known with an error."""

    @property
    def share(self) -> float:
        """The estimate."""
        ...

    @property
    def variance(self) -> float:
        """Of the estimate."""
        ...


class Hits(NamedTuple):
    """Of so many, how many are so."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """The share with one hit and one miss added (Laplace), so that few labels never say never."""
        return (self.hits + 1) / (self.of + 2)

    @property
    def variance(self) -> float:
        """Of that share."""
        return self.share * (1 - self.share) / (self.of + 2)


class Estimate(NamedTuple):
    """A corrected share with its interval."""

    share: float
    low: float
    high: float


def moved_threshold(threshold: float, seen: Known, spared: Known) -> float:
    """The flagged share that is reached by chance at most where no more than `threshold` are affected, given the judge's errors.

    A statement about what is affected is decided by comparing what is flagged with this instead.

    Args:
        threshold: The share of affected traces.
        seen: Of the affected traces the share that the judge flags: its sensitivity.
        spared: Of the others the share that it doesn't flag: its specificity.
    """
    flagged, error = _flagged_at(threshold, seen, spared)
    return min(flagged + 1.96 * error, 1.0)


def moved_material(material: float, seen: Known, spared: Known) -> float:
    """The flagged share that is missed by chance at most where at least `material` are affected: the other side of the same.

    Arguments as for `moved_threshold`; the share is that from which it would matter.
    """
    flagged, error = _flagged_at(material, seen, spared)
    return max(flagged - 1.96 * error, 0.0)


def _flagged_at(share: float, seen: Known, spared: Known) -> tuple[float, float]:
    """What is flagged where so many are affected, and its standard error for how few the labels are."""
    flagged = share * seen.share + (1 - share) * (1 - spared.share)
    return flagged, math.sqrt(share**2 * seen.variance + (1 - share) ** 2 * spared.variance)


def corrected_by_truth(flagged: Hits, seen: Hits, spared: Hits, *, level: float = 0.95) -> Estimate | None:
    """The share that is affected, from what is flagged and labels drawn by truth; None where the judge is too near to guessing.

    Rogan and Gladen 1978, with the interval of Lang and Reiczigel 2014.
    """
    if seen.share + spared.share < LEAST_YOUDEN:
        return None
    z = float(stats.norm.ppf((1 + level) / 2))
    trials = flagged.of + z**2
    rate = (flagged.hits + z**2 / 2) / trials
    youden = seen.share + spared.share - 1
    share = (rate + spared.share - 1) / youden
    shift = 2 * z**2 * (share * seen.variance - (1 - share) * spared.variance)
    variance = rate * (1 - rate) / trials + share**2 * seen.variance + (1 - share) ** 2 * spared.variance
    half = z * math.sqrt(variance) / youden
    plain = (flagged.hits / max(flagged.of, 1) + spared.share - 1) / youden
    return Estimate(_share(plain), _share(share + shift - half), _share(share + shift + half))


def corrected_by_flag(flagged: Hits, right: Hits, missed: Hits, *, level: float = 0.95) -> Estimate:
    """The share that is affected, from what is flagged and labels drawn by flag (Tenenbein 1970).

    Args:
        flagged: Traces read, and those of them that the judge flags.
        right: Flagged traces with a label, and those of them that are affected.
        missed: Unflagged traces with a label, and those of them that are affected.
        level: Of the interval.
    """
    rate = flagged.hits / flagged.of
    share = rate * right.share + (1 - rate) * missed.share
    variance = (
        rate**2 * right.variance
        + (1 - rate) ** 2 * missed.variance
        + (right.share - missed.share) ** 2 * rate * (1 - rate) / flagged.of
    )
    half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return Estimate(share, _share(share - half), _share(share + half))


def corrected_by_random_labels(
    labelled_flags: ArrayLike, labels: ArrayLike, other_flags: ArrayLike, *, level: float = 0.95
) -> Estimate | None:
    """The share that is affected, from labels of a simple random sample and the flags of it and of others.

    Prediction-powered inference, the weight of the flags chosen from the data (PPI++, Angelopoulos, Duchi and Zrnic 2023). None
    with fewer than 100 labels, or where fewer than 5% of them are affected: its interval isn't to be trusted there.
    """
    flags, truth, others = (np.asarray(each, dtype=np.float64) for each in (labelled_flags, labels, other_flags))
    if truth.size < LEAST_RANDOM_LABELS or not others.size or truth.mean() < LEAST_RATE:
        return None
    spread = float(np.var(np.concatenate((flags, others)), ddof=1))
    covariance = float(np.cov(truth, flags)[0, 1])
    weight = covariance / ((1 + truth.size / others.size) * spread) if spread else 0.0
    weight = min(max(weight, 0.0), 1.0)
    share = float(truth.mean() + weight * (others.mean() - flags.mean()))
    variance = weight**2 * float(np.var(others)) / others.size + float(np.var(truth - weight * flags, ddof=1)) / truth.size
    half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return Estimate(_share(share), _share(share - half), _share(share + half))


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
