"""What a person's labels change in the memory: the verdict of what was read, and the issue that rests on it."""

from datetime import datetime
from typing import NamedTuple

from ..errors import MemoryRefused
from .models import Correction, Hypothesis, HypothesisStatus, Issue, IssueStatus, Severity, Verdict
from .transitions import SETTLED, stamp

BY_LABELS = "By a person's labels: "
"""How the resolution of an issue begins that labels have taken back, and may give again."""


class Relabelled(NamedTuple):
    """What labels say of an issue."""

    verdict: Verdict
    """Of the hypothesis that it rests on."""
    correction: Correction
    description: str
    severity: Severity
    severity_because: str


def decided_by_labels(hypothesis: Hypothesis, verdict: Verdict, *, at: datetime) -> Hypothesis:
    """The hypothesis with its verdict against the judge's errors; what it was before stays in its history.

    Raises:
        MemoryRefused: It wasn't decided by what a judge read, or a person decided or dropped it.
    """
    before = hypothesis.verdict
    if before == verdict:
        return hypothesis
    subject = f"Hypothesis {hypothesis.hypothesis_id!r}"
    if hypothesis.result is None or hypothesis.result.reads is None or before is None:
        raise MemoryRefused(f"{subject} wasn't decided by what a judge read, so labels decide nothing of it.")
    if hypothesis.dropped or before.by == "person":
        raise MemoryRefused(f"{subject} was settled by a person, which stays.")
    line = f"{stamp(at)} {hypothesis.status} -> {verdict.status} by labels: {verdict.reason} It was: {before.reason}"
    return hypothesis.model_copy(update={"status": verdict.status, "verdict": verdict, "history": (*hypothesis.history, line)})


def relabelled(issue: Issue, said: Relabelled, *, at: datetime) -> Issue:
    """The issue with its corrected share and severity; settled where its verdict doesn't hold, and open again where it does.

    What a person settled, and a severity that a person set, stay.
    """
    changed: dict[str, object] = {"correction": said.correction, "description": said.description}
    if issue.severity_by == "rule":
        changed |= {"severity": said.severity, "severity_because": said.severity_because}
    taken_back = (issue.resolution or "").startswith(BY_LABELS)
    holds = said.verdict.status is HypothesisStatus.VALIDATED
    if not holds and (issue.status not in SETTLED or taken_back):
        changed |= {"status": IssueStatus.REJECTED, "resolution": f"{BY_LABELS}{said.verdict.reason}"}
    elif holds and taken_back:
        changed |= {"status": IssueStatus.OPEN, "resolution": None}
    after = issue.model_copy(update=changed)
    if after == issue:
        return issue
    words = [f"{was} -> {now}" for was, now in ((issue.status, after.status), (issue.severity, after.severity)) if was is not now]
    line = f"{stamp(at)} {', '.join(words) or 'its share corrected'} by labels: {said.verdict.reason}"
    return after.model_copy(update={"history": (*issue.history, line)})
