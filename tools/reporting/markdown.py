"""The report in markdown: `report.md.j2` filled from the facts, every text of a trace made harmless first."""

import re
from functools import cache, partial
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from ..insights.models import Bucket
from ..shares import percent
from .excerpts import excerpt
from .facts import ReportFacts
from .next_steps import next_steps
from .words import amount, began, day, interval, number, share_of_issue, when


def render_markdown(facts: ReportFacts) -> str:
    """The whole report. The same memory gives the same text."""
    text = _template().render(
        facts=facts,
        analysis=facts.analysis,
        snapshot=facts.snapshot,
        next_steps=next_steps(facts),
        pages=facts.pages,
        link=partial(facts.pages.trace, facts.analysis.experiment_id),
    )
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
        "share": share_of_issue,
        "began": began,
        "day": day,
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


def figure(bucket: Bucket | None) -> str:
    """One figure of the census with its counts and its query."""
    if bucket is None:
        return "not known"
    known = bucket.value is not None and bucket.numerator is not None and bucket.denominator is not None
    counts = f" ({bucket.numerator:,} of {bucket.denominator:,})" if bucket.unit == "share" and known else ""
    return f"{amount(bucket)}{counts} `{bucket.query_id}`"
