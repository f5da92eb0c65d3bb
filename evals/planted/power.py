"""Whether a planted fault could have been found: how often the test finds it in simulations of the process that made it.

Each run draws the affected traces of every cluster anew, at the rate and the intraclass correlation of the generator, over the
clusters and sizes that the store has, and applies the product's own test at the level that the hypothesis faced: for a planned
test the step of Benjamini and Hochberg that it would have taken, for a cell of the slice search its part of the level.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...tools.testing.contrast import ClusterTable, contrast_eligibility, contrast_p_value, ratio_interval
from ...tools.testing.plan import Quantile
from ...tools.testing.rate import MIN_AFFECTED, MIN_CLUSTERS, estimate_rate
from ...tools.testing.shift import QUANTILES, exceeds, shift_eligibility
from .truth import PlantedFault, Truth

RUNS = 300
SHIFT_RUNS, SHIFT_FLIPS = 60, 999
ENOUGH = 0.95
"""Power from which on a fault is expected to be found."""
CLEAR = 1.25
"""A fact is expected to be found from so many times its threshold on."""
FACT_TRACES = 5

Floats = NDArray[np.float64]


class Levels(NamedTuple):
    """What the tests of an analysis faced."""

    planned: float
    """The level at which one more planned test would have been validated."""
    cell: float
    """The level of one cell of the slice search, its cells paid for one by one: it pays less."""


def power(fault: PlantedFault, truth: Truth, levels: Levels, durations: Mapping[str, float]) -> float | None:
    """The probability that it is found, 0 or 1 where that is only counted; None of what only reading can see."""
    match fault.way:
        case "read":
            return None
        case "count":
            return float(fault.n >= fault.threshold)
        case "fact":
            return float(fault.share >= CLEAR * fault.threshold and fault.n >= FACT_TRACES)
        case "rate":
            return _of_rate(fault, truth, levels.planned)
        case "slices":
            return _of_cell(fault, truth, levels.cell)
        case "shift":
            return _of_shift(fault, truth, levels.planned, durations)


def _rng(fault: PlantedFault, truth: Truth) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(zlib.crc32(f"{truth.agent}/{truth.seed}/{fault.fault_id}".encode())))


def _sizes(truth: Truth, trace_ids: Sequence[str], index: Mapping[int, int]) -> NDArray[np.int64]:
    """Traces of each cluster among these."""
    return np.bincount([index[truth.clusters[each]] for each in trace_ids], minlength=len(index))


def _index(truth: Truth) -> dict[int, int]:
    return {cluster: place for place, cluster in enumerate(dict.fromkeys(truth.clusters.values()))}


def _draw(rng: np.random.Generator, sizes: NDArray[np.int64], rate: float, icc: float) -> Floats:
    """Affected traces of each cluster."""
    shares = np.full(sizes.size, rate)
    if icc and 0 < rate < 1:
        spread = (1 - icc) / icc
        shares = rng.beta(rate * spread, (1 - rate) * spread, sizes.size)
    return rng.binomial(sizes, shares).astype(np.float64)


def _rate(fault: PlantedFault) -> float:
    return fault.rate if fault.process_rate is None else fault.process_rate


def _of_rate(fault: PlantedFault, truth: Truth, level: float) -> float:
    rng, index = _rng(fault, truth), _index(truth)
    possible = _sizes(truth, fault.possible_ids, index)
    sizes = _sizes(truth, list(truth.clusters), index) if fault.of_all else possible
    if np.count_nonzero(sizes) < MIN_CLUSTERS:
        return 0.0
    found = 0
    for _ in range(RUNS):
        affected = _draw(rng, possible, _rate(fault), truth.icc)
        if affected.sum() >= MIN_AFFECTED:
            found += bool(estimate_rate(affected, sizes, threshold=fault.threshold).p_value <= level)
    return found / RUNS


def _of_cell(fault: PlantedFault, truth: Truth, level: float) -> float:
    rng, index = _rng(fault, truth), _index(truth)
    inside, outside = _sizes(truth, fault.possible_ids, index), _sizes(truth, fault.rest_ids, index)
    if not inside.sum() or not outside.sum():
        return 0.0
    critical, found = stats.norm.isf(level), 0
    for _ in range(RUNS):
        there = _draw(rng, inside, fault.rest_rate + (1 - fault.rest_rate) * _rate(fault), truth.icc)
        elsewhere = _draw(rng, outside, fault.rest_rate, 0.0)
        table = ClusterTable(inside.astype(np.float64), there, outside.astype(np.float64), elsewhere)
        clear = _statistic(table) >= critical and not contrast_eligibility(table)
        found += bool(clear and ratio_interval(table).ratio >= fault.threshold)
    return found / RUNS


def _statistic(table: ClusterTable) -> float:
    """The score of exposure and outcome over its root of squares, which is nearly normal where there is no effect."""
    traces, affected = float(table.traces.sum()), float(table.affected.sum())
    exposed, share = float(table.traces_a.sum()) / traces, affected / traces
    scores = (1 - exposed) * (table.affected_a - share * table.traces_a) - exposed * (table.affected_b - share * table.traces_b)
    squares = float(np.square(scores).sum())
    return float(scores.sum() / math.sqrt(squares)) if squares else 0.0


def _of_shift(fault: PlantedFault, truth: Truth, level: float, durations: Mapping[str, float]) -> float:
    """By drawing the store's own clusters again, since the generator's durations have no closed form."""
    rng, exposed = _rng(fault, truth), frozenset(fault.possible_ids)
    ids = [each for each in truth.clusters if each in durations]
    values = np.array([durations[each] for each in ids])
    labels = np.array([each in exposed for each in ids])
    clusters = np.unique([truth.clusters[each] for each in ids], return_inverse=True)[1]
    members = np.split(np.argsort(clusters, kind="stable"), np.cumsum(np.bincount(clusters))[:-1])
    quantile: Quantile = "p95" if "tail" in fault.entry else "median"
    if shift_eligibility(values, labels, clusters, quantile=quantile):
        return 0.0
    beyond, at = exceeds(values, quantile), QUANTILES[quantile]
    found = 0
    for run in range(SHIFT_RUNS):
        drawn = rng.integers(0, len(members), len(members))
        rows = np.concatenate([members[place] for place in drawn])
        unit = np.repeat(np.arange(drawn.size), [members[place].size for place in drawn])
        table = ClusterTable.of(unit, labels[rows], beyond[rows])
        if table.traces_a.sum() and table.traces_b.sum():
            clear = contrast_p_value(table, seed=run, flips=SHIFT_FLIPS) <= max(level, 2 / (SHIFT_FLIPS + 1))
            found += bool(clear and _ratio(values[rows], labels[rows], at) >= fault.threshold)
    return found / SHIFT_RUNS


def _ratio(values: Floats, exposed: NDArray[np.bool_], quantile: float) -> float:
    return float(np.quantile(values[exposed], quantile) / np.quantile(values[~exposed], quantile))
