"""What is compared: the issues of the experiment, each by the plan that watches it, and the figures of the census."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..census.literals import quote
from ..census.subjects import IS_TOOL, affected_sql, present_sql
from ..census.timing import durations_are_nominal
from ..insights.models import Issue, IssueStatus, Severity
from ..sql.service import SqlService
from ..testing.plan import Contrast, Plan, QueryStep, Shift
from .sides import OWNER

MAX_TOOLS = 20
"""Tools that are compared: those called most."""
RATIO = 1.5
SOURCE = "configuration"

DURATION = "SELECT trace_id, CAST(execution_duration_ms AS DOUBLE) AS value FROM traces WHERE execution_duration_ms IS NOT NULL"


@dataclass(frozen=True)
class Measure:
    """One share, or one quantile, that is compared."""

    name: str
    """An issue's id, or a figure's name with its segment."""
    kind: Literal["issue", "figure"]
    title: str
    plan: Plan
    """Its population, its affected traces or its measure; the sides are added when it is compared."""
    severity: Severity | None = None
    """An issue's; a figure gets one from its share."""
    found_by: frozenset[str] = frozenset()
    """The analyses that found the issue."""


def issue_measures(issues: Iterable[Issue]) -> Iterator[Measure]:
    """Every issue that isn't rejected and that a query can look at again."""
    for issue in issues:
        affected = issue.watch.step("affected") if issue.watch is not None else None
        if issue.watch is None or affected is None or issue.status is IssueStatus.REJECTED:
            continue
        plan = _share(issue.watch.population, issue.watch.population_title, affected.title, affected.sql)
        found = {op.split(":")[1] for op in issue.ops if op.startswith("found:")} | {issue.source_run_id}
        yield Measure(issue.issue_id, "issue", issue.title, plan, issue.severity, frozenset(found))


def figure_measures(sql: SqlService, issues: Iterable[Issue]) -> Iterator[Measure]:
    """Errors, hidden failures, failing tools and latency; those that are an issue already are left to it."""
    known = {(issue.fingerprint.measure, issue.fingerprint.segment) for issue in issues if issue.watch is not None}
    for name, segment, measure in (*_of_traces(), *_of_tools(sql)):
        if (name, segment) not in known:
            yield measure
    if not durations_are_nominal(sql, owner=OWNER):
        yield _latency("median", "Median latency of OK traces")
        yield _latency("p95", "p95 latency of OK traces")


def _of_traces() -> Iterator[tuple[str, str, Measure]]:
    finished, ok = "SELECT trace_id FROM traces WHERE state IN ('OK', 'ERROR')", "SELECT trace_id FROM traces WHERE state = 'OK'"
    for name, title, population, of, condition in (
        ("trace_error_rate", "Traces that end in ERROR", finished, "finished traces", "state = 'ERROR'"),
        ("ok_with_failed_spans", "OK traces with failed spans", ok, "OK traces", "error_span_count > 0"),
        ("ok_with_silent_errors", "OK traces with silent tool errors", ok, "OK traces", "silent_error_count > 0"),
    ):
        plan = _share(population, of, title, f"SELECT trace_id FROM traces WHERE {condition}")
        yield name, "", Measure(name, "figure", title, plan)


def _of_tools(sql: SqlService) -> Iterator[tuple[str, str, Measure]]:
    listed = (
        f"SELECT name, count(*) AS calls FROM spans WHERE {IS_TOOL} GROUP BY name ORDER BY calls DESC, name LIMIT {MAX_TOOLS}"
    )
    for row in sql.query(listed, title="Tools called most", owner=OWNER).table.to_pylist():
        tool = str(row["name"])
        title = f"Traces in which {tool} fails"
        plan = _share(present_sql("tool", tool), f"traces that call {tool}", title, affected_sql("tool", tool))
        yield "tool_failure_rate", tool, Measure(f"tool_failing_traces {tool}", "figure", title, plan)


def _share(population: str, of: str, title: str, affected: str) -> Plan:
    nobody = QueryStep(role="exposed", title="nobody yet", sql=f"SELECT trace_id FROM traces WHERE trace_id = {quote('')}")
    return Plan(
        estimand="process",
        population=population,
        population_title=of,
        steps=(QueryStep(role="affected", title=title[:200], sql=affected), nobody),
        decision=Contrast(ratio=RATIO, threshold_source=SOURCE),
    )


def _latency(quantile: Literal["median", "p95"], title: str) -> Measure:
    nobody = QueryStep(role="exposed", title="nobody yet", sql=f"SELECT trace_id FROM traces WHERE trace_id = {quote('')}")
    plan = Plan(
        estimand="process",
        population="SELECT trace_id FROM traces WHERE state = 'OK'",
        population_title="OK traces with a duration",
        steps=(QueryStep(role="measure", title="duration in milliseconds", sql=DURATION), nobody),
        decision=Shift(quantile=quantile, ratio=RATIO, threshold_source=SOURCE),
    )
    return Measure(f"latency_{quantile}", "figure", title, plan)
