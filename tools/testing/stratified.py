"""How many times as often the exposed are affected as others of the same kind: a contrast within strata, by cluster.

A segment may look worse only because it gets more of the hard requests (Simpson's paradox). Compared within strata of what traces
have in common anyway, it doesn't. The ratio is that of Mantel and Haenszel (1959); its interval comes from the scores of its
estimating equation added up by cluster, with which many strata of a few traces each are as good as few large ones (Greenland and
Robins 1985; Liang 1987), with Student's t. The p-value flips the signs of the clusters' scores, as a plain contrast does.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .contrast import MIN_EXPECTED, ClusterTable, contrast_eligibility, log_interval
from .flips import FLIPS, flip_p_value
from .scores import shrinkage

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class StratifiedRows:
    """Traces, and how many of them are affected, by cluster, stratum and arm; several rows may be of the same."""

    cluster: Integers
    stratum: Integers
    exposed: NDArray[np.bool_]
    traces: Floats
    affected: Floats

    def comparable(self) -> "StratifiedRows":
        """Those of the strata that have traces of both arms: the others compare nothing."""
        stratum = np.unique(self.stratum, return_inverse=True)[1]
        arms = [np.bincount(stratum, self.traces * arm) for arm in (self.exposed, ~self.exposed)]
        rows = (np.minimum(*arms) > 0)[stratum]
        kept = np.unique(stratum[rows], return_inverse=True)[1]
        return StratifiedRows(self.cluster[rows], kept, self.exposed[rows], self.traces[rows], self.affected[rows])

    @property
    def table(self) -> ClusterTable:
        """The same without strata."""
        return ClusterTable.of(self.cluster, self.exposed, self.affected, self.traces)


class StratifiedEstimate(NamedTuple):
    """A ratio of shares within strata, its interval, and the one-sided p-value that it isn't above 1."""

    ratio: float
    low: float
    high: float
    p_value: float
    strata: int
    """With traces of both arms."""
    contrary: int
    """Of those that expect at least 5 affected traces in each arm, how many have fewer affected among the exposed."""
    exposed_affected: int
    """Affected traces of the exposed arm in these strata."""
    affected: int
    """Affected traces of both arms in these strata."""

    @property
    def explains(self) -> float:
        """The share of the affected traces that there would not be, were the exposed like the others of their stratum."""
        return self.exposed_affected / max(self.affected, 1) * max(1 - 1 / self.ratio, 0.0)


def estimate_stratified(rows: StratifiedRows, *, seed: int, flips: int = FLIPS) -> StratifiedEstimate | None:
    """The ratio within strata; None where the strata that compare anything have too little data for a contrast.

    Args:
        rows: Traces by cluster, stratum and arm.
        seed: Of the sign flips.
        flips: How many sign flips are drawn.
    """
    kept = rows.comparable()
    if not kept.traces.size or contrast_eligibility(kept.table):
        return None
    sums = _Sums(kept)
    table = kept.table
    ratio, error = _mantel_haenszel(kept, sums)
    bounds = log_interval(np.log(ratio), error, clusters=min(table.clusters_a, table.clusters_b), level=0.95)
    return StratifiedEstimate(
        ratio=ratio,
        low=bounds.low,
        high=bounds.high,
        p_value=_p_value(kept, sums, seed=seed, flips=flips),
        strata=sums.traces.size,
        contrary=_contrary(sums),
        exposed_affected=int(sums.affected_a.sum()),
        affected=int(sums.affected.sum()),
    )


class _Sums:
    """Traces and affected traces of each stratum and arm."""

    def __init__(self, rows: StratifiedRows) -> None:
        def add(values: Floats) -> Floats:
            return np.bincount(rows.stratum, values).astype(np.float64)

        self.traces, self.affected = add(rows.traces), add(rows.affected)
        self.traces_a, self.affected_a = add(rows.traces * rows.exposed), add(rows.affected * rows.exposed)
        self.traces_b, self.affected_b = self.traces - self.traces_a, self.affected - self.affected_a


def _mantel_haenszel(rows: StratifiedRows, sums: _Sums) -> tuple[float, float]:
    """The ratio and the standard error of its logarithm; a little is added to each side, so that there always is one."""
    exposed = float((sums.affected_a * sums.traces_b / sums.traces).sum())
    others = float((sums.affected_b * sums.traces_a / sums.traces).sum())
    little = float((sums.traces_a * sums.traces_b / sums.traces).sum()) / float(sums.traces.sum())
    ratio = (exposed + little) / (others + little)
    expected = (sums.affected / (sums.traces_b + ratio * sums.traces_a))[rows.stratum]
    weight = np.where(rows.exposed, sums.traces_b[rows.stratum], -ratio * sums.traces_a[rows.stratum]) / sums.traces[rows.stratum]
    residual = rows.affected - rows.traces * expected * np.where(rows.exposed, ratio, 1.0)
    scores = _by_cluster(rows.cluster, weight * residual)
    clusters = scores.size
    spread = clusters / max(clusters - 1, 1) * float(np.square(scores).sum())
    return ratio, float(np.sqrt(spread)) / (exposed + little)


def _p_value(rows: StratifiedRows, sums: _Sums, *, seed: int, flips: int) -> float:
    share, exposed = (sums.affected / sums.traces)[rows.stratum], (sums.traces_a / sums.traces)[rows.stratum]
    scores = _by_cluster(rows.cluster, (rows.exposed - exposed) * (rows.affected - rows.traces * share))
    squares = float(np.square(scores).sum())
    return flip_p_value(scores, shrink=shrinkage(squares, _null_variance(rows, sums)), seed=seed, flips=flips)


def _null_variance(rows: StratifiedRows, sums: _Sums) -> float:
    """The variance of the score if the labels were dealt anew within each stratum, one by one (see `scores.NullPopulation`)."""
    exposed, share = sums.traces_a / sums.traces, sums.affected / sums.traces
    return float((exposed * (1 - exposed) * sums.traces * share * (1 - share)).sum())


def _contrary(sums: _Sums) -> int:
    expected = np.minimum(sums.traces_a, sums.traces_b) * sums.affected / sums.traces
    fewer = sums.affected_a / sums.traces_a < sums.affected_b / sums.traces_b
    return int(np.count_nonzero(fewer & (expected >= MIN_EXPECTED)))


def _by_cluster(cluster: Integers, values: Floats) -> Floats:
    return np.bincount(np.unique(cluster, return_inverse=True)[1], values).astype(np.float64)
