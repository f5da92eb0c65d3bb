"""When a fault began: the range of instants that the traces leave, and nothing where they show no beginning.

Every cut of the traces in time is compared, before against after, by the score test of a contrast; the clearest cut is judged
against the clearest of all cuts under the same sign flips of clusters, so that looking at all of them is paid for (max-T,
Westfall and Young 1993). Scores are taken within the hour of the day, so that a daily rhythm is no beginning.

Which instant it was isn't known better than the cuts that explain the traces nearly as well. With a known change the drop of T^2
from its largest value to that at the true cut is twice the larger of two exponential variables (Siegmund 1988), which stays below
7.35 in 95 of 100 cases; the 3.84 of a chi-squared variable would hold the true instant in 73 of 100.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..insights.models import Onset
from .contrast import MIN_CLUSTERS, MIN_EXPECTED
from .flips import FLIPS, join_units, largest_by_flip
from .scores import NullPopulation, shrinkage

LEVEL = 0.05
MIN_AFFECTED = 20
"""Fewer affected traces than this and no beginning is looked for ..."""
MIN_AFFECTED_CLUSTERS = 10
"""... nor in fewer clusters than this."""
DROP = 7.35
"""How much less than the largest T^2 a cut may have to stay in the range: 1 - (1 - exp(-x / 2))^2 = .05."""
CUTS = 100
"""Cuts that are compared, at equal numbers of traces; the range is then looked at with as many again."""
MAX_UNITS = 2_000
"""Independent units that are flipped; more clusters than these are first joined at random."""
TWO_DAYS = timedelta(days=2)
"""From here on the hour of the day can be told from the time."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Timed(NamedTuple):
    """Traces in order of time: the cluster of each, its instant in microseconds since 1970 (UTC), whether it is affected."""

    cluster: Integers
    at: Integers
    affected: NDArray[np.bool_]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Reads the rows of `compose.timed_rows`."""
        cluster = table["cluster"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
        at = table["at"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        return cls(cluster.astype(np.int64), at.astype(np.int64), table["affected"].to_numpy() > 0)


def find_onset(traces: Timed, *, seed: int, flips: int = FLIPS) -> Onset | None:
    """When the traces began to be affected more often; None where they don't say that they did.

    Args:
        traces: All traces that the issue is about, in order of time.
        seed: Of the sign flips.
        flips: How many sign flips are drawn.
    """
    affected = int(traces.affected.sum())
    if affected < MIN_AFFECTED or np.unique(traces.cluster[traces.affected]).size < MIN_AFFECTED_CLUSTERS:
        return None
    scores = _Scores(traces, seed=seed)
    cuts = _cuts(traces, 0, traces.at.size, margin=MIN_EXPECTED * traces.at.size / affected)
    if not cuts.size:
        return None
    columns, statistics = scores.of(cuts)
    clearest = int(np.argmax(np.abs(statistics)))
    if statistics[clearest] <= 0:
        return None
    largest = largest_by_flip(np.hstack((columns, -columns)).astype(np.float32), seed=seed, flips=flips)
    reached = flips - int(np.searchsorted(largest, statistics[clearest] - 1e-4))
    p_value = (1 + reached) / (flips + 1)
    return _onset(traces, scores, cuts, statistics, p_value) if p_value <= LEVEL else None


def _onset(traces: Timed, scores: "_Scores", cuts: Integers, statistics: Floats, p_value: float) -> Onset:
    """The range of cuts, looked at again in steps as fine as its width allows."""
    first, last = _kept(cuts, statistics, traces.at.size)
    finer = np.union1d(cuts, _cuts(traces, first, last, margin=0))
    finer = finer[(finer >= cuts[0]) & (finer <= cuts[-1])]
    statistics = scores.of(finer)[1]
    first, last = _kept(finer, statistics, traces.at.size)
    cut = int(finer[np.argmax(statistics)])
    return Onset(
        earliest=_instant(traces.at[first - 1]),
        latest=_instant(traces.at[last]),
        affected_before=int(traces.affected[:cut].sum()),
        traces_before=cut,
        affected_after=int(traces.affected[cut:].sum()),
        traces_after=traces.at.size - cut,
        p_value=p_value,
        by_hour=scores.by_hour,
    )


def _cuts(traces: Timed, first: int, last: int, *, margin: float) -> Integers:
    """Places between two traces of different instants, at most `CUTS` of them, with enough traces and clusters on both sides."""
    size = traces.at.size
    places = np.unique(np.linspace(max(first, 1), min(last, size - 1), CUTS + 2).astype(np.int64))
    places = places[(traces.at[places] > traces.at[places - 1]) & (np.minimum(places, size - places) >= margin)]
    if not margin:
        return places
    # A cluster is before a cut if it has begun there, and after it if it hasn't ended.
    begins = np.sort(np.unique(traces.cluster, return_index=True)[1])
    ends = np.sort(size - 1 - np.unique(traces.cluster[::-1], return_index=True)[1])
    before, after = np.searchsorted(begins, places), ends.size - np.searchsorted(ends, places)
    return places[np.minimum(before, after) >= MIN_CLUSTERS]


def _kept(cuts: Integers, statistics: Floats, size: int) -> tuple[int, int]:
    """The first and the last place at which it may have begun.

    These are those of the cuts that explain the traces nearly as well as the best, and what lies between them and the next ones.
    A range that reaches the first or last cut goes on to the end of the traces: nothing says that it wasn't there.
    """
    kept = np.flatnonzero((statistics > 0) & (statistics**2 >= statistics.max() ** 2 - DROP))
    first, last = int(kept[0]), int(kept[-1])
    return int(cuts[first - 1]) + 1 if first else 1, int(cuts[last + 1]) - 1 if last + 1 < cuts.size else size - 1


def _instant(microseconds: np.int64) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))


class _Scores:
    """The score of each unit for a cut: sum over its traces of (x - mean x) (y - mean y), means within the hour of the day."""

    def __init__(self, traces: Timed, *, seed: int) -> None:
        self.by_hour = traces.at[-1] - traces.at[0] >= TWO_DAYS / timedelta(microseconds=1)
        hour = (traces.at // 3_600_000_000) % 24 if self.by_hour else np.zeros_like(traces.at)
        self._hour = np.unique(hour, return_inverse=True)[1]
        self._sizes = np.bincount(self._hour)
        self._unit = join_units(traces.cluster, MAX_UNITS, seed)
        self._units = int(self._unit.max()) + 1
        affected = traces.affected.astype(np.float64)
        self._residuals = affected - (np.bincount(self._hour, affected) / self._sizes)[self._hour]
        shape = (self._units, self._sizes.size)
        self._by_hour = _added(self._unit, self._hour, self._residuals, shape)
        self._traces = np.bincount(self._unit).astype(np.float64)
        self._null = NullPopulation.of(self._traces, np.bincount(self._unit, affected).astype(np.float64))

    def of(self, cuts: Integers) -> tuple[Floats, Floats]:
        """The scores of all units, a column a cut, each of length 1; and the statistics: their sums, or less.

        Before an early cut there may be too few affected traces to show how they vary: the cut would look clear by that alone.
        """
        part = np.searchsorted(cuts, np.arange(self._unit.size), side="right")
        within = _added(self._unit, part, self._residuals, (self._units, cuts.size + 1))
        sizes = _added(self._hour, part, np.ones(part.size), (self._sizes.size, cuts.size + 1))
        after = _from_the_end(within) - self._by_hour @ (_from_the_end(sizes) / self._sizes[:, None])
        squares = np.square(after).sum(axis=0)
        columns = after / np.sqrt(np.where(squares > 0, squares, 1))
        counted = _from_the_end(_added(self._unit, part, np.ones(part.size), (self._units, cuts.size + 1)))
        exposed = counted.sum(axis=0) / part.size
        spread = np.square(counted - exposed * self._traces[:, None]).sum(axis=0)
        shrink = [
            shrinkage(float(own), self._null.score_variance(float(share), float(apart)))
            for own, share, apart in zip(squares, exposed, spread, strict=True)
        ]
        return columns, columns.sum(axis=0) * np.array(shrink)


def _added(rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]) -> Floats:
    """The values added up by row and column."""
    return np.bincount(rows * shape[1] + columns, values, shape[0] * shape[1]).astype(np.float64).reshape(shape)


def _from_the_end(parts: Floats) -> Floats:
    """For each cut the sum of what lies after it."""
    return np.cumsum(parts[:, :0:-1], axis=1)[:, ::-1]
