"""What of the cells that a slice search finds is said: one thing once, at the grain at which it happens."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cells import Candidate
from .contrast import ClusterTable, contrast_p_value, ratio_interval
from .frame import Flags, SliceFrame

ADDS_AT = 0.05
"""The p-value at which a part differs from the rest of its whole."""


@dataclass(frozen=True)
class Scored:
    """One tested cell with its statistic and its p-value over the whole search."""

    candidate: Candidate
    statistic: float
    p_adjusted: float

    @property
    def order(self) -> tuple[float, float, int, tuple[int, ...], tuple[int, ...]]:
        """Sorts by p-value, then by statistic, then by place."""
        cell = self.candidate
        return (self.p_adjusted, -self.statistic, cell.outcome, cell.attributes, cell.codes)

    def has_parent(self, other: "Scored") -> bool:
        """Whether it is a part of the other by one attribute more, for the same outcome."""
        mine, theirs = self.candidate, other.candidate
        values = set(zip(mine.attributes, mine.codes, strict=True))
        return mine.outcome == theirs.outcome and values > set(zip(theirs.attributes, theirs.codes, strict=True))


def prune(frame: SliceFrame, found: Sequence[Scored], *, ratio: float, seed: int) -> list[Scored]:
    """Leave out the cells that only say again what another says.

    Of twins, cells with the same traces, the simpler stays. A cell stays beside one that contains it only if it stands out
    from the rest of that one: at least `ratio` times as affected, with p at most .05. And it stays beside others that overlap
    with it, or that it contains, only if without their traces it still stands out from what is outside of all of them. Nothing
    goes for a cell with a larger p-value: at no level is a finding lost.

    Args:
        frame: The traces.
        found: The cells to choose from.
        ratio: The ratio that matters, from the plan.
        seed: Of the sign flips.

    Returns:
        What remains, by p-value, then by how clear it is.
    """
    distinct = sorted(_without_twins(frame, found), key=lambda cell: cell.order)
    parents = [cell for cell in distinct if len(cell.candidate.attributes) == 1]
    kept: list[Scored] = []
    for cell in distinct:
        repeats = any(_repeats(frame, cell, parent, ratio, seed) for parent in parents)
        if not (repeats or _is_shadow(frame, cell, kept, ratio, seed)):
            kept.append(cell)
    return kept


def _without_twins(frame: SliceFrame, found: Sequence[Scored]) -> list[Scored]:
    ordered = sorted(found, key=lambda cell: (len(cell.candidate.attributes), cell.candidate.attributes, cell.candidate.codes))
    first: dict[tuple[int, bytes], Scored] = {}
    for cell in ordered:
        members = np.packbits(cell.candidate.members(frame))
        first.setdefault((cell.candidate.outcome, hashlib.sha256(members.tobytes()).digest()), cell)
    return list(first.values())


def _repeats(frame: SliceFrame, cell: Scored, parent: Scored, ratio: float, seed: int) -> bool:
    if not cell.has_parent(parent) or parent.p_adjusted > cell.p_adjusted:
        return False
    inside = cell.candidate.members(frame)
    return not _stands_out(frame, cell, inside, parent.candidate.members(frame) & ~inside, ratio, seed)


def _is_shadow(frame: SliceFrame, cell: Scored, clearer: Sequence[Scored], ratio: float, seed: int) -> bool:
    """Whether the cell is affected only through traces that it shares with clearer ones."""
    whole = cell.candidate.members(frame)
    shared = np.zeros(whole.size, dtype=bool)
    for other in clearer:
        if other.candidate.outcome == cell.candidate.outcome and not cell.has_parent(other):
            shared |= other.candidate.members(frame)
    if not (shared & whole).any():
        return False
    outside = frame.outcomes[cell.candidate.outcome].eligible & ~whole & ~shared
    return not _stands_out(frame, cell, whole & ~shared, outside, ratio, seed)


def _stands_out(frame: SliceFrame, cell: Scored, inside: Flags, outside: Flags, ratio: float, seed: int) -> bool:
    if not (inside.any() and outside.any()):
        return False
    rows = inside | outside
    outcome = frame.outcomes[cell.candidate.outcome]
    table = ClusterTable.of(frame.cluster[rows], inside[rows], outcome.affected[rows])
    return ratio_interval(table).ratio >= ratio and contrast_p_value(table, seed=seed) <= ADDS_AT
