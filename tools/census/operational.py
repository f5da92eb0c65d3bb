"""Which counted facts are issues at once, with all their traces. Quality proxies never are.

The same fact is not told twice:

- a tool's open and silent failures are one issue, and a timeout that they run into is part of its cause;
- a failing span counts where the failure began, not again for the spans around it; a model's span counts for the model, not for
  its name, and a provider only where none of its models is an issue;
- failures hidden in OK traces are one more issue only where they aren't mostly those of one tool, model or span already named:
  then they say that the trouble is spread, and that no trace's status shows it;
- ERROR traces that pile up at one duration are an issue unless a tool's timeout explains them.

The share of traces that end in ERROR stands beside what makes them fail: it is what users see.
"""

from typing import NamedTuple

from ..clipping import clip
from ..insights.affected import AffectedTraces, said_once, some_of
from ..insights.models import Census, Evidence, IssueDraft
from .drafting import OperationalIssue, draft_issue
from .figures import Queries
from .subject_issues import find_subject_facts
from .thresholds import OperationalThresholds
from .trace_issues import find_trace_facts

EVIDENCE = 10
"""Traces that are cited of an issue, drawn as the census draws its samples."""
RATIONALE_CHARS = 240


class CompletedIssue(NamedTuple):
    """An issue ready for the memory: its draft with evidence, and every affected trace."""

    draft: IssueDraft
    traces: AffectedTraces


def find_operational_issues(census: Census, *, thresholds: OperationalThresholds) -> list[OperationalIssue]:
    """The counted facts of the census above the thresholds, most severe first, then by traces affected."""
    facts = [*find_trace_facts(census, thresholds), *find_subject_facts(census, thresholds)]
    issues = [draft_issue(fact, census) for fact in facts]
    return sorted(issues, key=lambda issue: (-issue.draft.severity.rank, -issue.draft.affected, issue.draft.title))


def complete(issue: OperationalIssue, sql: Queries) -> CompletedIssue:
    """Fetches all affected traces, and cites some of them with the span and what it says.

    Raises:
        QueryError: the affected traces can't be fetched.
    """
    result = sql.query(issue.affected_sql, title=f"Traces affected by: {issue.draft.title}", owner="census")
    found = result.table
    notes = said_once(found["note"], lambda note: clip(str(note), RATIONALE_CHARS))
    traces = AffectedTraces.of_columns(trace_id=found["trace_id"], span_id=found["span_id"], note=notes)
    cited = some_of(traces, EVIDENCE)
    evidence = tuple(
        Evidence(trace_id=trace.trace_id, span_id=trace.span_id or None, rationale=trace.note, step="affected") for trace in cited
    )
    query_ids = (*issue.draft.query_ids, result.query_id)
    return CompletedIssue(issue.draft.model_copy(update={"evidence": evidence, "query_ids": query_ids}), traces)
