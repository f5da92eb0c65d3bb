"""Earlier issues looked at again: the plan that is run for it, and the hypotheses that an analysis tests before any new ones.

Whatever plan an issue was proven by, what is watched is a share: of the traces that it is about, those that are affected. Only
traces count that began after the last look. The threshold comes from the earlier issue, which is no breach of the rule that
thresholds never come from the observed value: the traces that it is held against are others.

What was found by reading is read again by an analysis that has a reader: so many newer traces, drawn at random, no more and no
fewer whatever they say, so that their share is compared as that of any sample.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ..census.literals import quote
from ..insights.models import (
    Cell,
    Evidence,
    Hypothesis,
    HypothesisDraft,
    Issue,
    IssueDraft,
    SnapshotRecord,
    TestResult,
    TrendPoint,
)
from ..shares import percent
from ..sql.intermediate import nested
from .fingerprints import entry_of, fingerprint_of
from .plan import Count, Plan, QueryStep, Rate, Read
from .playbooks import Entry
from .render import render_plan
from .severity import rate_severity

SOURCE = "earlier issue"
LEAST, MOST = 0.0005, 0.95
"""Between these a threshold makes sense for a share."""
READ_AGAIN = 60
"""Newer traces that are read for an earlier issue: a fault of 5% shows in so many with probability 95% (.95^60 < .05)."""


def watch_plan(plan: Plan, result: TestResult, *, contrast: Plan | None = None, cell: Cell | None = None) -> Plan | None:
    """What is to be run on later traces for an issue of this plan; None where there is nothing.

    A rate keeps its threshold. Of a count it is the share that it asked for; of a comparison, which is `contrast` with its
    affected and exposed traces, it lies halfway between the share of the exposed and that of the rest.
    """
    decision = plan.decision
    if isinstance(decision, Read):
        return _watch_by_reading(plan, decision)
    if isinstance(decision, Rate):
        return watch_share(plan, decision.threshold) if decision.direction == "above" else None
    if isinstance(decision, Count):
        return watch_share(plan, decision.at_least / max(result.population, 1))
    exposed = contrast.step("exposed") if contrast is not None else None
    if contrast is None or exposed is None:
        return None
    population = (
        f"SELECT p.trace_id FROM {nested(contrast.population)} AS p\nJOIN {nested(exposed.sql)} AS e ON e.trace_id = p.trace_id"
    )
    return watch_share(
        contrast.model_copy(update={"population": population, "population_title": exposed.title}), _halfway(result, cell)
    )


def _watch_by_reading(plan: Plan, decision: Read) -> Plan:
    again = decision.model_copy(update={"cap": READ_AGAIN, "threshold_source": SOURCE})
    return plan.model_copy(update={"half": "all", "leave_out": (), "min_n": READ_AGAIN, "decision": again})


def watch_share(plan: Plan, threshold: float) -> Plan:
    """The plan that tests whether more than `threshold` of a population is affected."""
    return Plan(
        estimand="process",
        population=plan.population,
        population_title=plan.population_title,
        cluster=plan.cluster,
        min_n=plan.min_n,
        steps=tuple(step for step in plan.steps if step.role in {"affected", "unreadable"}),
        decision=Rate(threshold=min(max(threshold, LEAST), MOST), threshold_source=SOURCE),
    )


def watch_fact(population: str, title: str, affected: QueryStep, threshold: float) -> Plan:
    """The plan that watches a counted fact of the census."""
    decision = Rate(threshold=min(max(threshold, LEAST), MOST), threshold_source=SOURCE)
    return Plan(estimand="process", population=population, population_title=title, steps=(affected,), decision=decision)


def prior_drafts(issues: Iterable[Issue], record: SnapshotRecord, *, run_id: str) -> list[HypothesisDraft]:
    """One hypothesis for each earlier issue about which the snapshot has traces that no look has counted."""
    return [_prior(issue, record) for issue in issues if watchable(issue, record, run_id=run_id)]


def watchable(issue: Issue, record: SnapshotRecord, *, run_id: str) -> bool:
    """Whether an analysis can look at an issue again: it has a plan, an earlier look, and the snapshot newer traces."""
    if issue.watch is None or not issue.trend or issue.trend[-1].run_id == run_id or record.last_trace is None:
        return False
    return record.last_trace > looked_until(issue)


def looked_until(issue: Issue) -> datetime:
    """Up to when traces say nothing new: the end of the last look, or when a person settled it."""
    until = issue.trend[-1].until
    return max(until, issue.settled_at) if issue.settled_at else until


def is_fresh(issue: Issue, record: SnapshotRecord) -> bool:
    """Whether all traces of the snapshot are newer than the last look."""
    if record.follows is not None and record.follows == issue.trend[-1].run_id:
        return issue.settled_at is None or issue.settled_at <= issue.trend[-1].until
    settled = issue.settled_at is None or (record.since is not None and record.since >= issue.settled_at)
    return settled and record.since is not None and record.since > issue.trend[-1].until


def without_known(
    drafts: Iterable[HypothesisDraft], issues: Sequence[Issue], record: SnapshotRecord, *, run_id: str
) -> list[HypothesisDraft]:
    """The drafts but for those whose issue is looked at again on the very same traces anyway."""
    known = [
        issue.fingerprint.model_copy(update={"scope": ""})
        for issue in issues
        if watchable(issue, record, run_id=run_id) and is_fresh(issue, record)
    ]
    return [draft for draft in drafts if fingerprint_of(draft) not in known]


def found_again(
    issue: Issue, hypothesis: Hypothesis, evidence: Sequence[Evidence], *, entry: Entry | None, traces: int
) -> IssueDraft:
    """The issue with the numbers of a look that validated it; its texts too, where the playbook words them by such numbers."""
    result = hypothesis.result
    if result is None or result.interval is None:
        raise ValueError(f"hypothesis {hypothesis.hypothesis_id} has no numbers to bring an issue up to date with")
    fields = {name: getattr(issue, name) for name in IssueDraft.model_fields}
    numbers = {"affected": result.affected or 0, "population": result.population, "evidence": tuple(evidence)}
    texts = entry.issue.filled(result) if entry is not None and entry.plan.decision.kind in {"rate", "count"} else None
    worded = {"title": texts.title, "recommendation": texts.recommendation} if texts is not None else {}
    if texts is not None:
        reason = hypothesis.verdict.reason if hypothesis.verdict else ""
        worded["description"] = f"{texts.description} {texts.impact} {reason}".strip()
    if issue.source == "census":
        return IssueDraft.model_validate({**fields, **numbers, "query_ids": result.query_ids})
    floor, ceiling = (entry.severity_floor, entry.severity_ceiling) if entry else (None, None)
    rated = rate_severity(share_low=result.interval.low * result.population / traces, floor=floor, ceiling=ceiling)
    rest = {"severity": rated.severity, "severity_because": rated.because, "severity_by": "rule", "estimand": "process"}
    own = {"interval": result.interval, "hypothesis_id": hypothesis.hypothesis_id, "query_ids": result.query_ids}
    return IssueDraft.model_validate({**fields, **numbers, **worded, **rest, **own})


def newer(plan: Plan, after: datetime) -> Plan:
    """The plan over the traces that began after an instant."""
    population = (
        f"SELECT p.trace_id FROM {nested(plan.population)} AS p\n"
        f"JOIN traces AS n ON n.trace_id = p.trace_id AND n.request_time > TIMESTAMP {quote(f'{after:%Y-%m-%d %H:%M:%S.%f}')}"
    )
    return plan.model_copy(update={"population": population})


def _prior(issue: Issue, record: SnapshotRecord) -> HypothesisDraft:
    assert issue.watch is not None, "only what can be watched is looked at again"
    last, decision, fact = issue.trend[-1], issue.watch.decision, issue.watch.steps[0].title
    assert isinstance(decision, Rate | Read)
    plan = issue.watch if is_fresh(issue, record) else newer(issue.watch, looked_until(issue))
    return HypothesisDraft(
        statement=f"Known issue {issue.issue_id} is still there: more than {percent(decision.threshold)} of "
        f"{plan.population_title} show {fact}.",
        rationale=f"Analysis {last.run_id} counted {last.affected:,} of {last.population:,}: {issue.title}",
        testing_plan=render_plan(plan),
        plan=plan,
        source="prior",
        kind=issue.kind,
        playbook=entry_of(issue.fingerprint),
        issue_id=issue.issue_id,
    )


def _halfway(result: TestResult, cell: Cell | None) -> float:
    if cell is not None:
        return (cell.affected / max(cell.traces, 1) + cell.rest_affected / max(cell.rest_traces, 1)) / 2
    return sum((arm.affected or 0) / max(arm.traces, 1) for arm in result.arms) / max(len(result.arms), 1)


def point_of(result: TestResult, record: SnapshotRecord, *, run_id: str, since: datetime | None) -> TrendPoint:
    """A look as a point of the trend; how it stands is for `trend.judge` to say. Of a reading, what could be judged counts."""
    reads = result.reads
    looked_at = result.population if reads is None else reads.read - result.unreadable
    return TrendPoint(
        run_id=run_id,
        at=record.instant,
        since=since,
        until=record.last_trace or record.instant,
        affected=result.affected or 0,
        population=looked_at,
        effective=result.effective or 0.0 if reads is None else float(looked_at),
        interval=result.interval,
        standing="new",
    )
