"""The report in markdown: `report.md.j2` filled from the facts, every text of a trace made harmless first."""

import re
from datetime import datetime
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from ..insights.models import Bucket, Interval, Issue
from .excerpts import excerpt
from .facts import ReportFacts


def render_markdown(facts: ReportFacts) -> str:
    """The whole report. The same memory gives the same text."""
    text = _template().render(facts=facts, analysis=facts.analysis, snapshot=facts.snapshot, census=facts.census)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _template() -> Template:
    # Markdown, not HTML: what comes from traces goes through `excerpt` or `inline`, which escape for markdown.
    environment = Environment(
        loader=FunctionLoader(_source), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters |= {
        "excerpt": excerpt,
        "inline": inline,
        "percent": percent,
        "figure": figure,
        "share": share,
        "interval": interval,
        "when": when,
        "number": number,
    }
    return environment.get_template("report.md.j2")


def _source(name: str) -> str:
    return resources.files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")


def inline(text: object) -> str:
    """A text of ours or of a trace, whole but for absurd lengths, on one line."""
    return excerpt(text, 2_000)


def number(value: float) -> str:
    """A count with its thousands apart."""
    return f"{value:,}"


def percent(value: float) -> str:
    """A fraction as a percentage, with as many digits as it deserves: 0.4%, 4.4%, 44%."""
    points = value * 100
    return f"{points:.0f}%" if points >= 10 or points == 0 else f"{points:.1f}%" if points >= 0.1 else f"{points:.2f}%"


def interval(value: Interval | None) -> str:
    """A confidence interval of shares, with its level; empty where there is none."""
    if value is None:
        return ""
    return f"{value.level * 100:.3g}% interval {percent(value.low)} to {percent(value.high)}"


def share(issue: Issue) -> str:
    """`n of N (share, interval)`; of a comparison those of its exposed arm: the interval of the ratio stands in the verdict."""
    part = issue.affected / issue.population if issue.population else 0.0
    exact = ", counted exactly" if issue.estimand == "snapshot" else ""
    bounds = f", {interval(issue.interval)}" if issue.interval else exact
    return f"{issue.counts} ({percent(part)}{bounds})"


def figure(bucket: Bucket | None) -> str:
    """One figure of the census with its counts and its query; a missing one says so, since missing is not zero."""
    if bucket is None or bucket.value is None:
        return "not known" + (f" `{bucket.query_id}`" if bucket else "")
    if bucket.unit == "share":
        counts = (
            f" ({bucket.numerator:,} of {bucket.denominator:,})"
            if bucket.numerator is not None and bucket.denominator is not None
            else ""
        )
        return f"{percent(bucket.value)}{counts} `{bucket.query_id}`"
    return f"{amount(bucket)} `{bucket.query_id}`"


def amount(bucket: Bucket) -> str:
    """The value of a figure that isn't a share, with its unit."""
    value = bucket.value or 0.0
    match bucket.unit:
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
