"""How severe an issue is: by the share of traces it affects, what kind of failure it is, and whether it shows in outcomes."""

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
    judged: bool = False,
) -> Rating:
    """The severity of an issue and why.

    Args:
        share_low: The lower bound of the affected share; the share itself where it was counted.
        floor: The least severity of this kind of failure.
        ceiling: The most that may be said, as where nothing but a judge flagged it.
        outcomes: The ratio of bad outcomes, affected against unaffected traces, where it was estimated: an interval around 1 that
            stays below 1.5 takes one step off.
        counted: Whether the share is exact.
        judged: Whether it is what a judge flags whose errors aren't known: then it is MEDIUM at most.
    """
    severity = next((step for limit, step in LADDER if share_low < limit), Severity.CRITICAL)
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
        severity = list(Severity)[severity.rank - 1]
        reasons.append(f"the outcomes of affected traces are no worse than others': {severity}")
    if judged and severity.rank > Severity.MEDIUM.rank:
        severity = Severity.MEDIUM
        reasons.append(f"flagged by a judge whose errors aren't known, it can't be more than {severity}")
    if ceiling is not None and ceiling.rank < severity.rank:
        severity = ceiling
        reasons.append(f"it can't be more than {ceiling}")
    return Rating(severity, "; ".join([f"{what} (by itself {alone})", *reasons]) if reasons else what)


def _same(outcomes: Interval) -> bool:
    return outcomes.low <= 1 <= outcomes.high < HARMLESS_BELOW
