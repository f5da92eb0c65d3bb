"""How severe an issue is: by the share of traces it affects, what kind of failure it is, and whether it shows in outcomes.

Of what a judge read it is the share of traces that ended wrongly by it: a rule that is broken with no harm to anybody is true,
and LOW. What was counted is LOW too where its traces end as they should mostly, or about as often as others do: a failure that
the agent recovers from.
"""

from typing import NamedTuple

from scipy import stats

from ..insights.models import Endings, Severity
from ..shares import percent

LADDER = ((0.01, Severity.LOW), (0.05, Severity.MEDIUM), (0.20, Severity.HIGH))
"""Shares below which an issue is of that severity; CRITICAL above them all."""

MOSTLY = 0.5
"""Share of an issue's traces that have to end wrongly, for harm not to be the exception."""
HARDLY_MORE = 0.1
"""By how much more of them than of all others may end wrongly, for harm to be no more than elsewhere."""
LITTLE = 0.03
"""Share of all traces that ended wrongly by a failure, below which its cause isn't worth a model's look at it."""
BY_CHANCE = 0.05
"""Fisher's exact p from which on the traces of an issue may end wrongly no more often than others."""


class Rating(NamedTuple):
    """A severity, and the rule that gave it, in words that a sentence can go on from."""

    severity: Severity
    because: str


def rate_severity(
    *,
    share_low: float,
    floor: Severity | None = None,
    ceiling: Severity | None = None,
    counted: bool = False,
) -> Rating:
    """The severity of an issue that was counted, and why.

    Args:
        share_low: The lower bound of the affected share; the share itself where it was counted.
        floor: The least severity of this kind of failure.
        ceiling: The most that may be said.
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
    if ceiling is not None and ceiling.rank < severity.rank:
        severity = ceiling
        reasons.append(f"it can't be more than {ceiling}")
    return Rating(severity, "; ".join([f"{what} (by itself {alone})", *reasons]) if reasons else what)


def rate_consequences(*, wrong_low: float, harmed_low: float, labelled: bool = False) -> Rating:
    """The severity of an issue that a judge read, and why: by what it did to users, not by how often it was done.

    Args:
        wrong_low: The lower bound of the share of all traces that ended wrongly by it.
        harmed_low: The same with those that ended rightly after the user was misled or had to correct the agent; they weigh two
            steps less.
        labelled: Whether the judge's errors are known, from a person's labels; else it can't make it more than MEDIUM.
    """
    wrong, harmed = _by_share(wrong_low), _two_steps_down(_by_share(harmed_low))
    severity = max(wrong, harmed, key=lambda each: each.rank)
    reasons = [
        f"at least {percent(wrong_low)} of the traces ended wrongly by it (by itself {wrong})",
        f"at least {percent(harmed_low)} did so or misled their user (two steps less: {harmed})",
    ]
    if severity.rank > Severity.MEDIUM.rank and not labelled:
        severity = Severity.MEDIUM
        reasons.append(f"flagged by a judge whose errors aren't known, it can't be more than {severity}")
    return Rating(severity, "; ".join(reasons))


def rate_endings(severity: Severity, because: str, endings: Endings, *, floor: Severity | None = None) -> Rating:
    """The severity of an issue that was counted, once it is known how its traces ended: LOW where harm is the exception.

    It is the exception where fewer than half of them ended wrongly, or hardly more of them than of others, and no more often than
    others by Fisher's exact test. The test takes traces as independent, so it rather sees a difference where there is none, and
    keeps the severity.

    Args:
        severity: What it is by its share.
        because: Why.
        endings: How its traces ended, and all others.
        floor: The least severity of this kind of failure.
    """
    found = (
        f"{endings.wrong:,} of {endings.judged:,} of its traces that were judged ended wrongly, by whatever cause, of all others "
        f"{endings.rest_wrong:,} of {endings.rest_judged:,}"
    )
    least = floor or Severity.LOW
    if severity.rank <= least.rank or not is_exception(endings):
        return Rating(severity, f"{because}; {found}")
    return Rating(least, f"{because} (by itself {severity}); {found}, so that harm is the exception: {least}")


def is_exception(endings: Endings) -> bool:
    """Whether harm is the exception among the traces of an issue that was counted."""
    share, rest = endings.wrong / max(endings.judged, 1), endings.rest_wrong / max(endings.rest_judged, 1)
    return (share < MOSTLY or share <= rest + HARDLY_MORE) and not _more_often(endings)


def _more_often(endings: Endings) -> bool:
    judged, wrong = endings.judged + endings.rest_judged, endings.wrong + endings.rest_wrong
    return float(stats.hypergeom.sf(endings.wrong - 1, judged, wrong, endings.judged)) < BY_CHANCE


def _by_share(share: float) -> Severity:
    return next((step for limit, step in LADDER if share < limit), Severity.CRITICAL)


def _two_steps_down(severity: Severity) -> Severity:
    return list(Severity)[max(severity.rank - 2, 0)]
