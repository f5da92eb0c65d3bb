"""What is done with an issue afterwards: its traces as CSV, feedback on each, an evaluation dataset, a scorer."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from ...tools.datasets import fill_dataset
from ...tools.errors import TraceReadError, UserError
from ...tools.insights.mirror_rules import marks
from ...tools.insights.models import Issue
from ...tools.links import Pages
from ...tools.traces.views import TraceView
from .opened import Insights
from .scorers import scorer_source


@dataclass(frozen=True)
class Logged:
    """What was logged on the traces of an issue, or would be."""

    issue_id: str
    name: str
    """Of the feedback."""
    affected: int
    before: int
    """Traces that had it already."""
    logged: int
    gone: int
    """Traces that are no longer there."""
    dry_run: bool


@dataclass(frozen=True)
class Filled:
    """What became of an evaluation dataset."""

    dataset_id: str
    name: str
    added: int
    updated: int
    unreadable: int
    left_out: int
    """Affected traces beyond the limit."""


def export_traces(insights: Insights, *, issue_id: str) -> str:
    """All traces that an issue affects, as CSV: trace, span where one is known, what was seen there, its page.

    Raises:
        UserError: there is no such issue.
    """
    issue = insights.store.get_issue(issue_id)
    pages = Pages.of(insights.ui_url, insights.store.tracking.uri)
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("issue_id", "trace_id", "span_id", "note", "link"))
    for mark in marks(issue, insights.store.issue_traces(issue_id)):
        note = _harmless(mark.rationale)
        rows.writerow((issue_id, mark.trace_id, mark.span_id, note, pages.trace(issue.experiment_id, mark.trace_id) or ""))
    return text.getvalue()


def log_assessments(insights: Insights, *, issue_id: str, name: str | None = None, dry_run: bool = False) -> Logged:
    """Logs feedback on each trace that an issue affects: that it shows the issue. Again, it logs what is missing only.

    Args:
        insights: The memory.
        issue_id: The issue.
        name: Of the feedback; the issue's id by default, which stays when the issue is worded anew.
        dry_run: Only says what it would do.

    Raises:
        UserError: there is no such issue, or the name is empty.
    """
    store, issue = insights.store, insights.store.get_issue(issue_id)
    chosen = issue_id if name is None else name.strip()
    if not chosen:
        raise UserError("The name of the feedback is empty: say what it is called, or leave --name out.")
    due, affected = store.feedback_due(issue, chosen)
    logged = 0
    for place, mark in enumerate([] if dry_run else due):
        insights.progress("logging feedback", place, len(due))
        logged += store.log_feedback(issue, mark, chosen)
    wanted = len(due) if dry_run else logged
    return Logged(issue_id, chosen, affected, affected - len(due), wanted, 0 if dry_run else len(due) - logged, dry_run)


def create_dataset(insights: Insights, *, issue_id: str, name: str | None = None, max_traces: int = 100) -> Filled:
    """Puts the requests of the affected traces into an MLflow evaluation dataset; again, it adds those that are new.

    The traces are linked to the analysis that found the issue, because they are read.

    Args:
        insights: The memory.
        issue_id: The issue.
        name: Of the dataset; the issue's id by default.
        max_traces: How many traces at most, those of the evidence first.

    Raises:
        UserError: there is no such issue.
        StoreError: the store keeps no evaluation datasets.
    """
    store, issue = insights.store, insights.store.get_issue(issue_id)
    listed = [mark.trace_id for mark in marks(issue, store.issue_traces(issue_id))]
    there = store.reader.existing(listed, experiment_id=issue.experiment_id)
    wanted = [each for each in listed if each in there]
    traces = _read(insights, issue, wanted[:max_traces])
    chosen = name or issue_id
    tags = {"issue": issue_id, "title": issue.title, "analysis": issue.source_run_id}
    dataset_id, added, updated = fill_dataset(store.tracking, chosen, experiment_id=issue.experiment_id, tags=tags, traces=traces)
    unreadable = len(wanted[:max_traces]) - len(traces)
    return Filled(dataset_id, chosen, added, updated, unreadable, len(wanted[max_traces:]))


def create_scorer(insights: Insights, *, issue_id: str) -> str:
    """A Python file with a scorer of MLflow that looks for the issue in one trace.

    Raises:
        UserError: there is no such issue.
    """
    return scorer_source(insights.store.get_issue(issue_id))


def write_file(path: Path, text: str) -> Path:
    """Writes an export.

    Raises:
        UserError: it can't be written there.
    """
    target = path.expanduser().resolve()
    try:
        target.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UserError(f"{str(target)!r} can't be written ({error.strerror}): choose another path with --to.") from error
    return target


def _read(insights: Insights, issue: Issue, trace_ids: list[str]) -> list[TraceView]:
    found: list[TraceView] = []
    insights.store.reader.link(issue.source_run_id, trace_ids, experiment_id=issue.experiment_id)
    for place, trace_id in enumerate(trace_ids):
        insights.progress("reading traces", place, len(trace_ids))
        try:
            found.append(insights.store.reader.get(trace_id, run_id=issue.source_run_id, experiment_id=issue.experiment_id))
        except TraceReadError:
            continue  # counted by the caller; the others are still worth having
    return found


def _harmless(note: str) -> str:
    """A note that no spreadsheet takes for a formula."""
    return f"'{note}" if note[:1] in {"=", "+", "-", "@", "\t", "\r"} else note
