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
        The candidates, those of the same outcome and attributes beside each other, and how many cells more had enough data.
    """
    candidates: list[Candidate] = []
    for place, outcome in enumerate(frame.outcomes):
        population = _Population(frame, outcome)
        if population.clusters_affected >= MIN_CLUSTERS_AFFECTED:
            for attributes in _attribute_sets(frame):
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
    start = 0
    for outcome, group in groupby(candidates, key=lambda candidate: candidate.outcome):
        population = _Population(frame, frame.outcomes[outcome])
        for attributes, cells in groupby(group, key=lambda candidate: candidate.attributes):
            cells_of_block = list(cells)
            block = _block(population, attributes, cells_of_block, units)
            squares = np.square(block).sum(axis=0)
            block /= np.sqrt(np.where(squares > 0, squares, 1))
            part = slice(start, start + block.shape[1])
            columns[:, part] = block
            statistics[part] = block.sum(axis=0) * _shrinkages(population, cells_of_block, squares)
            start = part.stop
    return Scores(columns, statistics)


class _Population:
    """The traces that one outcome is about."""

    def __init__(self, frame: SliceFrame, outcome: Outcome) -> None:
        self._frame = frame
        self.rows = np.flatnonzero(outcome.eligible)
        self.affected = outcome.affected[self.rows]
        self.traces = self.rows.size
        self.hits = int(self.affected.sum())

    @cached_property
    def cluster(self) -> Codes:
        """The cluster of each row: 0, 1, ..."""
        return np.unique(self._frame.cluster[self.rows], return_inverse=True)[1].astype(np.int64)

    @cached_property
    def sizes(self) -> Codes:
        """Traces of each cluster."""
        return np.bincount(self.cluster)

    @property
    def clusters_affected(self) -> int:
        """Clusters with an affected trace."""
        return np.unique(self.cluster[self.affected]).size

    def codes(self, attributes: tuple[int, ...]) -> Codes:
        """The cell of each row among all combinations of values; -1 where an attribute has no value."""
        cell = np.zeros(self.traces, dtype=np.int64)
        for attribute, size in zip(attributes, self.shape(attributes), strict=True):
            codes = self._frame.attributes[attribute].codes[self.rows]
            cell = np.where((cell < 0) | (codes < 0), -1, cell * size + codes)
        return cell

    def shape(self, attributes: tuple[int, ...]) -> tuple[int, ...]:
        """How many values each attribute has."""
        return tuple(len(self._frame.attributes[attribute].values) for attribute in attributes)


def _attribute_sets(frame: SliceFrame) -> Iterator[tuple[int, ...]]:
    usable = [place for place, attribute in enumerate(frame.attributes) if attribute.values]
    yield from ((place,) for place in usable)
    yield from combinations(usable, 2)


def _enough(population: _Population, outcome: int, attributes: tuple[int, ...]) -> Iterator[Candidate]:
    """The cells of these attributes that a contrast could be made of."""
    shape = population.shape(attributes)
    codes = population.codes(attributes)
    known = codes >= 0
    traces = np.bincount(codes[known], minlength=int(np.prod(shape)))
    hits = np.bincount(codes[known & population.affected], minlength=traces.size)
    smaller = np.minimum(traces, population.traces - traces)
    kept = np.flatnonzero(smaller * population.hits / population.traces >= MIN_EXPECTED)
    margins = _cluster_margins(population, _places(codes, kept, traces.size), traces[kept])
    for place in np.flatnonzero(margins.fewest >= MIN_CLUSTERS):
        cell = kept[place]
        yield Candidate(
            outcome=outcome,
            attributes=attributes,
            codes=tuple(int(code) for code in np.unravel_index(cell, shape)),
            traces=int(traces[cell]),
            affected=int(hits[cell]),
            rest_traces=population.traces - int(traces[cell]),
            rest_affected=population.hits - int(hits[cell]),
            spread=float(margins.spread[place]),
        )


def _places(codes: Codes, kept: Codes, size: int) -> Codes:
    """The place of each row's cell among those kept; -1 for the others."""
    places = np.full(size + 1, -1, dtype=np.int64)
    places[kept] = np.arange(kept.size)
    # The code -1 reads the last entry, which stands for no cell.
    return places[codes]


def _shrinkages(population: _Population, cells: Sequence[Candidate], squares: Floats) -> Floats:
    null = NullPopulation.of(
        population.sizes.astype(np.float64), np.bincount(population.cluster, population.affected).astype(np.float64)
    )
    variances = [null.score_variance(cell.traces / population.traces, cell.spread) for cell in cells]
    return np.array([shrinkage(float(own), variance) for own, variance in zip(squares, variances, strict=True)])


class _ClusterMargins(NamedTuple):
    fewest: Codes
    """For each cell the clusters in it or in its rest, whichever are fewer."""
    spread: Floats


def _cluster_margins(population: _Population, places: Codes, traces: Codes) -> _ClusterMargins:
    inside = places >= 0
    clusters, cells = population.sizes.size, traces.size
    counts = _by_cell(population.cluster[inside], places[inside], np.ones(int(inside.sum())), (clusters, cells))
    sizes = np.repeat(population.sizes, np.diff(counts.indptr))
    within = np.bincount(counts.indices, minlength=cells)
    rest = clusters - np.bincount(counts.indices[counts.data == sizes], minlength=cells)
    share = traces / population.traces
    squares = np.bincount(counts.indices, counts.data**2, cells) - 2 * share * np.bincount(
        counts.indices, counts.data * sizes, cells
    )
    return _ClusterMargins(np.minimum(within, rest), squares + share**2 * float(np.square(population.sizes).sum()))


def _block(population: _Population, attributes: tuple[int, ...], cells: Sequence[Candidate], units: Codes) -> Floats:
    """The scores of all units for cells of the same outcome and attributes."""
    shape = population.shape(attributes)
    kept = np.array([int(np.ravel_multi_index(cell.codes, shape)) for cell in cells], dtype=np.int64)
    places = _places(population.codes(attributes), kept, int(np.prod(shape)))
    inside = places >= 0
    residuals = population.affected.astype(np.float64) - population.hits / population.traces
    unit, size = units[population.rows], int(units.max()) + 1
    block: Floats = _by_cell(unit[inside], places[inside], residuals[inside], (size, kept.size)).toarray()
    shares = np.array([cell.traces for cell in cells]) / population.traces
    block -= np.outer(np.bincount(unit, weights=residuals, minlength=size), shares)
    return block


def _by_cell(rows: Codes, columns: Codes, values: Floats, shape: tuple[int, int]) -> sparse.csr_array:
    """Add the values up by row and column."""
    return sparse.coo_array((values, (rows, columns)), shape=shape).tocsr()
