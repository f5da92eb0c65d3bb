"""One share of affected traces against another: how many times as often, with clusters as the independent units.

Works for a label that is constant in a session, for one that varies in it, and for a mixture.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from .flips import FLIPS, flip_p_value
from .rate import Bounds
from .scores import NullPopulation, shrinkage

MIN_EXPECTED = 5
"""Affected traces that each arm must expect if the label made no difference."""

MIN_CLUSTERS = 10
"""Clusters that each arm must have."""

MIN_CLUSTERS_AFFECTED = 8
"""Clusters that must have an affected trace."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClusterTable:
    """Traces and affected traces of each cluster in the exposed arm (A) and in the rest (B)."""

    traces_a: Floats
    affected_a: Floats
    traces_b: Floats
    affected_b: Floats

    @classmethod
    def of(cls, cluster: ArrayLike, exposed: ArrayLike, affected: ArrayLike, traces: ArrayLike | None = None) -> "ClusterTable":
        """Add up rows: one a trace, or one a cluster and arm.

        Args:
            cluster: The cluster of each row: any integers.
            exposed: Whether the row is of arm A.
            affected: Whether the trace is affected; how many are, where a row stands for several.
            traces: How many traces a row stands for; one where absent.
        """
        index = np.unique(np.asarray(cluster), return_inverse=True)[1]
        in_a = np.asarray(exposed, dtype=bool)
        hits = np.asarray(affected, dtype=np.float64)
        size = np.ones(hits.size) if traces is None else np.asarray(traces, dtype=np.float64)
        clusters = int(index.max()) + 1 if index.size else 0

        def add(weights: Floats) -> Floats:
            return np.bincount(index, weights=weights, minlength=clusters).astype(np.float64)

        return cls(add(size * in_a), add(hits * in_a), add(size * ~in_a), add(hits * ~in_a))

    @property
    def clusters_a(self) -> int:
        """Clusters with a trace in arm A."""
        return int(np.count_nonzero(self.traces_a))

    @property
    def clusters_b(self) -> int:
        """Clusters with a trace in arm B."""
        return int(np.count_nonzero(self.traces_b))

    @property
    def clusters_affected(self) -> int:
        """Clusters with an affected trace."""
        return int(np.count_nonzero(self.affected_a + self.affected_b))

    @property
    def traces(self) -> Floats:
        """Traces of each cluster, both arms."""
        return self.traces_a + self.traces_b

    @property
    def affected(self) -> Floats:
        """Affected traces of each cluster, both arms."""
        return self.affected_a + self.affected_b


class ContrastEstimate(NamedTuple):
    """A ratio of shares with its interval, and the p-value that it isn't above 1."""

    ratio: float
    """With half an affected trace and one trace added to each arm, so that it always exists."""
    low: float
    high: float
    p_value: float
    share_a: float
    share_b: float
    clusters_a: int
    clusters_b: int
    clusters_affected: int
    smallest_ratio: float


def contrast_eligibility(table: ClusterTable) -> str:
    """Why a contrast decides nothing, from margins alone, so that it can be asked before any p-value; empty where it may."""
    total, hits = float(table.traces.sum()), float(table.affected.sum())
    smaller = min(float(table.traces_a.sum()), float(table.traces_b.sum()))
    expected = smaller * hits / total if total else 0.0
    clusters = min(table.clusters_a, table.clusters_b)
    if expected < MIN_EXPECTED:
        return f"{expected:.1f} affected traces expected in the smaller arm, at least {MIN_EXPECTED} needed"
    if clusters < MIN_CLUSTERS:
        return f"{clusters} independent clusters in the smaller arm, at least {MIN_CLUSTERS} needed"
    if table.clusters_affected < MIN_CLUSTERS_AFFECTED:
        return f"affected traces in {table.clusters_affected} independent clusters, at least {MIN_CLUSTERS_AFFECTED} needed"
    return ""


def estimate_contrast(table: ClusterTable, *, seed: int, level: float = 0.95, flips: int = FLIPS) -> ContrastEstimate:
    """How many times as often the exposed traces are affected as the rest.

    Whether the data are enough is `contrast_eligibility`'s to say; the numbers are given either way.

    Args:
        table: Both arms, by cluster.
        seed: Of the sign flips.
        level: Of the two-sided interval of the ratio.
        flips: How many sign flips are drawn.

    Raises:
        ValueError: An arm has no trace.
    """
    ratio, low, high = ratio_interval(table, level=level)
    return ContrastEstimate(
        ratio=ratio,
        low=low,
        high=high,
        p_value=contrast_p_value(table, seed=seed, flips=flips),
        share_a=float(table.affected_a.sum() / table.traces_a.sum()),
        share_b=float(table.affected_b.sum() / table.traces_b.sum()),
        clusters_a=table.clusters_a,
        clusters_b=table.clusters_b,
        clusters_affected=table.clusters_affected,
        smallest_ratio=_smallest_ratio(table),
    )


class RatioInterval(NamedTuple):
    """A ratio and the interval around it."""

    ratio: float
    low: float
    high: float


def ratio_interval(table: ClusterTable, *, level: float = 0.95) -> RatioInterval:
    """The ratio of the two shares and its interval: linearised by cluster on the logarithm, with Student's t.

    Raises:
        ValueError: An arm has no trace.
    """
    _require_both_arms(table)
    arm_a, arm_b = _arm(table.traces_a, table.affected_a), _arm(table.traces_b, table.affected_b)
    log_ratio = float(np.log(arm_a.share / arm_b.share))
    bounds = log_interval(
        log_ratio,
        float(np.sqrt(_variance(table, arm_a, arm_b))),
        clusters=min(table.clusters_a, table.clusters_b),
        level=level,
    )
    return RatioInterval(float(np.exp(log_ratio)), bounds.low, bounds.high)


def log_interval(log_ratio: float, error: float, *, clusters: int, level: float) -> Bounds:
    """The bounds of a ratio from its logarithm, the standard error of that, and the clusters of the smaller arm."""
    if clusters < 2:
        return Bounds(0.0, float("inf"))
    width = float(special.stdtrit(clusters - 1, (1 + level) / 2)) * error
    return Bounds(float(np.exp(log_ratio - width)), float(np.exp(log_ratio + width)))


def contrast_p_value(table: ClusterTable, *, seed: int, flips: int = FLIPS) -> float:
    """One-sided p-value that the exposed aren't affected more often.

    By sign flips of clusters; Fisher's exact one where each cluster is one trace.
    """
    if table.traces.size == 0 or table.traces.max() == 1:
        return _fisher(table)
    total, hits = float(table.traces.sum()), float(table.affected.sum())
    exposed, share = float(table.traces_a.sum()) / total, hits / total
    scores = table.affected_a - table.traces_a * share - exposed * (table.affected - table.traces * share)
    spread = float(np.square(table.traces_a - exposed * table.traces).sum())
    null_variance = NullPopulation.of(table.traces, table.affected).score_variance(exposed, spread)
    return flip_p_value(scores, shrink=shrinkage(float(np.square(scores).sum()), null_variance), seed=seed, flips=flips)


def _fisher(table: ClusterTable) -> float:
    total, hits, exposed = table.traces.sum(), table.affected.sum(), table.traces_a.sum()
    return float(min(1.0, stats.hypergeom.sf(table.affected_a.sum() - 1, total, hits, exposed)))


class _Arm(NamedTuple):
    share: float
    affected: float

    @property
    def binomial(self) -> float:
        """The variance of the logarithm of the share, if all traces were independent."""
        return (1 - self.share) / self.affected


def _arm(traces: Floats, affected: Floats) -> _Arm:
    hits = float(affected.sum()) + 0.5
    return _Arm(hits / (float(traces.sum()) + 1), hits)


def _variance(table: ClusterTable, arm_a: _Arm, arm_b: _Arm) -> float:
    """Of the logarithm of the ratio; never below that of independent traces."""
    influence_a = (table.affected_a - arm_a.share * table.traces_a) / arm_a.affected
    influence_b = (table.affected_b - arm_b.share * table.traces_b) / arm_b.affected
    clusters = table.traces.size
    between = clusters / max(clusters - 1, 1) * float(np.square(influence_a - influence_b).sum())
    return max(between, arm_a.binomial + arm_b.binomial)


def _smallest_ratio(table: ClusterTable) -> float:
    """The smallest ratio that this much data would have shown: power .8 at p .05, one-sided.

    exp((t_.95 + t_.80) * sqrt(D * (1 - p) / p * (1 / n_A + 1 / n_B))): the variance of the logarithm of the ratio if both
    arms had the pooled share p, times the design effect D that the clusters show at the observed shares. An approximation.
    """
    clusters = min(table.clusters_a, table.clusters_b)
    if clusters < 2:
        return float("inf")
    arm_a, arm_b = _arm(table.traces_a, table.affected_a), _arm(table.traces_b, table.affected_b)
    design = _variance(table, arm_a, arm_b) / (arm_a.binomial + arm_b.binomial)
    pooled = _arm(table.traces, table.affected).share
    n_a, n_b = float(table.traces_a.sum()), float(table.traces_b.sum())
    error = float(np.sqrt(design * (1 - pooled) / pooled * (1 / n_a + 1 / n_b)))
    quantiles = float(np.sum(special.stdtrit(clusters - 1, [0.95, 0.80])))
    return float(np.exp(quantiles * error))


def _require_both_arms(table: ClusterTable) -> None:
    if not (table.clusters_a and table.clusters_b):
        raise ValueError("a contrast needs at least one trace in each arm")
