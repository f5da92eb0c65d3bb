"""The slice search: in which segments of the traces do outcomes concentrate, all segments tested at once.

Every cell of one or two attributes against the rest of the population, for every outcome. One set of sign flips of the clusters
serves all cells, and each is judged against the largest statistic of all of them: the error is that of the whole search, nested
and overlapping cells included (Westfall and Young 1993). So what is found on all traces needs no second half to confirm it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..insights.models import Cell, Interval
from .cells import Candidate, find_candidates, scores_of
from .contrast import ratio_interval
from .flips import FLIPS, MAX_UNITS, join_units, largest_by_flip
from .frame import Attribute, Outcome, SliceFrame
from .pruning import Scored, prune
from .rate import share_interval

__all__ = ["Attribute", "Cell", "Outcome", "SliceFrame", "SliceSearch", "search_slices"]

FOUND_AT = 0.05
"""The largest adjusted p-value of a cell that is kept. The level of the family, decided later, is lower."""

MAX_CELLS = 4_000
"""Cells tested in one search."""

MAX_PRUNED = 200
"""Cells that pruning looks at, the clearest."""


@dataclass(frozen=True)
class SliceSearch:
    """What a slice search gave."""

    cells: tuple[Cell, ...]
    """Those that remain, by adjusted p-value, then by how clear they are. The closing of the family decides which are found."""
    cells_tested: int
    best_missed: Cell | None
    """The clearest of the cells that are too small an effect or may be chance; None where there is none."""
    clusters: int
    notes: tuple[str, ...]
    """What was left out, in sentences."""


def search_slices(frame: SliceFrame, *, ratio: float, seed: int, flips: int = FLIPS) -> SliceSearch:
    """Test all cells of one and two attributes that have enough data, for all outcomes, and prune what is found.

    More clusters than `MAX_UNITS` are first joined at random into as many units.

    Args:
        frame: The traces.
        ratio: How many times as affected as the rest a cell must be.
        seed: Of the sign flips.
        flips: How many sign flips are drawn.
    """
    candidates, untested = find_candidates(frame, most=MAX_CELLS)
    clusters = frame.clusters
    notes = _notes(frame, untested)
    if not candidates:
        return SliceSearch((), 0, None, clusters, notes)
    tested = _test(frame, candidates, seed=seed, flips=flips)
    found = [cell for cell in tested if _is_clear(cell, ratio)]
    if len(found) > MAX_PRUNED:
        notes += (f"{len(found):,} cells stand out; the {MAX_PRUNED} clearest were looked at.",)
    remaining = prune(frame, found[:MAX_PRUNED], ratio=ratio, seed=seed)
    missed = next((cell for cell in tested if not _is_clear(cell, ratio)), None)
    return SliceSearch(
        cells=tuple(_cell(frame, cell) for cell in remaining),
        cells_tested=len(tested),
        best_missed=_cell(frame, missed) if missed else None,
        clusters=clusters,
        notes=notes,
    )


def _test(frame: SliceFrame, candidates: Sequence[Candidate], *, seed: int, flips: int) -> list[Scored]:
    """Every candidate with its max-T adjusted p-value, the clearest first."""
    scores = scores_of(frame, candidates, units=join_units(frame.index, MAX_UNITS, seed))
    largest = largest_by_flip(scores.columns, seed=seed, flips=flips)
    # The flips are summed in single precision: what equals the observed statistic must count.
    reached = flips - np.searchsorted(largest, scores.statistics - 1e-4)
    p_adjusted = (1 + reached) / (flips + 1)
    tested = [
        Scored(candidate, float(statistic), float(p))
        for candidate, statistic, p in zip(candidates, scores.statistics, p_adjusted, strict=True)
    ]
    return sorted(tested, key=lambda cell: cell.order)


def _is_clear(cell: Scored, ratio: float) -> bool:
    return cell.p_adjusted <= FOUND_AT and cell.candidate.ratio >= ratio


def _cell(frame: SliceFrame, scored: Scored) -> Cell:
    candidate = scored.candidate
    outcome = frame.outcomes[candidate.outcome]
    attributes = [frame.attributes[place] for place in candidate.attributes]
    table = candidate.against_the_rest(frame)
    estimate = ratio_interval(table)
    share = share_interval(table.affected_a, table.traces_a)
    return Cell(
        outcome=outcome.name,
        outcome_title=outcome.title,
        segment={attribute.name: attribute.values[code] for attribute, code in zip(attributes, candidate.codes, strict=True)},
        traces=candidate.traces,
        affected=candidate.affected,
        rest_traces=candidate.rest_traces,
        rest_affected=candidate.rest_affected,
        clusters=min(table.clusters_a, table.clusters_b),
        ratio=estimate.ratio,
        interval=Interval(low=estimate.low, high=estimate.high),
        share_clusters=table.clusters_a,
        share_interval=None if share is None else Interval(low=share.low, high=share.high),
        p_adjusted=scored.p_adjusted,
    )


def _notes(frame: SliceFrame, untested: int) -> tuple[str, ...]:
    notes = [
        f"{attribute.left_out:,} rarer values of {attribute.name} make no cell; the {len(attribute.values)} commonest do."
        for attribute in frame.attributes
        if attribute.left_out
    ]
    if untested:
        notes.append(f"{untested:,} cells had enough data and were left out; the {MAX_CELLS:,} that expect most were tested.")
    return tuple(notes)
