"""Intervals at another level, from the stored result alone, so that no data are needed again when the families are closed."""

import math
from typing import cast

from scipy import optimize, stats

from ..insights.models import Cell, Interval, TestResult
from .contrast import log_interval
from .rate import Effective, rate_interval
from .sequential import Counted, ReadBound


def at_level(result: TestResult, level: float) -> Interval | None:
    """The interval of a process result at another level; None where it has none.

    Rate and contrast give what their estimators would have given at that level. A shift's bootstrap isn't kept: each side of its
    interval is stretched on the logarithm as a normal one would be.
    """
    interval = result.interval
    if interval is None or result.value is None:
        return None
    if result.decision == "rate":
        return _rate(result.value, interval, clusters=result.clusters, level=level)
    if result.decision == "read":
        return _read(result, level)
    if result.decision == "contrast":
        return _ratio(result.value, interval, clusters=min(arm.clusters for arm in result.arms), level=level)
    factor = float(stats.norm.ppf((1 + level) / 2) / stats.norm.ppf((1 + interval.level) / 2))
    return Interval(
        low=_stretch(result.value, interval.low, factor), high=_stretch(result.value, interval.high, factor), level=level
    )


def cell_at_level(cell: Cell, level: float) -> Interval:
    """The interval of a cell of the slice search at another level."""
    return _ratio(cell.ratio, cell.interval, clusters=cell.clusters, level=level)


def share_at_level(affected: int, traces: int, interval: Interval | None, *, clusters: int, level: float) -> Interval | None:
    """The interval of the affected share of one arm or segment at another level; None where it has none."""
    if interval is None or not traces:
        return None
    return _rate(affected / traces, interval, clusters=clusters, level=level)


def _rate(share: float, interval: Interval, *, clusters: int, level: float) -> Interval:
    bounds = rate_interval(share, _effective(share, interval, clusters), level=level)
    return Interval(low=bounds.low, high=bounds.high, level=level)


def _read(result: TestResult, level: float) -> Interval | None:
    if result.reads is None or result.material is None:
        return None
    bound = ReadBound(result.population, threshold=result.threshold, material=result.material)
    low, high = bound.interval(Counted(result.reads.read, result.affected or 0, result.unreadable), level=level)
    return Interval(low=low, high=high, level=level)


def _effective(share: float, interval: Interval, clusters: int) -> Effective:
    """The effective numbers of traces behind a stored interval: they alone decide where its bounds lie."""
    if share in (0.0, 1.0):
        return Effective(clusters, clusters)

    def beyond(log_n: float, side: int) -> float:
        """How much further out than the stored one a bound lies that counts on so many traces."""
        bounds = rate_interval(share, Effective(math.exp(log_n), math.exp(log_n)), level=interval.level)
        return bounds[side] - (interval.low, interval.high)[side]

    found = [cast(float, optimize.brentq(beyond, math.log(1e-3), math.log(1e12), args=(side,), xtol=1e-12)) for side in (0, 1)]
    return Effective(math.exp(found[0]), math.exp(found[1]))


def _ratio(ratio: float, interval: Interval, *, clusters: int, level: float) -> Interval:
    error = math.log(interval.high / interval.low) / 2 / float(stats.t.ppf((1 + interval.level) / 2, clusters - 1))
    bounds = log_interval(math.log(ratio), error, clusters=clusters, level=level)
    return Interval(low=bounds.low, high=bounds.high, level=level)


def _stretch(ratio: float, bound: float, factor: float) -> float:
    return ratio * (bound / ratio) ** factor
