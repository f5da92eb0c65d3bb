"""The rules of the memory, as functions of documents: what may become of a hypothesis, and what makes an issue."""

from collections.abc import Sequence
from datetime import datetime

from ..errors import MemoryRefused
from ..testing.plan import Plan
from .models import (
    Aspect,
    Endings,
    Evidence,
    Hypothesis,
    HypothesisStatus,
    Issue,
    IssueDraft,
    IssueStatus,
    ReadOn,
    Severity,
    TestResult,
    TrendPoint,
    Verdict,
)

SEVERITY = ("severity", "severity_because", "severity_by")
SETTLED = (IssueStatus.RESOLVED, IssueStatus.REJECTED)


def with_result(hypothesis: Hypothesis, result: TestResult, *, at: datetime) -> Hypothesis:
    """The hypothesis with the result of its plan; the first result stays.

    Raises:
        MemoryRefused: It is dropped, decided, or has no typed plan.
    """
    if hypothesis.result is not None:
        return hypothesis
    _refuse_dropped(hypothesis, "takes no result")
    if hypothesis.status is not HypothesisStatus.TESTING:
        raise MemoryRefused(
            f"Hypothesis {hypothesis.hypothesis_id!r} is {hypothesis.status} already: a result comes before a verdict."
        )
    if hypothesis.plan is None:
        raise MemoryRefused(f"Hypothesis {hypothesis.hypothesis_id!r} has no typed plan: only what was planned has a result.")
    return hypothesis.model_copy(update={"result": result, "history": (*hypothesis.history, f"{stamp(at)} tested")})


def with_read_on(hypothesis: Hypothesis, on: ReadOn, *, at: datetime) -> Hypothesis:
    """The hypothesis with what was read after its verdict, which stays as it is; the first that is kept stays.

    Raises:
        MemoryRefused: It wasn't validated by reading.
    """
    result = hypothesis.result
    if result is None or result.reads is None or hypothesis.status is not HypothesisStatus.VALIDATED:
        raise MemoryRefused(f"Hypothesis {hypothesis.hypothesis_id!r} wasn't validated by reading, so nothing is read on for it.")
    if result.reads.on is not None:
        return hypothesis
    reads = result.reads.model_copy(update={"on": on})
    line = f"{stamp(at)} read on: {on.affected} flagged in {on.read} of {on.population} traces"
    changed = {"result": result.model_copy(update={"reads": reads}), "history": (*hypothesis.history, line)}
    return hypothesis.model_copy(update=changed)


def reading_on(hypothesis: Hypothesis, *, at: datetime) -> Hypothesis:
    """A reading that was broken off goes on: undecided again where it was inconclusive, else only what follows its verdict.

    Raises:
        MemoryRefused: It wasn't broken off, or is decided by what was read.
    """
    result = hypothesis.result
    if hypothesis.status is HypothesisStatus.TESTING and result is None:
        return hypothesis
    reads = result.reads if result is not None else None
    if result is None or reads is None or hypothesis.dropped:
        raise MemoryRefused(f"Hypothesis {hypothesis.hypothesis_id!r} wasn't read, so no reading goes on.")
    if hypothesis.status is HypothesisStatus.INCONCLUSIVE:
        line = f"{stamp(at)} {hypothesis.status} -> {HypothesisStatus.TESTING}: goes on after {reads.read} traces read"
        again = {"status": HypothesisStatus.TESTING, "result": None, "verdict": None}
        return hypothesis.model_copy(update={**again, "history": (*hypothesis.history, line)})
    line = f"{stamp(at)} goes on naming all affected traces"
    unread = result.model_copy(update={"reads": reads.model_copy(update={"on": None})})
    return hypothesis.model_copy(update={"result": unread, "history": (*hypothesis.history, line)})


def with_verdict(hypothesis: Hypothesis, verdict: Verdict, *, at: datetime) -> Hypothesis:
    """The hypothesis with its verdict; the same verdict again changes nothing.

    Raises:
        MemoryRefused: It is dropped, has another verdict, or what the verdict needs is missing.
    """
    if hypothesis.verdict == verdict:
        return hypothesis
    _refuse_dropped(hypothesis, "takes no verdict")
    subject = f"Hypothesis {hypothesis.hypothesis_id!r}"
    if hypothesis.status is not HypothesisStatus.TESTING:
        raise MemoryRefused(f"{subject} is {hypothesis.status} already. A verdict is final: state a new hypothesis.")
    if verdict.status is HypothesisStatus.TESTING:
        raise MemoryRefused(f"{subject} is TESTING until it is decided: TESTING is no verdict.")
    _require_grounds(hypothesis, verdict)
    line = f"{stamp(at)} {hypothesis.status} -> {verdict.status} by {verdict.by}: {verdict.reason}"
    decided = {"status": verdict.status, "verdict": verdict, "blocked": "", "history": (*hypothesis.history, line)}
    return hypothesis.model_copy(update=decided)


def dropped(hypothesis: Hypothesis, why: str, *, at: datetime) -> Hypothesis:
    """The hypothesis given up by a person: REJECTED, but not refuted, so without a verdict.

    Raises:
        MemoryRefused: It has a verdict.
    """
    if hypothesis.dropped:
        return hypothesis
    _require_testing(hypothesis, "can't be dropped")
    line = f"{stamp(at)} {hypothesis.status} -> {HypothesisStatus.REJECTED}, dropped by a person: {why}"
    return hypothesis.model_copy(
        update={"status": HypothesisStatus.REJECTED, "dropped": True, "history": (*hypothesis.history, line)}
    )


def blocked(hypothesis: Hypothesis, why: str, *, at: datetime) -> Hypothesis:
    """The hypothesis that can't be tested as it stands: it stays TESTING, and the pool passes over it.

    Raises:
        MemoryRefused: It was tested or decided.
    """
    if hypothesis.blocked == why:
        return hypothesis
    _refuse_dropped(hypothesis, "can't be blocked")
    _require_testing(hypothesis, "can't be blocked")
    if hypothesis.result is not None:
        raise MemoryRefused(f"Hypothesis {hypothesis.hypothesis_id!r} was tested, so it can't be blocked.")
    return hypothesis.model_copy(update={"blocked": why, "history": (*hypothesis.history, f"{stamp(at)} blocked: {why}")})


def reworded(
    hypothesis: Hypothesis, *, at: datetime, rationale: str | None = None, testing_plan: str | None = None
) -> Hypothesis:
    """The hypothesis with another rationale or another plan in words; None leaves what is there.

    Raises:
        MemoryRefused: It is decided or dropped; or it has a typed plan, of which the words are the rendering.
    """
    changes = {"rationale": rationale, "testing_plan": testing_plan}
    changed = {name: text for name, text in changes.items() if text is not None and text != getattr(hypothesis, name)}
    if not changed:
        return hypothesis
    _require_testing(hypothesis, "can't be worded anew")
    if "testing_plan" in changed and hypothesis.plan is not None:
        raise MemoryRefused(
            f"Hypothesis {hypothesis.hypothesis_id!r} has a typed plan, and a changed plan is a new hypothesis: create one."
        )
    lines = [f"{stamp(at)} {name} changed by a person; it was: {getattr(hypothesis, name)}" for name in changed]
    return hypothesis.model_copy(update={**changed, "history": (*hypothesis.history, *lines)})


def with_plan(hypothesis: Hypothesis, plan: Plan, *, in_words: str, at: datetime) -> Hypothesis:
    """The hypothesis with its typed plan, which is given at its creation or once later.

    Raises:
        MemoryRefused: It has another, was looked at already, or is decided or dropped.
    """
    if hypothesis.plan == plan:
        return hypothesis
    _require_testing(hypothesis, "takes no plan")
    subject = f"Hypothesis {hypothesis.hypothesis_id!r}"
    if hypothesis.plan is not None:
        raise MemoryRefused(f"{subject} has another plan, and a changed plan is a new hypothesis: create one.")
    if hypothesis.evidence:
        raise MemoryRefused(f"{subject} has evidence, and a plan comes before the data: create a new hypothesis with it.")
    line = f"{stamp(at)} typed plan {plan.digest} given; in words it was: {hypothesis.testing_plan}"
    changed = {"plan": plan, "testing_plan": in_words, "blocked": "", "history": (*hypothesis.history, line)}
    return hypothesis.model_copy(update=changed)


def require_issue_grounds(draft: IssueDraft, hypothesis: Hypothesis | None) -> None:
    """Passes a draft from which an issue may be made; `hypothesis` is the one that it names, if it names one.

    Raises:
        MemoryRefused: It has no evidence, is a quality issue without a hypothesis, or its hypothesis isn't VALIDATED.
    """
    subject = f"Issue {draft.title!r}"
    if not any(entry.supports for entry in draft.evidence):
        raise MemoryRefused(f"{subject} has no evidence that supports it: name at least one trace that shows it.")
    if hypothesis is None:
        if draft.kind == "quality" or draft.source == "hypothesis":
            raise MemoryRefused(f"{subject} is a {draft.kind} issue from {draft.source}: it needs a VALIDATED hypothesis.")
        return
    if hypothesis.status is not HypothesisStatus.VALIDATED:
        name = f"{hypothesis.hypothesis_id!r}, which is {hypothesis.status}"
        raise MemoryRefused(f"{subject} rests on hypothesis {name}; only a VALIDATED one makes an issue.")


def found_again(issue: Issue, draft: IssueDraft, *, run_id: str, at: datetime) -> Issue:
    """The issue as a later analysis finds it: its numbers, texts and evidence are that analysis's, what a person set stays.

    What a person resolved or rejected isn't opened again, and a severity that a person set isn't computed anew; that it was found
    is in the history.
    """
    kept = f", stays {issue.status}" if issue.status in SETTLED else ""
    taken_over = {name: getattr(draft, name) for name in IssueDraft.model_fields}
    if issue.severity_by == "person" and draft.severity_by == "rule":
        kept += f", stays {issue.severity} as a person set it" if issue.severity is not draft.severity else ""
        taken_over |= {name: getattr(issue, name) for name in SEVERITY}
    by_hand = draft.severity_by == "person"  # who makes it by hand names no cause, no remedy and no aspects
    kept_texts = {"cause": issue.cause, "recommendation": issue.recommendation, "left_out": issue.left_out}
    taken_over |= kept_texts if by_hand else {}
    taken_over["watch"] = issue.watch or draft.watch  # the looks of a trend are comparable because all follow one plan
    taken_over["onset"] = draft.onset or issue.onset  # later traces may all lie after the beginning
    line = f"{stamp(at)} found again by analysis {run_id}: {draft.affected} of {draft.population}, {draft.severity}{kept}"
    found = {
        "source_run_id": run_id,
        "found_at": at,
        "aspects": issue.aspects if by_hand or issue.source_run_id == run_id else (),  # another analysis shows its own
        "correction": issue.correction if issue.source_run_id == run_id else None,  # labels are of what one analysis read
        "history": (*issue.history, line),
    }
    return issue.model_copy(update={**taken_over, **found})


def with_aspect(issue: Issue, aspect: Aspect, *, at: datetime) -> Issue:
    """The issue with something else that was shown of its traces.

    Where that is more severe, the issue becomes so too, unless a person set its severity; how its traces ended is weighed anew.
    """
    line = f"{stamp(at)} also shown of these traces: {aspect.title} ({aspect.hypothesis_id})"
    changed: dict[str, object] = {"aspects": (*issue.aspects, aspect), "history": (*issue.history, line)}
    if issue.severity_by == "rule" and aspect.severity.rank > issue.severity.rank:
        because = f"{issue.severity_because}; what else was shown of them is {aspect.severity}: {aspect.title}"
        changed |= {"severity": aspect.severity, "severity_because": because.removeprefix("; "), "endings": None}
    return issue.model_copy(update=changed)


def with_endings(issue: Issue, endings: Endings, severity: Severity, because: str, *, at: datetime) -> Issue:
    """The issue with how its traces ended, and the severity that follows from that, unless a person set it."""
    rest = f"{endings.rest_wrong} of {endings.rest_judged}"
    line = f"{stamp(at)} {endings.wrong} of {endings.judged} judged traces ended wrongly, of others {rest}"
    before, why = issue.by_share
    changed: dict[str, object] = {"endings": endings.model_copy(update={"severity_before": before, "because_before": why})}
    if issue.severity_by == "rule":
        changed |= {"severity": severity, "severity_because": because}
        line += f": {severity}" if severity is not issue.severity else ""
    return issue.model_copy(update={**changed, "history": (*issue.history, line)})


def set_by_person(
    issue: Issue,
    *,
    at: datetime,
    status: IssueStatus | None = None,
    severity: Severity | None = None,
    resolution: str | None = None,
    where: str = "",
) -> Issue:
    """The issue as a person wants it; what is None stays. A resolution alone resolves it; opened again, it has none.

    Args:
        issue: As it stands.
        at: Now.
        status: Where it stands from now on.
        severity: How severe it is; a later analysis keeps that.
        resolution: What settled it, or why it is none.
        where: Where the person did it, for the history: "in the MLflow UI".

    Raises:
        MemoryRefused: A resolution for an issue that stays open.
    """
    status = status or (IssueStatus.RESOLVED if resolution is not None and issue.status not in SETTLED else issue.status)
    if resolution is not None and status not in SETTLED:
        raise MemoryRefused(f"Issue {issue.issue_id!r} can't be {status} with a resolution: make it RESOLVED or REJECTED.")
    severity = severity or issue.severity
    settled = (resolution if resolution is not None else issue.resolution) if status in SETTLED else None
    changes = [f"{was} -> {now}" for was, now in ((issue.status, status), (issue.severity, severity)) if was is not now]
    if settled != issue.resolution:
        changes.append(f"resolution: {settled or 'none'}")
    if not changes:
        return issue
    changed: dict[str, object] = {"status": status, "resolution": settled}
    if severity is not issue.severity:
        changed |= {"severity": severity, "severity_because": "set by a person", "severity_by": "person"}
    by = " ".join(filter(None, ("by a person", where)))
    history = (*issue.history, f"{stamp(at)} {', '.join(changes)} {by}")
    return issue.model_copy(update={**changed, "history": history})


def looked_at(issue: Issue, point: TrendPoint, *, at: datetime) -> Issue:
    """The issue with one more look in its trend, and with the status that follows from it.

    Gone resolves an open issue; back, and a rejected one that has become worse, opens it again. A look by the same analysis is
    kept once.
    """
    if any(each.run_id == point.run_id for each in issue.trend):
        return issue
    counted = f"{point.affected} of {point.population} newer traces"
    line = f"{stamp(at)} {point.standing} by analysis {point.run_id}: {counted}"
    changed: dict[str, object] = {"trend": (*issue.trend, point)}
    if point.standing == "gone" and issue.status not in SETTLED:
        resolution = f"Not seen in two windows that were large enough to show it; the last ended {stamp(point.until)}."
        changed |= {"status": IssueStatus.RESOLVED, "resolution": resolution, "settled_at": point.until}
    elif point.standing in {"back", "worse"} and issue.status in SETTLED:
        line = f"{line}; was {issue.status}{f' ({issue.resolution})' if issue.resolution else ''}, is open again"
        changed |= {"status": IssueStatus.OPEN, "resolution": None, "settled_at": None}
    return issue.model_copy(update={**changed, "history": (*issue.history, line)})


def with_settlement(before: Issue, after: Issue, *, at: datetime) -> Issue:
    """The issue as it is to be written, which knows since when it is resolved or rejected."""
    if after.status is before.status or after.settled_at != before.settled_at:
        return after
    return after.model_copy(update={"settled_at": at if after.status in SETTLED else None})


def with_evidence(entries: Sequence[Evidence], more: Sequence[Evidence], *, limit: int) -> tuple[Evidence, ...]:
    """Both together, each (step, trace, span) once, cut to `limit`, so that neither side pushes the other out.

    The smaller side keeps at least half of the places, or all it has; within a side the first stay.
    """
    unique: dict[tuple[str, str, str | None], Evidence] = {}
    for entry in (*entries, *more):
        unique.setdefault((entry.step, entry.trace_id, entry.span_id), entry)
    against = sum(not entry.supports for entry in unique.values())
    places = {False: min(against, max(limit // 2, limit - (len(unique) - against)))}
    places[True] = limit - places[False]
    kept: list[Evidence] = []
    for entry in unique.values():
        if places[entry.supports]:
            places[entry.supports] -= 1
            kept.append(entry)
    return tuple(kept)


def stamp(at: datetime) -> str:
    """A time as it stands in a history."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def _require_grounds(hypothesis: Hypothesis, verdict: Verdict) -> None:
    """A test needs its numbers or traces; a person, whom no error control watches, traces on the side of the verdict."""
    if verdict.status is HypothesisStatus.INCONCLUSIVE:
        return
    if verdict.by == "test" and (hypothesis.result is not None or hypothesis.evidence):
        return
    supports = verdict.status is HypothesisStatus.VALIDATED
    if verdict.by == "person" and any(entry.supports is supports for entry in hypothesis.evidence):
        return
    needed = "a result or evidence" if verdict.by == "test" else f"evidence {'for' if supports else 'against'} it"
    raise MemoryRefused(
        f"Hypothesis {hypothesis.hypothesis_id!r} can't become {verdict.status} by a {verdict.by} without {needed}: "
        "add the traces that show it."
    )


def _refuse_dropped(hypothesis: Hypothesis, what: str) -> None:
    if hypothesis.dropped:
        raise MemoryRefused(f"Hypothesis {hypothesis.hypothesis_id!r} was dropped by a person, so it {what}.")


def _require_testing(hypothesis: Hypothesis, what: str) -> None:
    if hypothesis.status is not HypothesisStatus.TESTING:
        raise MemoryRefused(f"Hypothesis {hypothesis.hypothesis_id!r} is {hypothesis.status} already, so it {what}.")
