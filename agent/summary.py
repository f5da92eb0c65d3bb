"""What a session leaves, read from the memory: for the terminal, for machines, and for the exit code."""

import re
from shlex import quote
from typing import Literal

from ..graph.routes import waits
from ..tools.insights.models import Analysis, Hypothesis, HypothesisStatus, Issue, IssueStatus, SnapshotRecord
from ..tools.insights.store import InsightStore
from ..tools.links import Pages, masked_uri, ui_command
from .outcome import Copied, IssueLine, Outcome

NAMED = 5
"""Issues that a sentence names."""


def summarise(store: InsightStore, run_id: str, *, status: Literal["done", "stopped"], ui_url: str | None) -> Outcome:
    """The outcome of one analysis; `partial` where a hypothesis was left untested."""
    analysis = store.get_analysis(run_id)
    hypotheses = store.list_hypotheses(run_id)
    issues = [issue for issue in store.list_issues(analysis.experiment_id) if _is_told(issue, run_id)]
    pages = Pages.of(ui_url, store.tracking.uri)
    shown = next((issue.mirrored for issue in issues if issue.mirrored), None)
    untested = [
        f"{each.hypothesis_id}: {each.statement} ({each.blocked or 'not reached'})" for each in hypotheses if _untested(each)
    ]
    untested += [analysis.spend.skipped_text] if analysis.spend.skipped_text else []
    return Outcome(
        run_id=run_id,
        experiment_id=analysis.experiment_id,
        experiment_name=store.experiment_name(analysis.experiment_id),
        status="partial" if status == "done" and untested else status,
        copied=_copied(store.read_snapshot(run_id)),
        issues=[_line(issue, run_id, pages) for issue in issues],
        hypotheses=_counts(hypotheses),
        report_path=analysis.report_path,
        ui_hint=pages.run(analysis.experiment_id, run_id) or ui_command(store.tracking.uri),
        issues_link=pages.issues(analysis.experiment_id, shown.run_id) if shown else None,
        resume_hint=_resume_command(store, run_id) if status == "stopped" else "",
        untested=untested,
        notes=[*analysis.notes, *_unread(store, analysis)],
        question=None,
    )


def _copied(record: SnapshotRecord | None) -> Copied | None:
    return Copied(record.traces, record.instant, record.last_trace) if record else None


def _unread(store: InsightStore, analysis: Analysis) -> list[str]:
    """One sentence on the known issues that only a reader could look at again; none where there are none."""
    known = [
        issue
        for issue in store.list_issues(analysis.experiment_id)
        if issue.is_unread_by(analysis.run_id) and issue.fingerprint.scope == analysis.scope.filter
    ]
    named = "; ".join(f"{issue.issue_id} since {issue.last_looked:%Y-%m-%d}" for issue in known[:NAMED])
    more = f", and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return [f"Not looked at, because that needs reading: {named}{more}."] if known else []


def _resume_command(store: InsightStore, run_id: str) -> str:
    return f"run-analysis --tracking-uri {quote(masked_uri(store.tracking.uri))} --resume {run_id}"


def _untested(hypothesis: Hypothesis) -> bool:
    return hypothesis.status is HypothesisStatus.TESTING and (
        bool(hypothesis.blocked) or hypothesis.plan is None or waits(hypothesis)
    )


def _counts(hypotheses: list[Hypothesis]) -> dict[str, int]:
    counts = {status.lower(): 0 for status in HypothesisStatus} | {"untested": 0, "dropped": 0}
    for each in hypotheses:
        counts["dropped" if each.dropped else "untested" if _untested(each) else each.status.lower()] += 1
    return counts


def _is_told(issue: Issue, run_id: str) -> bool:
    """Whether the analysis found the issue or looked at it again; what a person rejected isn't raised again."""
    if issue.status is IssueStatus.REJECTED:
        return False
    looked = issue.look_of(run_id)
    return issue.source_run_id == run_id or (looked is not None and not (looked.standing == "gone" and _was_gone(issue)))


def _was_gone(issue: Issue) -> bool:
    return len(issue.trend) > 1 and issue.trend[-2].standing == "gone"


def _about(issue: Issue) -> str:
    """The measure where it is a name: of the census, of an entry of the playbook, of an outcome of the slice search."""
    measure = issue.fingerprint.measure
    return measure if re.fullmatch(r"[a-z][a-z0-9_]{0,60}", measure) else f"{issue.kind}_issue"


def _line(issue: Issue, run_id: str, pages: Pages) -> IssueLine:
    """With the numbers of the analysis: of a known issue that it didn't prove anew, those of its look."""
    look = issue.look_of(run_id)
    numbers = issue if issue.source_run_id == run_id or look is None else look
    return IssueLine(
        issue_id=issue.issue_id,
        title=issue.title,
        severity=issue.severity,
        kind=issue.kind,
        affected=numbers.affected,
        population=numbers.population,
        status=issue.status,
        about=_about(issue),
        standing=look.standing if look else None,
        link=pages.issue(issue),
        aspects=tuple(aspect.title for aspect in issue.aspects) if issue.source_run_id == run_id else (),
    )
