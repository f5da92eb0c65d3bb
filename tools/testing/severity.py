"""How severe an issue is: by the share of traces it affects, what kind of failure it is, and whether it shows in outcomes.

Of what a judge read it is the share of traces that ended wrongly by it: a rule that is broken with no harm to anybody is true,
and LOW.
"""

from typing import NamedTuple

from ..insights.models import Interval, Severity
from ..shares import percent

LADDER = ((0.01, Severity.LOW), (0.05, Severity.MEDIUM), (0.20, Severity.HIGH))
"""Shares below which an issue is of that severity; CRITICAL above them all."""

HARMLESS_BELOW = 1.5
"""How many times as bad the outcomes of affected traces must be ruled out to be, for them not to differ."""


class Rating(NamedTuple):
    """A severity, and the rule that gave it, in words that a sentence can go on from."""

    severity: Severity
    because: str


def rate_severity(
    *,
    share_low: float,
    floor: Severity | None = None,
    ceiling: Severity | None = None,
    outcomes: Interval | None = None,
    counted: bool = False,
) -> Rating:
    """The severity of an issue that was counted, and why.

    Args:
        share_low: The lower bound of the affected share; the share itself where it was counted.
        floor: The least severity of this kind of failure.
        ceiling: The most that may be said.
        outcomes: The ratio of bad outcomes, affected against unaffected traces, where it was estimated: an interval around 1 that
            stays below 1.5 takes one step off.
        counted: Whether the share is exact.
    """
    severity = _by_share(share_low)
    what = (
        f"{percent(share_low)} of the traces are affected"
        if counted
        else f"at least {percent(share_low)} of the traces are affected"
    )
    alone, reasons = severity, list[str]()
    if floor is not None and floor.rank > severity.rank:
        severity = floor
        reasons.append(f"this kind of failure is at least {floor}")
    if outcomes is not None and _same(outcomes) and severity.rank:
        severity = _step_down(severity)
        reasons.append(f"the outcomes of affected traces are no worse than others': {severity}")
    if ceiling is not None and ceiling.rank < severity.rank:
        severity = ceiling
        reasons.append(f"it can't be more than {ceiling}")
    return Rating(severity, "; ".join([f"{what} (by itself {alone})", *reasons]) if reasons else what)


def rate_consequences(
    *, wrong_low: float, harmed_low: float, floor: Severity | None = None, ceiling: Severity | None = None
) -> Rating:
    """The severity of an issue that a judge read, and why: by what it did to users, not by how often it was done.

    Args:
        wrong_low: The lower bound of the share of all traces that ended wrongly by it.
        harmed_low: The same with those that ended rightly after the user was misled or had to correct the agent; they weigh one
            step less.
        floor: The least severity of this kind of failure.
        ceiling: The most that may be said. A judge whose errors aren't known can't make it more than MEDIUM.
    """
    wrong, harmed = _by_share(wrong_low), _step_down(_by_share(harmed_low))
    severity = max(wrong, harmed, key=lambda each: each.rank)
    reasons = [
        f"at least {percent(wrong_low)} of the traces ended wrongly by it (by itself {wrong})",
        f"at least {percent(harmed_low)} did so or misled their user (one step less: {harmed})",
    ]
    if floor is not None and floor.rank > severity.rank:
        severity = floor
        reasons.append(f"this kind of failure is at least {floor}")
    if severity.rank > Severity.MEDIUM.rank:
        severity = Severity.MEDIUM
        reasons.append(f"flagged by a judge whose errors aren't known, it can't be more than {severity}")
    if ceiling is not None and ceiling.rank < severity.rank:
        severity = ceiling
        reasons.append(f"it can't be more than {ceiling}")
    return Rating(severity, "; ".join(reasons))


def _by_share(share: float) -> Severity:
    return next((step for limit, step in LADDER if share < limit), Severity.CRITICAL)


def _step_down(severity: Severity) -> Severity:
    return list(Severity)[max(severity.rank - 1, 0)]


def _same(outcomes: Interval) -> bool:
    return outcomes.low <= 1 <= outcomes.high < HARMLESS_BELOW
