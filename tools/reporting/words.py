"""How figures, shares and times are written in a report, whatever its form."""

from datetime import datetime

from ..insights.models import Bucket, Interval, Issue, Onset
from ..shares import percent


def number(value: float) -> str:
    """A count with its thousands apart."""
    return f"{value:,}"


def interval(value: Interval | None) -> str:
    """A confidence interval of shares, with its level; empty where there is none."""
    if value is None:
        return ""
    return f"{value.level * 100:.3g}% interval {percent(value.low)} to {percent(value.high)}"


def share_of_issue(issue: Issue) -> str:
    """`n of N (share, interval)`, and how many of them ended wrongly where that was read.

    Of a comparison those of its exposed arm: the interval of the ratio stands in the verdict.
    """
    part = issue.affected / issue.population if issue.population else 0.0
    exact = ", counted exactly" if issue.estimand == "snapshot" else ""
    bounds = f", {interval(issue.interval)}" if issue.interval else exact
    return f"{issue.counts} ({percent(part)}{bounds}){_ended_wrongly(issue)}{_corrected(issue)}"


def _corrected(issue: Issue) -> str:
    """The share of what is flagged as labels correct it; nothing where there are none."""
    found = issue.correction
    if found is None or found.share is None:
        return ""
    of = f"the {found.frame:,} judged"
    return f"; by {found.labelled:,} labels {percent(found.share)} of {of} should be flagged ({interval(found.interval)})"


def _ended_wrongly(issue: Issue) -> str:
    """How many of the traces that a judge flagged, or whose end it judged; nothing where nobody read them for that."""
    flagged, ended = issue.consequences, issue.endings
    if flagged is not None:
        return f"; ended wrongly by it, of {flagged.flagged:,} flagged" if flagged.wrong else "; none of them ended wrongly by it"
    if ended is not None:
        return f"; {ended.wrong:,} of {ended.judged:,} ended wrongly, of others {ended.rest_wrong:,} of {ended.rest_judged:,}"
    return ""


def amount(bucket: Bucket | None) -> str:
    """The value of one figure of the census in its unit; a missing one says so, since missing is not zero."""
    if bucket is None or bucket.value is None:
        return "not known"
    value = bucket.value
    match bucket.unit:
        case "share":
            return percent(value)
        case "ms":
            return f"{value / 1000:,.2f} s" if value >= 1000 else f"{value:,.0f} ms"
        case "usd":
            return f"${value:,.4f}" if value < 1 else f"${value:,.2f}"
        case "ratio":
            return f"{value:,.2f}"
        case _:
            return f"{value:,.0f}"


def when(value: datetime | None) -> str:
    """An instant in UTC, to the minute."""
    return "not known" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def day(value: datetime) -> str:
    """The day of an instant, UTC."""
    return f"{value:%Y-%m-%d}"


def began(onset: Onset) -> str:
    """When an issue began, and what was before and after."""
    before, after = (
        f"{part:,} of {whole:,} traces ({percent(part / whole)})"
        for part, whole in (
            (onset.affected_before, onset.traces_before),
            (onset.affected_after, onset.traces_after),
        )
    )
    rhythm = "" if onset.by_hour else "; in under two days a daily rhythm would look the same"
    return f"between {when(onset.earliest)} and {when(onset.latest)}: {before} before, {after} since{rhythm}"
