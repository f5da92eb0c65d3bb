"""The report as one page: `report.html.j2` filled from the facts, with plots, links and nothing from outside.

Whatever comes from traces is escaped by the template engine, and the page's own policy forbids scripts and requests besides.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from ..clipping import clip
from ..insights.models import Bucket, Cell, Issue
from ..shares import percent
from .charts import Chart, Compared, Look, compared_shares, time_charts, trend
from .excerpts import CODE
from .facts import IssueFacts, ReportFacts
from .next_steps import next_steps
from .words import amount, began, day, number, share_of_issue, when

QUERY = re.compile(r"\bQ[0-9a-f]{10}\b")
NEWS_SHOWN = 8
"""Changes since the last analysis that stand open: what a screen holds; the rest is folded."""
SQL_CHARS = 6_000
"""Characters of a query that the page holds; the record in the run has all."""


def render_html(facts: ReportFacts) -> str:
    """The whole page. The same memory gives the same bytes."""
    shown = {
        "facts": facts,
        "pages": facts.pages,
        "analysis": facts.analysis,
        "snapshot": facts.snapshot,
        "charts": (*time_charts(facts), *_standing_out(facts)),
        "style": Markup(_packaged("report.css")),
        "scale": _scale(facts),
        "link": partial(facts.pages.trace, facts.analysis.experiment_id),
        "next_steps": next_steps(facts),
        "trend_of": partial(_trend_of, facts),
        "news_shown": NEWS_SHOWN,
    }
    return _template().render(shown).strip() + "\n"


@cache
def _template() -> Template:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    environment.filters.update(FILTERS)
    return environment.from_string(_packaged("report.html.j2"))


def prose(text: object, limit: int = 2_000) -> Markup:
    """A text on one line: names between backticks become code, ids of queries become links, all else is escaped."""
    parts = CODE.split(clip(text, limit))
    return Markup().join(
        Markup("<code>{}</code>").format(part.strip("`")) if place % 2 else _with_queries(part)
        for place, part in enumerate(parts)
    )


def svg(chart: Chart) -> Markup:
    """A plot is ours, and its labels are escaped where it is drawn."""
    return Markup(chart.svg)


def sql(text: str) -> str:
    """A query as it is shown; a very long one is cut."""
    return text if len(text) <= SQL_CHARS else text[: SQL_CHARS - 1] + "…"


def counts(bucket: Bucket) -> str:
    """`26 of 600` of a share; empty for other figures."""
    if bucket.unit != "share" or bucket.numerator is None or bucket.denominator is None:
        return ""
    return f"{bucket.numerator:,} of {bucket.denominator:,}"


def across(issue: Issue, top: float) -> Markup:
    """The share of an issue as a bar of a scale that ends at `top`, with its interval."""
    share = issue.affected / issue.population if issue.population else 0.0
    low, high = (issue.interval.low, issue.interval.high) if issue.interval else (share, share)
    mark = '<span class="track" aria-hidden="true"><i style="left:{}%;width:{}%"></i><b style="left:{}%"></b></span>'
    places = (low / top, max(high - low, 0.0) / top, share / top)
    return Markup(mark).format(*(f"{100 * min(place, 1.0):.2f}" for place in places))


def _with_queries(text: str) -> Markup:
    return Markup(QUERY.sub(lambda found: f'<a class="query" href="#{found[0]}">{found[0]}</a>', str(escape(text))))


def _scale(facts: ReportFacts) -> float:
    """Where the bars of the overview end: at the largest upper bound, rounded up to a tenth."""
    bounds = [each.issue.interval.high if each.issue.interval else _share(each.issue) for each in facts.issues]
    return min(1.0, -(-max(bounds, default=1.0) * 10 // 1) / 10) or 1.0


def _share(issue: Issue) -> float:
    return issue.affected / issue.population if issue.population else 0.0


def _standing_out(facts: ReportFacts) -> list[Chart]:
    """Where a group stands out: the cells that a slice search found, and the arms of validated comparisons."""
    found = [each for each in facts.hypotheses if each.verdict is not None and each.verdict.status == "VALIDATED" and each.result]
    cells = [(_of_cell(cell), each) for each in found for cell in (each.verdict.cells if each.verdict else ())]
    arms = [(compared, each) for each in facts.issues if (compared := _of_arms(each)) is not None]
    rows = [row for row, _ in cells] + [row for row, _ in arms]
    if not rows:
        return []
    query_ids = [each.result.query_ids[-1] for _, each in cells if each.result and each.result.query_ids]
    query_ids += [each.issue.query_ids[0] for _, each in arms if each.issue.query_ids]
    return [compared_shares("Groups that stand out", rows, tuple(dict.fromkeys(query_ids)))]


def _trend_of(facts: ReportFacts, issue: Issue) -> Chart | None:
    """How an issue went from look to look, where there was more than one; with the queries of the last one."""
    looks = [Look(point.until, point.share, point.interval) for point in issue.trend if point.population]
    again = next((each.result for each in facts.hypotheses if each.issue_id == issue.issue_id and each.result), None)
    query_ids = again.query_ids if again else issue.query_ids
    return trend(f"Trend of {issue.issue_id}", looks, query_ids[-1:]) if len(looks) > 1 else None


def _of_cell(cell: Cell) -> Compared:
    where = ", ".join(name if value == "yes" else f"{name} {value}" for name, value in sorted(cell.segment.items()))
    rest = cell.rest_affected / cell.rest_traces if cell.rest_traces else 0.0
    return Compared(f"{cell.outcome_title}: {where}", cell.affected / max(cell.traces, 1), cell.share_interval, rest)


def _of_arms(facts: IssueFacts) -> Compared | None:
    result = facts.hypothesis.result if facts.hypothesis else None
    if result is None or result.decision not in {"contrast", "shift"} or len(result.arms) != 2:
        return None
    arm, rest = result.arms
    share, other = ((each.affected or 0) / max(each.traces, 1) for each in (arm, rest))
    what = " (share above the common quantile)" if result.decision == "shift" else ""
    return Compared(f"{facts.issue.title}{what}", share, arm.share_interval, other)


def _packaged(name: str) -> str:
    return resources.files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")


FILTERS: dict[str, Callable[..., Any]] = {
    "clip": clip,
    "prose": prose,
    "percent": percent,
    "amount": amount,
    "counts": counts,
    "share": share_of_issue,
    "when": when,
    "day": day,
    "began": began,
    "number": number,
    "svg": svg,
    "sql": sql,
    "across": across,
}
