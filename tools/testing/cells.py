"""The cells of the slice search: which have enough data to be tested, and what each cluster contributes to each of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .contrast import MIN_CLUSTERS, MIN_CLUSTERS_AFFECTED, MIN_EXPECTED, ClusterTable
from .flips import Singles
from .frame import Codes, Flags, Outcome, SliceFrame
from .scores import NullPopulation, shrinkage

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """One cell to be tested for one outcome, by place in the frame, with its margins."""

    outcome: int
    attributes: tuple[int, ...]
    codes: tuple[int, ...]
    traces: int
    affected: int
    rest_traces: int
    rest_affected: int
    spread: float
    """Sum over clusters of the squared difference between their traces in the cell and the expected ones."""

    @property
    def expected(self) -> float:
        """Affected traces in the cell, if it were like the rest."""
        return self.traces * (self.affected + self.rest_affected) / (self.traces + self.rest_traces)

    @property
    def ratio(self) -> float:
        """How many times as often the cell is affected as the rest, as a contrast estimates it."""
        share = (self.affected + 0.5) / (self.traces + 1)
        return share * (self.rest_traces + 1) / (self.rest_affected + 0.5)

    def members(self, frame: SliceFrame) -> Flags:
        """Which traces are in the cell."""
        inside = frame.outcomes[self.outcome].eligible.copy()
        for attribute, code in zip(self.attributes, self.codes, strict=True):
            inside &= frame.attributes[attribute].codes == code
        return inside

    def against_the_rest(self, frame: SliceFrame) -> ClusterTable:
        """The cell and the rest of the outcome's population."""
        outcome = frame.outcomes[self.outcome]
        rows = outcome.eligible
        return ClusterTable.of(frame.cluster[rows], self.members(frame)[rows], outcome.affected[rows])


class Scores(NamedTuple):
    """What the flips work on: a row a cluster, a column a candidate."""

    columns: Singles
    """Each of length 1."""
    statistics: Floats
    """The observed statistic of each candidate: the sum of its column, or less where that understates its variance."""


def find_candidates(frame: SliceFrame, *, most: int) -> tuple[list[Candidate], int]:
    """The cells of one and two attributes with enough data, by the rule of a contrast against the rest.

    Only margins are looked at, so nothing about what is affected where decides what is tested.

    Args:
        frame: The traces.
        most: Of more cells than this, those of one attribute and the ones that expect most affected traces are taken.

    Returns:
        The candidates, those of the same attributes and outcome beside each other, and how many cells more had enough data.
    """
    candidates: list[Candidate] = []
    populations = [
        (place, population)
        for place, population in enumerate(_populations(frame))
        if population.clusters_affected >= MIN_CLUSTERS_AFFECTED
    ]
    for attributes in _attribute_sets(frame):
        for place, population in populations:
            candidates.extend(_enough(population, place, attributes))
    if len(candidates) <= most:
        return candidates, 0
    ranked = sorted(range(len(candidates)), key=lambda i: (len(candidates[i].attributes), -candidates[i].expected, i))
    return [candidates[i] for i in sorted(ranked[:most])], len(candidates) - most


def scores_of(frame: SliceFrame, candidates: Sequence[Candidate], *, units: Codes) -> Scores:
    """The score of each independent unit for each candidate: sum over its traces of (x - mean x) (y - mean y).

    Args:
        frame: The traces.
        candidates: In the order in which `find_candidates` gave them.
        units: The unit of each trace, 0, 1, ...: its cluster, or a union of clusters.
    """
    columns: Singles = np.empty((int(units.max()) + 1, len(candidates)), dtype=np.float32)
    statistics = np.empty(len(candidates))
    populations, start = _populations(frame), 0
    for (attributes, outcome), group in groupby(candidates, key=lambda candidate: (candidate.attributes, candidate.outcome)):
        cells, population = list(group), populations[outcome]
        block = _block(population, attributes, cells, units)
        squares = np.square(block).sum(axis=0)
        block /= np.sqrt(np.where(squares > 0, squares, 1))
        part = slice(start, start + block.shape[1])
        columns[:, part] = block
        statistics[part] = block.sum(axis=0) * _shrinkages(population, cells, squares)
        start = part.stop
    return Scores(columns, statistics)


class _Margins(NamedTuple):
    """What each cell of a grid is made of."""

    fewest: Codes
    """The clusters in it or in its rest, whichever are fewer."""
    spread: Floats


class _Grid:
    """All combinations of the values of some attributes, over the traces that an outcome is about."""

    def __init__(self, traces: "_Traces", attributes: tuple[int, ...]) -> None:
        self._traces = traces
        chosen = [traces.frame.attributes[attribute] for attribute in attributes]
        self.shape = tuple(len(attribute.values) for attribute in chosen)
        self.codes = np.zeros(traces.rows.size, dtype=np.int64)
        """The cell of each row; -1 where an attribute has no value."""
        for attribute in chosen:
            codes = attribute.codes[traces.rows]
            known = (self.codes >= 0) & (codes >= 0)
            self.codes = np.where(known, self.codes * len(attribute.values) + codes, -1)
        self.known = self.codes >= 0
        self.size = int(np.prod(self.shape))
        self.traces = np.bincount(self.codes[self.known], minlength=self.size)

    @cached_property
    def margins(self) -> _Margins:
        """Of each cell."""
        sizes = self._traces.sizes
        rows, columns = self._traces.cluster[self.known], self.codes[self.known]
        counts = sparse.coo_array((np.ones(rows.size), (rows, columns)), shape=(sizes.size, self.size)).tocsr()
        of_cluster = np.repeat(sizes, np.diff(counts.indptr))
        within = np.bincount(counts.indices, minlength=self.size)
        rest = sizes.size - np.bincount(counts.indices[counts.data == of_cluster], minlength=self.size)
        share = self.traces / self._traces.rows.size
        squares = np.bincount(counts.indices, counts.data**2, self.size)
        squares -= 2 * share * np.bincount(counts.indices, counts.data * of_cluster, self.size)
        return _Margins(np.minimum(within, rest), squares + share**2 * float(np.square(sizes).sum()))


class _Traces:
    """The traces that some outcomes are about."""

    def __init__(self, frame: SliceFrame, eligible: Flags) -> None:
        self.frame = frame
        self.eligible = eligible
        self.rows = np.flatnonzero(eligible)
        index = frame.index[self.rows]
        present = np.bincount(index, minlength=frame.clusters) > 0
        self.cluster: Codes = (np.cumsum(present) - 1)[index]
        """The cluster of each row: 0, 1, ..."""
        self.sizes = np.bincount(self.cluster)
        """Traces of each cluster."""
        self._latest: tuple[tuple[int, ...], _Grid] | None = None

    def grid(self, attributes: tuple[int, ...]) -> _Grid:
        """The cells of these attributes; the latest is kept, since the outcomes that ask for it come one after the other."""
        if self._latest is None or self._latest[0] != attributes:
            self._latest = attributes, _Grid(self, attributes)
        return self._latest[1]


class _Population:
    """What one outcome says of the traces that it is about."""

    def __init__(self, traces: _Traces, outcome: Outcome) -> None:
        self.of = traces
        self.affected = outcome.affected[traces.rows]
        self.traces = traces.rows.size
        self.hits = int(self.affected.sum())

    @property
    def clusters_affected(self) -> int:
        """Clusters with an affected trace."""
        return int(np.count_nonzero(np.bincount(self.of.cluster[self.affected])))

    @cached_property
    def null(self) -> NullPopulation:
        """What the variance of a score takes from it."""
        affected = np.bincount(self.of.cluster, self.affected).astype(np.float64)
        return NullPopulation.of(self.of.sizes.astype(np.float64), affected)


def _populations(frame: SliceFrame) -> list[_Population]:
    """One an outcome; outcomes that are about the same traces share them."""
    known: list[_Traces] = []
    found: list[_Population] = []
    for outcome in frame.outcomes:
        traces = next((each for each in known if np.array_equal(each.eligible, outcome.eligible)), None)
        if traces is None:
            traces = _Traces(frame, outcome.eligible)
            known.append(traces)
        found.append(_Population(traces, outcome))
    return found


def _attribute_sets(frame: SliceFrame) -> Iterator[tuple[int, ...]]:
    usable = [place for place, attribute in enumerate(frame.attributes) if attribute.values]
    yield from ((place,) for place in usable)
    yield from combinations(usable, 2)


def _enough(population: _Population, outcome: int, attributes: tuple[int, ...]) -> Iterator[Candidate]:
    """The cells of these attributes that a contrast could be made of."""
    grid = population.of.grid(attributes)
    smaller = np.minimum(grid.traces, population.traces - grid.traces)
    enough = smaller * population.hits / population.traces >= MIN_EXPECTED
    if not enough.any():
        return
    hits = np.bincount(grid.codes[grid.known & population.affected], minlength=grid.size)
    for cell in np.flatnonzero(enough & (grid.margins.fewest >= MIN_CLUSTERS)):
        traces, affected = int(grid.traces[cell]), int(hits[cell])
        yield Candidate(
            outcome=outcome,
            attributes=attributes,
            codes=tuple(int(code) for code in np.unravel_index(cell, grid.shape)),
            traces=traces,
            affected=affected,
            rest_traces=population.traces - traces,
            rest_affected=population.hits - affected,
            spread=float(grid.margins.spread[cell]),
        )


def _shrinkages(population: _Population, cells: Sequence[Candidate], squares: Floats) -> Floats:
    variances = [population.null.score_variance(cell.traces / population.traces, cell.spread) for cell in cells]
    return np.array([shrinkage(float(own), variance) for own, variance in zip(squares, variances, strict=True)])


def _block(population: _Population, attributes: tuple[int, ...], cells: Sequence[Candidate], units: Codes) -> Floats:
    """The scores of all units for cells of the same outcome and attributes."""
    grid = population.of.grid(attributes)
    kept = np.array([int(np.ravel_multi_index(cell.codes, grid.shape)) for cell in cells], dtype=np.int64)
    place_of = np.full(grid.size + 1, -1, dtype=np.int64)
    place_of[kept] = np.arange(kept.size)
    # The code -1 reads the last entry, which stands for no cell.
    places = place_of[grid.codes]
    inside = places >= 0
    residuals = population.affected.astype(np.float64) - population.hits / population.traces
    unit, size = units[population.of.rows], int(units.max()) + 1
    within = np.bincount(unit[inside] * kept.size + places[inside], residuals[inside], size * kept.size)
    shares = np.array([cell.traces for cell in cells]) / population.traces
    return within.reshape(size, kept.size) - np.outer(np.bincount(unit, residuals, size), shares)
