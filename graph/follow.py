"""Issues that live on: the look that begins a trend, and the one that each later analysis adds to it."""

from collections.abc import Sequence
from typing import NamedTuple

from ..tools.insights.models import (
    Analysis,
    Hypothesis,
    HypothesisStatus,
    Issue,
    IssueDraft,
    IssueStatus,
    Onset,
    TestResult,
    TrendPoint,
)
from ..tools.testing.fingerprints import entry_of
from ..tools.testing.plan import Plan, Rate, Read
from ..tools.testing.trend import Known, judge
from ..tools.testing.watching import found_again, is_fresh, looked_until, point_of
from ..tools.workbench import Workbench
from .context import Context, in_thread
from .ports import Event
from .reading import is_read
from .side_by_side import side_by_side


class Beginning(NamedTuple):
    """How an issue begins: the plan that will watch it, when its traces began to be affected, the first point of its trend."""

    watch: Plan | None
    onset: Onset | None = None
    """None where its traces don't say."""
    look: TrendPoint | None = None
    """None where no plan can look at it."""


async def begin(bench: Workbench, watch: Plan | None, *, owner: str, result: TestResult | None = None) -> Beginning:
    """What the plan that will watch an issue says of it now, asked of both SQL workers at once.

    What was found by reading isn't read once more: its `result` is the look.
    """
    if watch is None:
        return Beginning(None)
    if watch.reading is not None:
        assert result is not None, "an issue that is found by reading has a result"
        return Beginning(watch, look=_point(bench, result))
    onset, look = await side_by_side(
        in_thread(lambda: bench.executor.onset(watch, owner=owner)), in_thread(lambda: bench.executor.look(watch, owner=owner))
    )
    return Beginning(watch, onset, _point(bench, look))


def begin_by_hand(bench: Workbench, watch: Plan | None, *, owner: str, result: TestResult) -> Beginning:
    """The same for an issue that a person makes, one question after the other: whoever asks may run a loop of events already."""
    if watch is None or watch.reading is not None:
        return Beginning(watch, look=None if watch is None else _point(bench, result))
    onset, look = bench.executor.onset(watch, owner=owner), bench.executor.look(watch, owner=owner)
    return Beginning(watch, onset, _point(bench, look))


def _point(bench: Workbench, look: TestResult) -> TrendPoint:
    record = bench.snapshot.record
    return point_of(look, record, run_id=bench.run_id, since=record.since)


def in_scope(bench: Workbench, draft: IssueDraft) -> IssueDraft:
    """The draft as an issue of the traces that the analysis was cut to."""
    about = draft.fingerprint.model_copy(update={"scope": bench.snapshot.record.filter})
    return draft.model_copy(update={"fingerprint": about})


async def follow_known(context: Context, bench: Workbench, analysis: Analysis, hypotheses: Sequence[Hypothesis]) -> None:
    """Says of each issue that was looked at again how it stands now, and keeps that in its trend."""
    priors = {each.issue_id: each for each in hypotheses if each.source == "prior" and each.result is not None}
    if not priors:
        return
    listed = await in_thread(lambda: context.store.list_issues(analysis.experiment_id))
    issues = [each for each in listed if each.issue_id in priors]
    points = judge({each.issue_id: _known(bench, each, priors[each.issue_id]) for each in issues})
    for issue in issues:
        point, prior = points[issue.issue_id], priors[issue.issue_id]
        await in_thread(lambda issue=issue, point=point, prior=prior: _keep(context, bench, issue, point, prior))


def _known(bench: Workbench, issue: Issue, prior: Hypothesis) -> Known:
    """The issue as it was before this analysis looked, so that a look that a crash cut short is judged the same again."""
    record, result = bench.snapshot.record, prior.result
    assert result is not None, "only what was tested is followed"
    earlier = tuple(each for each in issue.trend if each.run_id != bench.run_id)
    kept = next((each for each in issue.trend if each.run_id == bench.run_id), None)
    before = issue.model_copy(update={"trend": earlier})
    found = issue.source_run_id == bench.run_id and is_fresh(before, record)
    point = kept or point_of(result, record, run_id=bench.run_id, since=looked_until(before))
    status = issue.status if kept is None else _before(issue, kept)
    seen = found or prior.status is HypothesisStatus.VALIDATED
    return Known(status, earlier, point, _threshold(issue.watch), seen)


def _before(issue: Issue, kept: TrendPoint) -> IssueStatus:
    """The status that a look which is kept already was judged by."""
    match kept.standing:
        case "gone":
            return IssueStatus.OPEN if issue.settled_at == kept.until else IssueStatus.RESOLVED
        case "back":
            return IssueStatus.RESOLVED
        case _:
            return issue.status


def _threshold(plan: Plan | None) -> float:
    assert plan is not None, "only what can be watched is followed"
    assert isinstance(plan.decision, Rate | Read), "what is watched is a share"
    return plan.decision.threshold


def _keep(context: Context, bench: Workbench, issue: Issue, point: TrendPoint, prior: Hypothesis) -> None:
    # Of what was read only a sample is known again: the list of its traces stays that of the analysis that read on.
    if prior.status is HypothesisStatus.VALIDATED and point.standing != "rejected" and not is_read(prior):
        _bring_up_to_date(context, bench, issue, prior)
    followed = context.store.follow_issue(issue.issue_id, point)
    context.display.show(
        Event(
            "issue",
            f"{point.standing}: {followed.title}: {point.affected:,} of {point.population:,} newer traces",
            step="issues",
            subject=issue.issue_id,
            detail=followed.history[-1],
        )
    )


def _bring_up_to_date(context: Context, bench: Workbench, issue: Issue, prior: Hypothesis) -> None:
    assert prior.plan is not None, "a verdict by test has a plan"
    affected = bench.executor.affected(prior.plan, owner=prior.hypothesis_id)
    entry = context.playbook.get(entry_of(issue.fingerprint))
    supporting = sorted(prior.evidence, key=lambda each: not each.supports)
    draft = found_again(issue, prior, supporting, entry=entry, traces=bench.snapshot.record.traces)
    context.store.create_issue(bench.run_id, draft, affected)
