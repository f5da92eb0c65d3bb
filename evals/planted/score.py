"""Compares the issues that an analysis reports with what is planted, trace by trace and one to one.

Each reported issue may stand for one planted fault, or for one fact of operation that follows from what is planted, and each
of these for one issue; that traces end wrongly may stand for all faults together that change how one ends. It fits where the
two sets of traces have a Jaccard index of at least .5; an issue that lists only some of its traces, where at least .8 of
those listed are affected, and three times the share of all. Whatever is left over is false: a second issue about the same
traces, an issue about a look-alike, and one that nothing explains.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from .truth import PlantedFault, TrueFact, Truth

JACCARD = 0.5
PRECISION, LIFT = 0.8, 3.0
"""For an issue that lists only some of its traces."""
SAME = 0.8
"""Jaccard index from which on a fact is a planted fault told once more."""
OUTCOME = "outcome"
"""The kind of an issue that says which traces end wrongly, by whatever fault."""
EXPLAINED = 0.5
"""Share of a false issue's traces from which on a fault, a fact or a look-alike is named as what it is about."""


class ReportedIssue(NamedTuple):
    """An issue as an analysis reports it."""

    title: str
    trace_ids: frozenset[str]
    kind: str
    affected: int | None = None
    """How many traces it says are affected; None: as many as it lists."""
    spans: frozenset[str] = frozenset()
    """The spans that it points at."""
    cause: str = ""
    """What it names as its cause, and what else it says of the same traces."""
    entry: str = ""
    """The entry of the playbook that it comes from, if one."""
    identity: str = ""
    """What it is about, the same in another analysis however it is worded."""
    share: tuple[float, float] | None = None
    """The interval of a share in the process behind the traces, where it claims one."""
    population: int = 0


class Fit(NamedTuple):
    """How well an issue's traces are those of something that is planted; related traces count neither way."""

    precision: float = 0.0
    recall: float = 0.0
    jaccard: float = 0.0
    fits: bool = False

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True)
class Match:
    """A planted fault, and the issue that stands for it."""

    fault: PlantedFault
    issue: ReportedIssue | None = None
    fit: Fit = Fit()

    @property
    def found(self) -> bool:
        """Whether an issue stands for it."""
        return self.issue is not None

    @property
    def localised(self) -> float | None:
        """Share of the spans pointed at that are where it shows; None where it shows in no span of its own, or isn't found."""
        if self.issue is None or not self.fault.span_ids:
            return None
        return len(self.issue.spans.intersection(self.fault.span_ids)) / max(1, len(self.issue.spans))

    @property
    def cause_right(self) -> bool | None:
        """Whether the cause names the mechanism or the segment; None where there is neither, or it isn't found."""
        marks = [self.fault.mechanism, *self.fault.segment.values()]
        marks = [_letters(mark) for mark in marks if mark]
        if self.issue is None or not marks:
            return None
        said = _letters(f"{self.issue.cause} {self.issue.title} {self.issue.identity}")
        return any(mark in said for mark in marks)

    @property
    def covered(self) -> bool | None:
        """Whether the interval of the issue holds the rate of the process; None where it has none, or there is none."""
        rate = self.fault.process_rate if self.fault.way == "rate" else None
        if (
            self.issue is None
            or self.issue.entry != self.fault.entry
            or self.issue.share is None
            or rate is None
            or not self.issue.population
        ):
            return None
        low, high = self.issue.share
        return low <= rate * min(1.0, self.fault.population / self.issue.population) <= high


@dataclass(frozen=True)
class FalseIssue:
    """An issue that stands for nothing, and what it is about."""

    issue: ReportedIssue
    why: Literal["duplicate", "look-alike", "unexplained"]
    about: str


@dataclass(frozen=True)
class Score:
    """What was found, and what was reported besides."""

    truth: Truth
    matches: tuple[Match, ...]
    facts: tuple[tuple[TrueFact, ReportedIssue], ...]
    false_issues: tuple[FalseIssue, ...]

    @property
    def found(self) -> int:
        """How many planted faults were found."""
        return sum(match.found for match in self.matches)

    @property
    def reported(self) -> int:
        """How many issues were reported."""
        return self.found + len(self.facts) + len(self.false_issues)

    @property
    def precision(self) -> float | None:
        """Share of the issues that aren't false; None where none was reported."""
        return 1 - len(self.false_issues) / self.reported if self.reported else None


class _Slot(NamedTuple):
    """What an issue can stand for."""

    name: str
    affected: frozenset[str]
    related: frozenset[str]
    kind: str
    fault: PlantedFault | None
    fact: TrueFact | None


def score(truth: Truth, issues: Sequence[ReportedIssue]) -> Score:
    """Finds the one to one matching that explains most: as many faults as possible, then facts, then the better fit.

    Traces are compared, never words. At the boundary no fault is one: its rate isn't above its threshold.
    """
    slots = _slots(truth)
    fits = [[_fit(issue, slot, truth.traces) for slot in slots] for issue in issues]
    pairs = _assign(issues, slots, fits)
    matches = {
        slots[place].name: Match(_fault(slots[place]), issues[row], fits[row][place]) for row, place in _of_faults(pairs, slots)
    }
    facts = [(slots[place].fact, issues[row]) for row, place in pairs.items()]
    rest = [issue for row, issue in enumerate(issues) if row not in pairs]
    return Score(
        truth,
        tuple(matches.get(fault.fault_id, Match(fault)) for fault in _faults(truth)),
        tuple((fact, issue) for fact, issue in facts if fact is not None),
        tuple(_explain(issue, slots, truth) for issue in rest),
    )


def _faults(truth: Truth) -> tuple[PlantedFault, ...]:
    return () if truth.variant == "boundary" else truth.faults


def _slots(truth: Truth) -> list[_Slot]:
    faults = [
        _Slot(fault.fault_id, frozenset(fault.trace_ids), frozenset(fault.related_trace_ids), fault.kind, fault, None)
        for fault in _faults(truth)
    ]
    stated = [fault for fault in _faults(truth) if fault.way in {"fact", "shift", "count"}]
    facts = [
        _Slot(fact.fact_id, frozenset(fact.trace_ids), frozenset(), "operational", None, fact)
        for fact in truth.facts
        if not any(_states_the_same(fact, fault) for fault in stated)
    ]
    ended = {trace_id for fault in _faults(truth) if fault.way != "shift" for trace_id in fault.trace_ids}
    together = TrueFact(fact_id="ends_wrongly", title="Traces end wrongly", trace_ids=tuple(sorted(ended)))
    return [*faults, *facts, _Slot(together.fact_id, frozenset(ended), frozenset(), OUTCOME, None, together)]


def _states_the_same(fact: TrueFact, fault: PlantedFault) -> bool:
    """Whether a fact is a planted fault itself, told once more; what else follows from that is a statement of its own."""
    by_way = {"shift": "slow_tail", "count": "claims_done"}
    subject = by_way.get(fault.way) or (f"fails: {fault.tool}" if fault.tool else "trace_errors")
    return fact.fact_id == subject and _jaccard(frozenset(fact.trace_ids), frozenset(fault.trace_ids)) >= SAME


def _assign(issues: Sequence[ReportedIssue], slots: Sequence[_Slot], fits: Sequence[Sequence[Fit]]) -> dict[int, int]:
    """Per issue that stands for something the place of its slot."""
    if not issues or not slots:
        return {}
    worth = np.array(
        [
            [_worth(issue, slot, fit) for slot, fit in zip(slots, row, strict=True)]
            for issue, row in zip(issues, fits, strict=True)
        ]
    )
    rows, places = linear_sum_assignment(worth, maximize=True)
    return {int(row): int(place) for row, place in zip(rows, places, strict=True) if worth[row, place] > 0}


def _worth(issue: ReportedIssue, slot: _Slot, fit: Fit) -> float:
    if not fit.fits or (slot.kind == OUTCOME) != (issue.kind == OUTCOME):
        return 0.0
    return 1.0 + fit.f1 / 10 + (issue.kind == slot.kind) / 5 + (10.0 if slot.fault else 0.0)


def _of_faults(pairs: dict[int, int], slots: Sequence[_Slot]) -> list[tuple[int, int]]:
    return [(row, place) for row, place in pairs.items() if slots[place].fault is not None]


def _fault(slot: _Slot) -> PlantedFault:
    assert slot.fault is not None
    return slot.fault


def _fit(issue: ReportedIssue, slot: _Slot, traces: int) -> Fit:
    named = issue.trace_ids - (slot.related - slot.affected)
    shared = len(named & slot.affected)
    if not shared:
        return Fit()
    precision, recall = shared / len(named), shared / len(slot.affected)
    jaccard = _jaccard(named, slot.affected)
    if issue.affected is None or len(issue.trace_ids) >= issue.affected:
        return Fit(precision, recall, jaccard, jaccard >= JACCARD)
    lift = precision / (len(slot.affected) / traces)
    return Fit(precision, recall, jaccard, precision >= PRECISION and lift >= LIFT)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def _explain(issue: ReportedIssue, slots: Sequence[_Slot], truth: Truth) -> FalseIssue:
    size = max(1, len(issue.trace_ids))
    shares = [(len(issue.trace_ids & (slot.affected | slot.related)) / size, slot.name) for slot in slots]
    share, about = max(shares, default=(0.0, ""))
    if share >= EXPLAINED:
        return FalseIssue(issue, "duplicate", about)
    alike = [(len(issue.trace_ids.intersection(item.trace_ids)) / size, item.look_alike_id) for item in truth.look_alikes]
    share, about = max(alike, default=(0.0, ""))
    return FalseIssue(issue, "look-alike", about) if share >= EXPLAINED else FalseIssue(issue, "unexplained", "")


def _letters(text: str) -> str:
    """Without digits and signs, which are masked in messages."""
    return " ".join(re.findall(r"[a-z]+", text.lower()))
