"""Documents that the tests of the memory write."""

from datetime import UTC, datetime
from typing import Literal

from analyze_experiment.tools.insights.models import (
    Bucket,
    Cause,
    Census,
    Evidence,
    Fingerprint,
    HypothesisDraft,
    HypothesisStatus,
    IssueDraft,
    QueryRecord,
    Severity,
    SnapshotRecord,
    TestResult,
    Verdict,
)
from analyze_experiment.tools.testing.plan import Plan, QueryStep, Rate

INSTANT = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)

PLAN = Plan(
    estimand="process",
    steps=(QueryStep(role="affected", title="failed tool", sql="SELECT trace_id FROM spans\nWHERE status_code = 'ERROR'"),),
    decision=Rate(threshold=0.05, threshold_source="playbook"),
)
RESULT = TestResult(
    decision="rate", estimand="process", family="P", population=5, affected=2, clusters=3, value=0.4, threshold=0.05, p_value=0.01
)
SNAPSHOT = SnapshotRecord(
    instant=INSTANT,
    traces=5,
    spans=9,
    assessments=0,
    excluded=0,
    unreadable=0,
    first_trace=None,
    last_trace=INSTANT,
    digest="ab12",
    partitions={"2026-03": "ab12"},
)
CENSUS = Census(
    created_at=INSTANT,
    snapshot_digest="ab12",
    traces=5,
    spans=9,
    buckets=(
        Bucket(name="trace_error_rate", value=0.2, unit="share", numerator=1, denominator=5, query_id="Q0000000001"),
        Bucket(name="cost_mean", value=None, unit="usd", query_id="Q0000000002"),
    ),
)


def draft(
    statement: str = "Cancelling fails.", *, plan: Plan | None = PLAN, origin: str = "", blocked: str = ""
) -> HypothesisDraft:
    return HypothesisDraft(
        statement=statement,
        testing_plan="1. Count the failed tools.\n2. Compare with 5%.",
        plan=plan,
        source="playbook",
        kind="quality",
        origin=origin,
        blocked=blocked,
    )


def verdict(status: HypothesisStatus, *, by: Literal["test", "person"] = "test") -> Verdict:
    return Verdict(status=status, by=by, reason="2 of 5 traces are affected.")


def query(query_id: str = "Q0123456789", *, title: str = "Failed tools") -> QueryRecord:
    return QueryRecord(
        query_id=query_id,
        title=title,
        sql="SELECT name\nFROM spans",
        rows=1,
        columns=("name",),
        result_digest="ff",
        snapshot_digest="ab12",
    )


def issue(
    *trace_ids: str,
    title: str = "Cancelling an order times out",
    kind: Literal["operational", "quality"] = "operational",
    source: Literal["census", "hypothesis"] = "census",
    hypothesis_id: str | None = None,
    severity: Severity = Severity.HIGH,
    affected: int = 1,
    measure: str = "tool_failure_rate",
) -> IssueDraft:
    return IssueDraft(
        title=title,
        description="The tool answers with an error.",
        severity=severity,
        kind=kind,
        source=source,
        hypothesis_id=hypothesis_id,
        affected=affected,
        population=5,
        cause=Cause(text="The order service times out.", standing="suspected"),
        recommendation="Try again once.",
        fingerprint=Fingerprint(population="all traces", measure=measure, segment="cancel_order"),
        evidence=tuple(Evidence(trace_id=trace_id) for trace_id in trace_ids),
    )
