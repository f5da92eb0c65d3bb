"""The verdicts of all hypotheses that were tested together, with the error of the whole analysis kept at 5%.

Three families share it. S, the slice search, is already adjusted over its own cells by max-T. P, the planned tests of the
process, is adjusted by Benjamini and Hochberg, once, when testing is over: until then a hypothesis has a p-value and no verdict.
R, what is read, has a number of slots reserved beforehand, and each may spend an equal part (Bonferroni with e-values).
Counts and shares of the snapshot are exact and in no family. Earlier issues that are looked at again are a family by themselves:
nearly all of them are there still, and would lend any new suspicion in their family a p-value to spend. Where there are some, P
shares its level with them, half and half.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from ..insights.models import Cell, HypothesisStatus, Interval, Reads, TestResult, Verdict
from .intervals import at_level, cell_at_level
from .plan import Contrast, Count, Plan, Rate, Read, Shift, Slices
from .rate import rate_eligibility
from .verdicts import Decided, Tested, decide_count, decide_rate, decide_ratio, decide_read, decide_slices, decide_snapshot_rate

TOTAL = 0.05
"""The error of the first closing of an analysis; all later ones together stay below 2% more."""


READ_SLOTS = 20
"""Readings that a closing has room for: each may stop at its own part of the level, so their number is fixed beforehand."""


class Entry(NamedTuple):
    """One hypothesis whose plan was carried out; dropped ones too, since they were tested."""

    hypothesis_id: str
    plan: Plan
    result: TestResult


class Levels(NamedTuple):
    """The error that each family may spend."""

    slices: float
    planned: float
    reads: float


def batch_level(batch: int) -> float:
    """What all families of a closing may spend together: 5%, then 5% of 6 / (pi b)^2 for the closings after it.

    Args:
        batch: 1 for the first closing of an analysis, 2, 3, ... for what was added later.

    Raises:
        ValueError: There is no such batch.
    """
    if batch < 1:
        raise ValueError(f"batches are counted from 1, this is {batch}")
    return TOTAL if batch == 1 else TOTAL * 6 / (math.pi * batch) ** 2


def family_levels(batch: int, *, with_model: bool = False) -> Levels:
    """What each family of a closing may spend.

    Args:
        batch: As for `batch_level`.
        with_model: Whether a language model may read traces: a family of its own, fixed before the census.
    """
    parts = (0.3, 0.3, 0.4) if with_model else (0.5, 0.5, 0.0)
    return Levels(*(batch_level(batch) * part for part in parts))


def close_families(entries: Sequence[Entry], *, batch: int, with_model: bool = False) -> dict[str, Verdict]:
    """Give every hypothesis its verdict.

    Tests that don't meet their `min_n` are in no family. What is validated by significance gets its interval at the level
    1 - .05 R / m, R validated of m tests (Benjamini and Yekutieli 2005): on average 95% of the reported intervals cover.

    Args:
        entries: All that were tested since the last closing.
        batch: Which closing this is, from 1.
        with_model: Whether a language model may read traces.
    """
    levels = family_levels(batch, with_model=with_model)
    verdicts = {entry.hypothesis_id: verdict for entry in entries if (verdict := _outside_families(entry))}
    inside = [entry for entry in entries if entry.hypothesis_id not in verdicts]
    reads = [entry for entry in inside if isinstance(entry.plan.decision, Read)]
    searches = [entry for entry in inside if isinstance(entry.plan.decision, Slices)]
    planned = [entry for entry in inside if not isinstance(entry.plan.decision, Slices | Read)]
    level = levels.planned / 2 if any(map(_is_prior, entries)) else levels.planned
    verdicts |= _close_slices(searches, levels.slices, batch)
    verdicts |= _close_reads(reads, levels.reads, batch)
    verdicts |= _close_planned([entry for entry in planned if not _is_prior(entry)], level, batch)
    verdicts |= _close_planned([entry for entry in planned if _is_prior(entry)], level, batch)
    return {entry.hypothesis_id: verdicts[entry.hypothesis_id] for entry in entries}


def _is_prior(entry: Entry) -> bool:
    return entry.plan.decision.threshold_source == "earlier issue"


def _outside_families(entry: Entry) -> Verdict | None:
    """The verdict of what is exact, or has too little data; None for what a family decides."""
    decision, result = entry.plan.decision, entry.result
    if isinstance(decision, Count):
        return _verdict(decide_count(decision, result))
    if isinstance(decision, Rate) and entry.plan.estimand == "snapshot":
        return _verdict(decide_snapshot_rate(decision, result))
    if reason := _too_little(entry):
        return Verdict(status=HypothesisStatus.INCONCLUSIVE, reason=f"Nothing decided: {reason}.")
    return None


def _verdict(decided: Decided) -> Verdict:
    return Verdict(status=decided.status, reason=decided.reason)


def _too_little(entry: Entry) -> str:
    """Why nothing can be decided; empty where it can."""
    decision, result = entry.plan.decision, entry.result
    if not result.eligible:
        return result.ineligible_because.rstrip(".") or "it doesn't meet the least number that its plan asks for"
    if isinstance(decision, Read):
        return ""
    if isinstance(decision, Rate):
        return rate_eligibility(result.clusters, min_n=entry.plan.min_n)
    if result.clusters < entry.plan.min_n:
        return f"{result.clusters:,} independent clusters, at least {entry.plan.min_n:,} needed"
    if isinstance(decision, Slices) and not result.cells_tested:
        return "no cell has enough traces to be tested"
    return ""


def _close_slices(searches: Sequence[Entry], level: float, batch: int) -> dict[str, Verdict]:
    share = level / max(len(searches), 1)
    found = {entry.hypothesis_id: _found(entry, share) for entry in searches}
    tests = sum(entry.result.cells_tested for entry in searches)
    selected = 1 - 0.05 * sum(map(len, found.values())) / max(tests, 1)
    verdicts: dict[str, Verdict] = {}
    for entry in searches:
        decision, cells = entry.plan.decision, found[entry.hypothesis_id]
        assert isinstance(decision, Slices)
        decided = decide_slices(decision, entry.result, cells, share)
        verdicts[entry.hypothesis_id] = Verdict(
            status=decided.status,
            reason=decided.reason,
            batch=batch,
            p_adjusted=entry.result.p_value,
            level=share,
            cells=tuple(cell.model_copy(update={"interval": cell_at_level(cell, selected)}) for cell in cells),
        )
    return verdicts


def _found(entry: Entry, level: float) -> tuple[Cell, ...]:
    decision = entry.plan.decision
    assert isinstance(decision, Slices)
    return tuple(cell for cell in entry.result.cells if cell.p_adjusted <= level and cell.ratio >= decision.ratio)


def _close_planned(planned: Sequence[Entry], level: float, batch: int) -> dict[str, Verdict]:
    if not planned:
        return {}
    adjusted = stats.false_discovery_control(np.array([_numbers(entry).p_value for entry in planned]), method="bh")
    tested = [Tested(float(p), level, len(planned)) for p in adjusted]
    decided = [_decide(entry, test) for entry, test in zip(planned, tested, strict=True)]
    validated = sum(each.status is HypothesisStatus.VALIDATED for each in decided)
    selected = 1 - 0.05 * validated / len(planned)
    verdicts: dict[str, Verdict] = {}
    for entry, test, each in zip(planned, tested, decided, strict=True):
        interval = None
        if each.status is HypothesisStatus.VALIDATED:
            interval = at_level(entry.result, selected)
        verdicts[entry.hypothesis_id] = Verdict(
            status=each.status,
            reason=each.reason,
            batch=batch,
            p_adjusted=test.p_adjusted,
            level=level,
            interval=interval,
        )
    return verdicts


def read_stop(level: float) -> float:
    """The logarithm of the e-value that validates a reading; infinite where the family may spend nothing."""
    rounding = 1e-9  # what stopped here survives below, where it is compared as a p-value
    return math.log(READ_SLOTS / level) + rounding if level else math.inf


def _close_reads(reads: Sequence[Entry], level: float, batch: int) -> dict[str, Verdict]:
    """Any dependence between the readings is allowed for: the same traces may have served them all."""
    slots = max(READ_SLOTS, len(reads))
    tested = [Tested(min(slots * math.exp(-max(_reads(entry).log_for, 0.0)), 1.0), level, slots) for entry in reads]
    decided = [decide_read(_read(entry), entry.result, test) for entry, test in zip(reads, tested, strict=True)]
    validated = sum(each.status is HypothesisStatus.VALIDATED for each in decided)
    selected = 1 - 0.05 * validated / max(len(reads), 1)
    return {
        entry.hypothesis_id: Verdict(
            status=each.status,
            reason=each.reason,
            batch=batch,
            p_adjusted=test.p_adjusted,
            level=level,
            interval=at_level(entry.result, selected) if each.status is HypothesisStatus.VALIDATED else None,
        )
        for entry, test, each in zip(reads, tested, decided, strict=True)
    }


def _read(entry: Entry) -> Read:
    assert isinstance(entry.plan.decision, Read)
    return entry.plan.decision


def _reads(entry: Entry) -> Reads:
    if entry.result.reads is None:
        raise ValueError(f"hypothesis {entry.hypothesis_id!r} was to be read and says nothing of what was")
    return entry.result.reads


class _Numbers(NamedTuple):
    p_value: float
    value: float
    interval: Interval


def _numbers(entry: Entry) -> _Numbers:
    result = entry.result
    if result.p_value is None or result.value is None or result.interval is None:
        raise ValueError(f"hypothesis {entry.hypothesis_id!r} is eligible and has no p-value, value or interval")
    return _Numbers(result.p_value, result.value, result.interval)


def _decide(entry: Entry, tested: Tested) -> Decided:
    decision, numbers = entry.plan.decision, _numbers(entry)
    if isinstance(decision, Rate):
        return decide_rate(decision, entry.result, numbers.interval, tested)
    assert isinstance(decision, Contrast | Shift)
    return decide_ratio(decision, entry.result, numbers.value, numbers.interval, tested)
