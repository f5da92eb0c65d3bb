"""How an issue reads in MLflow's words, and what of it a person has changed there."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from . import transitions
from .affected import AffectedTrace, AffectedTraces
from .models import Issue, IssueStatus, Mirrored, Severity
from .native import NAME_CHARS, Mark, NativeIssue, NativeSeverity, NativeStatus, NativeWords

_STATUS: dict[IssueStatus, NativeStatus] = {
    IssueStatus.OPEN: "pending",
    IssueStatus.IN_PROGRESS: "pending",
    IssueStatus.RESOLVED: "resolved",
    IssueStatus.REJECTED: "rejected",
}
_SEVERITY: dict[Severity, NativeSeverity] = {
    Severity.LOW: "low",
    Severity.MEDIUM: "medium",
    Severity.HIGH: "high",
    Severity.CRITICAL: "high",  # MLflow has nothing above; the description says it
}
_OURS: dict[NativeStatus, IssueStatus] = {
    "pending": IssueStatus.OPEN,
    "resolved": IssueStatus.RESOLVED,
    "rejected": IssueStatus.REJECTED,
}
IN_THE_PAGES = "in MLflow's pages"


def native_words(issue: Issue) -> NativeWords:
    """The issue as MLflow's pages show it: plain text, of which the first two lines are seen at first."""
    mark = "[CRITICAL] " if issue.severity is Severity.CRITICAL else ""
    parts = (
        f"{mark}{issue.description}",
        f"Affected: {issue.counts}, some of them marked here.",
        f"Cause ({issue.cause.standing}): {issue.cause.text}",
        f"What to do: {issue.recommendation}",
    )
    return NativeWords(issue.title[:NAME_CHARS], "\n".join(parts), _STATUS[issue.status], _SEVERITY[issue.severity])


def marks(issue: Issue, affected: Sequence[AffectedTrace]) -> Iterator[Mark]:
    """Each affected trace once, those of the evidence first, with the best that is known of each."""
    cited = {entry.trace_id: entry for entry in reversed(issue.evidence) if entry.supports}
    among = affected.of_traces(cited) if isinstance(affected, AffectedTraces) else affected
    listed = {entry.trace_id: entry for entry in among if entry.trace_id in cited}
    rows = chain(
        (listed.get(trace_id, AffectedTrace(trace_id)) for trace_id in reversed(cited)),
        (row for row in affected if row.trace_id not in cited),
    )
    for row in rows:
        entry = cited.get(row.trace_id)
        said = (entry.rationale if entry else "") or row.note or f"One of the {issue.counts} affected."
        yield Mark(row.trace_id, (entry.span_id if entry else "") or row.span_id, said)


class Record(NamedTuple):
    """What is to be noted of an issue as mirrored."""

    mirrored: Mirrored
    text_is_theirs: bool
    """Whether a person has rewritten name or description in MLflow's pages: they stay as they are."""


def record_of(issue: Issue, native: NativeIssue) -> Record:
    """What is noted of an issue once MLflow's own is as it should be."""
    words, before = native_words(issue), issue.mirrored
    ours, there = _digest(words.name, words.description), _digest(native.words.name, native.words.description)
    # Ours may be there without being noted: a process was killed in between.
    theirs = before is not None and there not in {before.text, ours}
    text = before.text if before is not None and theirs else ours
    cited = sorted(entry.trace_id for entry in issue.evidence if entry.supports)
    traces = f"{issue.source_run_id} {_digest(*cited)}"
    return Record(Mirrored(run_id=native.run_id, status=words.status, severity=words.severity, text=text, traces=traces), theirs)


def is_settled(issue: Issue, native: NativeIssue | None) -> bool:
    """Whether nothing is to be done about an issue: MLflow's own says what it says, and that is noted."""
    if native is None or native.native_id != issue.native_id:
        return False
    ours, theirs = native_words(issue), native.words
    same = (ours.status, ours.severity) == (theirs.status, theirs.severity)
    return same and issue.mirrored == record_of(issue, native).mirrored


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def followed(issue: Issue, native: NativeIssue) -> Issue:
    """The issue with what a person changed of it in MLflow's pages since we last wrote it there; itself where nobody did.

    What differs there from what we last wrote is a person's. Where ours was changed since as well, the later change counts.
    """
    ours, theirs, before = native_words(issue), native.words, issue.mirrored
    status = _is_theirs(issue, native, ours.status, theirs.status, before.status if before else None)
    severity = _is_theirs(issue, native, ours.severity, theirs.severity, before.severity if before else None)
    no_issue = severity and theirs.severity == "not_an_issue"
    there: NativeStatus | None = theirs.status if status else "rejected" if no_issue else None
    changed = transitions.set_by_person(
        issue,
        at=native.updated_at,
        status=_OURS[there] if there else None,
        severity=Severity(theirs.severity.upper()) if severity and not no_issue else None,
        where=IN_THE_PAGES,
    )
    if there not in {"resolved", "rejected"} or changed.resolution:
        return changed
    return changed.model_copy(update={"resolution": f"{changed.status.capitalize()} {IN_THE_PAGES}."})


def _is_theirs(issue: Issue, native: NativeIssue, ours: str, theirs: str, written: str | None) -> bool:
    if theirs in {ours, written}:
        return False
    if written is None and not native.touched:
        return False  # created by a process that was killed before it could note what it wrote
    return written == ours or native.updated_at > issue.updated_at
