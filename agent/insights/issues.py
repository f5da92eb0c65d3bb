"""Issues by hand: made from counted facts or validated hypotheses, settled, looked up."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...graph.follow import begin_by_hand, in_scope
from ...graph.reading import flagged_traces, is_read
from ...tools.errors import MemoryRefused, UserError
from ...tools.insights.affected import AffectedTrace
from ...tools.insights.models import (
    Bucket,
    Cause,
    Evidence,
    Fingerprint,
    Hypothesis,
    Issue,
    IssueDraft,
    IssueStatus,
    Severity,
    TrendPoint,
)
from ...tools.insights.transitions import set_by_person
from ...tools.testing.drafting import draft_issue
from ...tools.tracking import find_experiment
from .analyses import require_text
from .benches import open_bench
from .evidence import GivenEvidence
from .opened import Insights

TITLE_WORDS = (5, 8)
QUALITY = re.compile(
    r"(?i)\b(verbos\w*|hedg(e|es|ing)|apolog\w+|rushed|minimal (response|answer)s?|hallucinat\w*|unhelpful|wrong answers?)\b"
)
"""Words of a title that speak of what users get: no count shows that."""
LOOKED_AT = "traces looked at"
"""The population of an issue that nothing has counted: what was looked at is all that is known."""
NOT_LOOKED_INTO = Cause(text="Not looked into yet.", standing="suspected")


def create_issue(
    insights: Insights,
    *,
    run_id: str,
    title: str,
    description: str,
    severity: Severity,
    hypothesis_id: str | None = None,
    bucket: str | None = None,
    evidence: Sequence[GivenEvidence] = (),
) -> Issue:
    """Makes an issue of a VALIDATED hypothesis, or of an operational fact of the census.

    Args:
        insights: The memory.
        run_id: The analysis that found it.
        title: 5 to 8 words, specific and actionable.
        description: What is observed, with n of N, and what it does to users.
        severity: By the person who makes it: later analyses keep it.
        hypothesis_id: The VALIDATED hypothesis that it rests on; its evidence is taken over.
        bucket: The figure of the census that counted it, as `name` or `name:segment`; its numerator and denominator are taken.
        evidence: Traces that show it; the rationale may be empty.

    Raises:
        UserError: there is no such analysis, hypothesis or bucket, or a text is empty.
        MemoryRefused: no evidence or one that doesn't exist, a hypothesis that isn't VALIDATED, or a quality proxy.
    """
    store = insights.store
    hypothesis = store.get_hypothesis(run_id, hypothesis_id) if hypothesis_id else None
    if hypothesis is None and (word := QUALITY.search(title)):
        raise MemoryRefused(
            f"{word[0]!r} is about quality, which no count shows: state a hypothesis, test it, and make the issue of that "
            "with --hypothesis-id."
        )
    counted = _bucket(insights, run_id, bucket) if bucket else None
    said = {
        "title": require_text("title", title),
        "description": require_text("description", description),
        "severity": severity,
        "severity_because": "set by a person",
        "severity_by": "person",
    }
    settled = tuple(each.settled(must_say_why=False) for each in evidence)
    look = None
    if hypothesis is not None and hypothesis.result is not None:
        draft, affected, look = _tested(insights, run_id, hypothesis)
        draft = draft.model_copy(update={**said, "evidence": (*settled, *draft.evidence)})
    else:
        shown = (*settled, *(hypothesis.evidence if hypothesis else ()))
        affected = sorted({AffectedTrace(each.trace_id, each.span_id or "", each.rationale) for each in shown if each.supports})
        draft = _looked_at(insights, run_id, hypothesis, shown, said)
    if counted is not None:
        draft = _as_counted(draft, counted)
    return _shown(insights, store.create_issue(run_id, draft, affected, look=look))


def update_issue(
    insights: Insights,
    *,
    issue_id: str,
    run_id: str | None = None,
    status: IssueStatus | None = None,
    severity: Severity | None = None,
    resolution: str | None = None,
    evidence: Sequence[GivenEvidence] = (),
) -> Issue:
    """Changes an issue; what is None stays. A resolution alone resolves it. Status and severity stay as a person set them.

    Args:
        insights: The memory.
        issue_id: The issue.
        run_id: The analysis in whose course it is changed; new evidence is linked to the one that found the issue.
        status: Where it stands.
        severity: How severe it is.
        resolution: What settled it, or why it is none.
        evidence: More traces that show it.

    Raises:
        UserError: nothing is to be changed, or there is no such issue.
        MemoryRefused: a resolution for an issue that stays open, or evidence that doesn't exist.
    """
    if status is None and severity is None and resolution is None and not evidence:
        raise UserError("Nothing is to be changed: give --status, --severity, --resolution or --evidence.")
    if run_id is not None:
        _require_same_experiment(insights, run_id, issue_id)
    settled = tuple(each.settled(must_say_why=False) for each in evidence)
    at = insights.now()

    def change(current: Issue) -> Issue:
        changed = set_by_person(current, at=at, status=status, severity=severity, resolution=resolution)
        return changed.model_copy(update={"evidence": (*changed.evidence, *settled)}) if settled else changed

    return _shown(insights, insights.store.update_issue(issue_id, op="", change=change))


def get_issue(insights: Insights, *, issue_id: str) -> Issue:
    """One issue, of whichever experiment: its id says which.

    Raises:
        UserError: there is no such issue.
    """
    return insights.store.get_issue(issue_id)


def list_issues(insights: Insights, *, experiment_id: str) -> list[Issue]:
    """The issues of an experiment: by severity, then by how many traces they affect.

    Raises:
        UserError: there is no such experiment.
    """
    return insights.store.list_issues(find_experiment(insights.store.tracking, experiment_id).experiment_id)


def advise_title(title: str) -> str:
    """What to make better about the title of an issue; empty where it has 5 to 8 words."""
    words, (least, most) = len(title.split()), TITLE_WORDS
    if least <= words <= most:
        return ""
    wrong = "says too little to act on" if words < least else "is long for a list"
    return f"A title of {words} words {wrong}: 5 to 8 are best, as in 'Weather API returns 500 errors during peak hours'."


def _tested(
    insights: Insights, run_id: str, hypothesis: Hypothesis
) -> tuple[IssueDraft, Sequence[AffectedTrace], TrendPoint | None]:
    """The issue that a tested hypothesis is, with all its affected traces and its first look: as an analysis makes it."""
    plan, result, owner = hypothesis.plan, hypothesis.result, hypothesis.hypothesis_id
    assert plan is not None and result is not None, "what was tested has both"
    if result.decision == "slices":
        raise UserError(
            f"Hypothesis {hypothesis.hypothesis_id!r} is a search whose cells are issues each: `run-analysis --resume {run_id}` "
            "makes them."
        )
    with open_bench(insights, insights.store.get_analysis(run_id)) as bench:
        flagged = flagged_traces(bench, hypothesis) if is_read(hypothesis) else None
        affected = flagged.traces if flagged is not None else bench.executor.affected(plan, owner=owner)
        watch = bench.executor.watch_plan(plan, result, owner=owner)
        begun = begin_by_hand(bench, watch, owner=owner, result=result)
        traces = bench.snapshot.record.traces
        draft = draft_issue(hypothesis, affected, traces=traces, cause=NOT_LOOKED_INTO, entry=None, flagged=flagged)
        draft = in_scope(bench, draft).model_copy(update={"watch": begun.watch, "onset": begun.onset})
    return draft, affected, begun.look


def _looked_at(
    insights: Insights, run_id: str, hypothesis: Hypothesis | None, shown: Sequence[Evidence], said: Mapping[str, Any]
) -> IssueDraft:
    """The issue that evidence alone shows: nothing has counted it, so its counts are of the traces that were looked at."""
    looked_at = {*insights.store.linked_ids(run_id), *(each.trace_id for each in shown)}
    about = (hypothesis.playbook or hypothesis.statement) if hypothesis else " ".join(re.findall(r"\w+", said["title"].lower()))
    return IssueDraft(
        **said,
        kind=hypothesis.kind if hypothesis else "operational",
        source="hypothesis" if hypothesis else "census",
        hypothesis_id=hypothesis.hypothesis_id if hypothesis else None,
        affected=len({each.trace_id for each in shown if each.supports}),
        population=len(looked_at),
        population_title=LOOKED_AT,
        cause=NOT_LOOKED_INTO,
        recommendation="Open the listed traces and decide what they have in common.",
        fingerprint=Fingerprint(population=LOOKED_AT, measure=about),
        evidence=tuple(shown),
    )


def _as_counted(draft: IssueDraft, counted: Bucket) -> IssueDraft:
    """With the counts of a figure; an issue of no hypothesis is known again by that figure."""
    title = counted.definition or "all traces"
    counts: dict[str, Any] = {
        "affected": counted.numerator or 0,
        "population": counted.denominator or 0,
        "population_title": title,
        "estimand": "snapshot",
        "interval": None,
        "query_ids": (counted.query_id,),
    }
    if draft.hypothesis_id is None:
        counts["fingerprint"] = Fingerprint(population=title, measure=counted.name, segment=counted.segment)
    return draft.model_copy(update=counts)


def _shown(insights: Insights, issue: Issue) -> Issue:
    """The issue once MLflow's own pages show it; what a person changed there is taken over on the way."""
    if not insights.mirror:
        return issue
    insights.store.mirror_issues(issue.experiment_id, only=issue.issue_id)
    return insights.store.get_issue(issue.issue_id)


def _bucket(insights: Insights, run_id: str, text: str) -> Bucket:
    census = insights.store.read_census(run_id)
    if census is None:
        raise UserError(f"Analysis {run_id!r} has no census yet: take it with create-baseline-census, or leave --bucket out.")
    name, _, segment = text.partition(":")
    found = [each for each in census.find(name) if each.segment == segment]
    if not found:
        segments = sorted({each.segment for each in census.find(name) if each.segment})
        hint = f" It has the segments {', '.join(map(repr, segments[:5]))}." if segments else ""
        raise UserError(f"The census has no figure {text!r}: get-baseline-census lists them.{hint}")
    if found[0].kind == "quality":
        raise MemoryRefused(f"{name!r} is a proxy: it says where to look, not what is wrong. State a hypothesis, and test it.")
    if found[0].numerator is None:
        raise UserError(f"The figure {text!r} counts no traces: choose one with a numerator, or leave --bucket out.")
    return found[0]


def _require_same_experiment(insights: Insights, run_id: str, issue_id: str) -> None:
    experiment_id = insights.store.get_analysis(run_id).experiment_id
    issue = insights.store.get_issue(issue_id)
    if issue.experiment_id != experiment_id:
        raise UserError(f"Issue {issue_id!r} belongs to experiment {issue.experiment_id!r}, analysis {run_id!r} to another.")
