"""Whether a finding tells once more of traces that an issue tells of already: then it is an aspect of that issue.

One failure is often seen by several measures: the tool that fails, the answers that then fail, the segment where both do. Each is
validated by itself, and each would be an issue of its own about the same traces. Compared are traces, never words; and traces
that two findings share by chance, as two that affect nearly everything do, make neither an aspect of the other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

Ids = NDArray[np.int64]

SAME = 0.8
"""Jaccard index from which on two lists are the same traces."""
INSIDE = 0.9
"""Share of a segment's affected traces that have to be an issue's, for the segment to be where that issue is; and of failures
of any kind that have to be told of, for what they have in common to be no issue of its own."""
MOST = 0.5
"""Share from which on a segment holds most of an issue, and what two findings share most of the one that is told second."""
CHANCE = 0.01
"""Probability below which as many shared traces aren't chance."""


def trace_set(trace_ids: Iterable[str]) -> Ids:
    """Traces as sorted numbers that stand for their ids in this process: 8 bytes each, so that a million fit thirty times."""
    return np.unique(np.fromiter(map(hash, trace_ids), dtype=np.int64))


@dataclass(frozen=True)
class Shown:
    """What a finding, or an issue, is about."""

    affected: Ids
    is_cell: bool = False
    """Whether it says in which segment something is more frequent."""
    compare: Callable[[], Ids] | None = None
    """Gives the traces that it compares with the rest: a segment, a version, those with a failed step. None: it compares none."""
    of_any_kind: bool = False
    """Whether it says how failures of any kind are spread, or what they end in: each of them may be told of by itself."""

    @cached_property
    def compared(self) -> Ids:
        """The traces that it compares with others; none where it compares none."""
        return self.compare() if self.compare is not None else trace_set(())


def overlap(one: Ids, other: Ids) -> float:
    """The Jaccard index of two lists of traces."""
    shared = _shared(one, other)
    return shared / max(1, one.size + other.size - shared)


def share_inside(one: Ids, other: Ids) -> float:
    """How much of one list is in the other."""
    return _shared(one, other) / max(1, one.size)


def repeats(new: Shown, told: Shown, *, traces: int) -> bool:
    """Whether what is new would be told of the same traces once more.

    It is so in three cases: the affected traces are the same; a segment holds most of what is told, and little else; or both
    compare the same traces with the rest, and most of the affected ones are the same.

    Args:
        new: What is to be told.
        told: What is told already.
        traces: How many there are in all.
    """
    if not _beyond_chance(new.affected, told.affected, traces):
        return False
    if overlap(new.affected, told.affected) >= SAME:
        return True
    shared = _shared(new.affected, told.affected)
    if new.is_cell and shared >= INSIDE * new.affected.size and shared >= MOST * told.affected.size:
        return True
    return shared >= MOST * new.affected.size and _compare_the_same(new, told)


def is_told_in_parts(new: Shown, told: Iterable[Shown]) -> bool:
    """Whether what is new is about failures of any kind, of which nearly each is told of somewhere."""
    parts = [np.intersect1d(new.affected, each.affected, assume_unique=True) for each in told if new.of_any_kind]
    return bool(parts) and np.unique(np.concatenate(parts)).size >= INSIDE * new.affected.size


def _compare_the_same(new: Shown, told: Shown) -> bool:
    if new.compare is None or told.compare is None or overlap(new.compared, told.compared) < SAME:
        return False
    both = np.intersect1d(new.compared, told.compared, assume_unique=True)
    mine, theirs = (np.intersect1d(each.affected, both, assume_unique=True) for each in (new, told))
    return _beyond_chance(mine, theirs, both.size)


def _beyond_chance(one: Ids, other: Ids, traces: int) -> bool:
    """Whether two lists drawn at random from all traces would seldom share as many (hypergeometric tail)."""
    shared = _shared(one, other)
    return shared > 0 and float(hypergeom.sf(shared - 1, traces, one.size, other.size)) <= CHANCE


def _shared(one: Ids, other: Ids) -> int:
    return np.intersect1d(one, other, assume_unique=True).size
