"""A quantile of a measure in one arm against the other: how many times as high, with clusters as the independent units."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .contrast import ClusterTable, contrast_eligibility, contrast_p_value
from .flips import FLIPS
from .plan import Quantile

RESAMPLES = 2_000
"""Bootstrap samples of clusters."""

MIN_RESAMPLES = 200
"""As few as many rows may leave."""

MAX_WORK = 200_000_000
"""Rows times resamples."""

MIN_BEYOND = 10
"""Traces that each arm must have beyond the quantile."""

QUANTILES: dict[Quantile, float] = {"median": 0.5, "p95": 0.95}

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class ShiftEstimate(NamedTuple):
    """A ratio of quantiles with its interval, and the p-value that A doesn't exceed the pooled quantile more often."""

    ratio: float
    low: float
    high: float
    p_value: float
    value_a: float
    value_b: float
    clusters_a: int
    clusters_b: int
    clusters_affected: int
    """Clusters with a trace above the pooled quantile."""
    smallest_ratio: float
    """The smallest ratio that this much data would have shown (power .8 at p .05): exp(2.486 * its logarithm's error)."""
    resamples: int


def exceeds(values: ArrayLike, quantile: Quantile) -> NDArray[np.bool_]:
    """Which values are above their pooled quantile."""
    numbers = np.asarray(values, dtype=np.float64)
    return numbers > np.quantile(numbers, QUANTILES[quantile]) if numbers.size else np.zeros(0, dtype=bool)


def shift_eligibility(values: ArrayLike, exposed: ArrayLike, cluster: ArrayLike, *, quantile: Quantile) -> str:
    """Why a shift decides nothing; empty where it may.

    Looks at margins, and at the quantiles only for their sign: a ratio needs both above zero.
    """
    numbers, in_a = np.asarray(values, dtype=np.float64), np.asarray(exposed, dtype=bool)
    smaller = min(int(in_a.sum()), int((~in_a).sum()))
    beyond = smaller * (1 - QUANTILES[quantile])
    # .05 isn't a binary fraction: 200 traces are exactly enough for a p95.
    if beyond < MIN_BEYOND - 1e-9:
        return f"{beyond:.1f} traces expected beyond the {quantile} in the smaller arm, at least {MIN_BEYOND} needed"
    if reason := contrast_eligibility(ClusterTable.of(cluster, in_a, exceeds(numbers, quantile))):
        return f"above the pooled {quantile}: {reason}"
    lowest = min(np.quantile(numbers[in_a], QUANTILES[quantile]), np.quantile(numbers[~in_a], QUANTILES[quantile]))
    return "" if lowest > 0 else f"a {quantile} of {lowest:g}: a ratio needs both above zero"


def estimate_shift(
    values: ArrayLike, exposed: ArrayLike, cluster: ArrayLike, *, quantile: Quantile, seed: int, flips: int = FLIPS
) -> ShiftEstimate:
    """How many times as high a quantile of the measure is among the exposed as among the rest.

    The p-value is the contrast's, for the share above the pooled quantile. The interval is at 95%, from a bootstrap of clusters:
    percentiles of the logarithm of the ratio over 2,000 resamples. Where the rows are too many for that, fewer are drawn, down
    to 200, and the interval is 1.96 standard deviations to either side.

    Args:
        values: The measure of each trace that has one.
        exposed: Whether the trace is of arm A.
        cluster: The cluster of each trace: any integers.
        quantile: Which quantile is compared.
        seed: Of the flips and of the bootstrap.
        flips: How many sign flips are drawn.

    Raises:
        ValueError: `shift_eligibility` names a quantile that isn't above zero, or an arm is empty.
    """
    numbers, in_a = np.asarray(values, dtype=np.float64), np.asarray(exposed, dtype=bool)
    if not (in_a.any() and (~in_a).any()):
        raise ValueError("a shift needs at least one trace in each arm")
    value_a, value_b = (float(np.quantile(numbers[arm], QUANTILES[quantile])) for arm in (in_a, ~in_a))
    if min(value_a, value_b) <= 0:
        raise ValueError(f"a shift needs a {quantile} above zero in each arm, these are {value_a:g} and {value_b:g}")
    table = ClusterTable.of(cluster, in_a, exceeds(numbers, quantile))
    log_ratio = float(np.log(value_a / value_b))
    spread = _bootstrap(numbers, in_a, np.asarray(cluster), q=QUANTILES[quantile], log_ratio=log_ratio, seed=seed)
    return ShiftEstimate(
        ratio=value_a / value_b,
        low=float(np.exp(spread.low)),
        high=float(np.exp(spread.high)),
        p_value=contrast_p_value(table, seed=seed, flips=flips),
        value_a=value_a,
        value_b=value_b,
        clusters_a=table.clusters_a,
        clusters_b=table.clusters_b,
        clusters_affected=table.clusters_affected,
        smallest_ratio=float(np.exp((1.645 + 0.841) * (spread.high - spread.low) / (2 * 1.96))),
        resamples=spread.resamples,
    )


class _Spread(NamedTuple):
    low: float
    high: float
    resamples: int


def _bootstrap(numbers: Floats, in_a: NDArray[np.bool_], cluster: Integers, *, q: float, log_ratio: float, seed: int) -> _Spread:
    index = np.unique(cluster, return_inverse=True)[1]
    clusters = int(index.max()) + 1
    resamples = int(np.clip(MAX_WORK // numbers.size, MIN_RESAMPLES, RESAMPLES))
    arms = [_SortedArm(numbers[arm], index[arm], q) for arm in (in_a, ~in_a)]
    rng = np.random.Generator(np.random.PCG64(seed))
    draws = np.empty(resamples)
    for row in range(resamples):
        times = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
        draws[row] = arms[0].log_quantile(times) - arms[1].log_quantile(times)
    # A resample without any trace of an arm, or with both quantiles at zero, has no ratio.
    draws = np.sort(draws[~np.isnan(draws)])
    if resamples == RESAMPLES:
        last = draws.size - 1
        return _Spread(float(draws[int(0.025 * last)]), float(draws[int(np.ceil(0.975 * last))]), resamples)
    width = 1.96 * float(np.std(draws, ddof=1))
    return _Spread(log_ratio - width, log_ratio + width, resamples)


class _SortedArm:
    """One arm in order of its values, so that a resample costs one pass."""

    def __init__(self, values: Floats, cluster: Integers, q: float) -> None:
        order = np.argsort(values, kind="stable")
        self._values = values[order]
        self._cluster = cluster[order]
        self._q = q

    def log_quantile(self, times: Integers) -> float:
        """The logarithm of the quantile when each trace stands as often as its cluster was drawn."""
        ends = np.cumsum(times[self._cluster])
        if not ends[-1]:
            return float("nan")
        place = (ends[-1] - 1) * self._q
        below = int(place)
        left, right = self._values[np.searchsorted(ends, [below, min(below + 1, ends[-1] - 1)], side="right")]
        value = left + (right - left) * (place - below)
        return float(np.log(value)) if value > 0 else float("-inf")
