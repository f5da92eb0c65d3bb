"""What a report says, gathered from the memory and from nowhere else: numbers with their queries, issues with their traces."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..census.timing import is_nominal
from ..errors import StoreError, TraceReadError
from ..insights.models import (
    Analysis,
    Bucket,
    Census,
    Evidence,
    Hypothesis,
    HypothesisStatus,
    Issue,
    IssueStatus,
    Proposals,
    QueryRecord,
    SnapshotRecord,
)
from ..insights.store import InsightStore
from ..links import Pages, masked_uri, ui_command
from ..testing.labelling import correct, correction_in_words
from .changes import Change, changes_of, is_first
from .excerpts import spoken

PROPOSING = ("hypotheses", "test")
"""The steps that hypotheses are proposed in."""
EXAMPLES = 2
"""Traces an issue is shown with; the evidence lists more, the CSV all."""

SUMMARY = (
    ("Traces", "traces", ""),
    ("Success rate", "trace_state", "OK"),
    ("Error rate", "trace_error_rate", ""),
    ("Latency of successful traces, mean", "latency_mean", ""),
    ("Latency of successful traces, median", "latency_p50", ""),
    ("Latency of successful traces, p95", "latency_p95", ""),
    ("Latency of failed traces, median", "error_latency_p50", ""),
    ("Tokens per trace, mean", "total_tokens_mean", ""),
    ("Cost, total", "cost_sum", ""),
    ("OK traces that hide failed spans", "ok_with_failed_spans", ""),
    ("OK traces that hide silent tool errors", "ok_with_silent_errors", ""),
)
"""The figures that every report begins with: what a reader calls them, the figure's name, its segment."""


@dataclass(frozen=True)
class Example:
    """One trace of an issue, as a reader would want to see it."""

    evidence: Evidence
    request: str
    response: str


@dataclass(frozen=True)
class IssueFacts:
    """One issue, with the hypothesis that it was, and examples."""

    issue: Issue
    hypothesis: Hypothesis | None
    examples: tuple[Example, ...]
    labels: str = ""
    """What a person's labels say of it, in words; empty where there are none."""

    @property
    def description(self) -> str:
        """What it is, without the verdict's reason, which a report gives beside it."""
        reason = self.hypothesis.verdict.reason if self.hypothesis and self.hypothesis.verdict else ""
        return self.issue.description.removesuffix(reason).strip() or self.issue.description


@dataclass(frozen=True)
class ReportFacts:
    """All that a report is made of."""

    analysis: Analysis
    experiment_name: str
    tracking_uri: str
    """Without its password."""
    parent_run_id: str
    pages: Pages
    """MLflow's pages, where their address is known."""
    ui_command: str
    snapshot: SnapshotRecord
    census: Census
    looked_at: int
    issues: tuple[IssueFacts, ...]
    known_issues: tuple[Issue, ...]
    """Issues of the experiment that other analyses found and this one didn't."""
    hypotheses: tuple[Hypothesis, ...]
    left_out: tuple[str, ...]
    queries: tuple[QueryRecord, ...]
    changes: tuple[Change, ...]
    """What became of each issue since the analysis before."""

    def of_kind(self, kind: str) -> list[IssueFacts]:
        """The issues of one kind, most severe first."""
        return [facts for facts in self.issues if facts.issue.kind == kind]

    def having(self, status: str, *, polarity: str = "problem") -> list[Hypothesis]:
        """Hypotheses of one standing: validated, rejected, inconclusive, dropped or untested; problems or strengths."""
        return [each for each in self.hypotheses if standing(each) == status and each.polarity == polarity]

    def count(self, status: str) -> int:
        """How many hypotheses have this standing."""
        return sum(standing(each) == status for each in self.hypotheses)

    def bucket(self, name: str, segment: str = "", dimension: str | None = None) -> Bucket | None:
        """One figure of the census."""
        found = self.census.find(name, segment=segment, dimension=dimension)
        return found[0] if found else None

    @property
    def is_first(self) -> bool:
        """Whether no issue was known before."""
        return is_first(self.changes)

    @property
    def unread(self) -> list[Issue]:
        """Known issues that only a reader can look at again, and that this analysis didn't find: nothing new is known of them."""
        return [
            each
            for each in self.known_issues
            if each.is_unread_by(self.analysis.run_id) and each.fingerprint.scope == self.snapshot.filter
        ]

    @property
    def link(self) -> str | None:
        """To the analysis run in MLflow's pages."""
        return self.pages.run(self.analysis.experiment_id, self.analysis.run_id)

    @property
    def summary(self) -> list[tuple[str, Bucket | None]]:
        """The figures that the report begins with; None where the census has none."""
        return [(title, self.bucket(name, segment, None if segment else "all")) for title, name, segment in SUMMARY]

    @property
    def durations_are_nominal(self) -> bool:
        """Whether the durations were set rather than measured, so that they say nothing about speed."""
        return is_nominal(self.census.buckets)

    @property
    def by_duration(self) -> list[Bucket]:
        """Error rates by duration of the trace: fast failures apart from timeouts."""
        return self.census.find("trace_error_rate", dimension="duration")

    def cited_queries(self) -> list[QueryRecord]:
        """The queries behind the figures, the issues and the verdicts, by id."""
        figures = [*(bucket for _, bucket in self.summary), *self.by_duration, *self.census.find("timing_nominal")]
        cited = {bucket.query_id for bucket in figures if bucket is not None}
        cited.update(query_id for facts in self.issues for query_id in facts.issue.query_ids)
        for hypothesis in self.hypotheses:
            cited.update(hypothesis.result.query_ids if hypothesis.result else ())
        return sorted((query for query in self.queries if query.query_id in cited), key=lambda query: query.query_id)


def standing(hypothesis: Hypothesis) -> str:
    """Where a hypothesis stands, with what the status alone doesn't say: dropped is not refuted, untested is not open."""
    if hypothesis.dropped:
        return "dropped"
    if hypothesis.status is HypothesisStatus.TESTING:
        return "untested"
    return hypothesis.status.lower()


def _latest_proposals(store: InsightStore, analysis: Analysis, step: str) -> Proposals | None:
    """What was proposed last at a step: a later round says all that an earlier one did."""
    rounds = (store.read_proposals(analysis.run_id, step, round) for round in range(analysis.asked_on, -1, -1))
    return next((each for each in rounds if each is not None), None)


def gather_facts(store: InsightStore, run_id: str, *, ui_url: str | None = None) -> ReportFacts:
    """Reads everything that the report of one analysis needs; the traces it quotes are linked to the run.

    Raises:
        StoreError: the analysis has no snapshot or census yet, or the store is gone.
    """
    analysis, uri = store.get_analysis(run_id), store.tracking.uri
    snapshot, census = store.read_snapshot(run_id), store.read_census(run_id)
    if snapshot is None or census is None:
        raise StoreError(f"Analysis {run_id!r} has no census yet: go on with it first (run-analysis --resume {run_id}).")
    hypotheses = store.list_hypotheses(run_id)
    by_id = {each.hypothesis_id: each for each in hypotheses}
    issues = store.list_issues(analysis.experiment_id)
    mine = [issue for issue in issues if issue.source_run_id == run_id and issue.status is not IssueStatus.REJECTED]
    proposals = [_latest_proposals(store, analysis, step) for step in PROPOSING]
    return ReportFacts(
        analysis=analysis,
        experiment_name=store.experiment_name(analysis.experiment_id),
        tracking_uri=masked_uri(uri),
        parent_run_id=store.parent_run_id(analysis.experiment_id) or "",
        pages=Pages.of(ui_url, uri),
        ui_command=ui_command(uri),
        snapshot=snapshot,
        census=census,
        issues=tuple(_issue_facts(store, run_id, issue, by_id) for issue in mine),
        looked_at=store.linked_traces(run_id),
        known_issues=tuple(issue for issue in issues if issue.source_run_id != run_id),
        hypotheses=tuple(hypotheses),
        left_out=tuple(reason for each in proposals if each is not None for reason in each.left_out),
        queries=tuple(store.list_queries(run_id)),
        changes=changes_of(issues, run_id),
    )


def _issue_facts(store: InsightStore, run_id: str, issue: Issue, by_id: dict[str, Hypothesis]) -> IssueFacts:
    supporting = [each for each in issue.evidence if each.supports]
    return IssueFacts(
        issue=issue,
        hypothesis=by_id.get(issue.hypothesis_id or ""),
        examples=_examples(store, run_id, issue.experiment_id, supporting),
        labels=_labels(store, run_id, by_id.get(issue.hypothesis_id or "")),
    )


def _labels(store: InsightStore, run_id: str, hypothesis: Hypothesis | None) -> str:
    if hypothesis is None or hypothesis.result is None or hypothesis.result.reads is None:
        return ""
    labels = store.read_labels(run_id, hypothesis.hypothesis_id)
    found = correct(labels, hypothesis.result, hypothesis.verdict) if labels is not None else None
    return correction_in_words(found) if found is not None else ""


def _examples(store: InsightStore, run_id: str, experiment_id: str, evidence: Sequence[Evidence]) -> tuple[Example, ...]:
    """The first traces that can be read, each once."""
    examples: dict[str, Example] = {}
    for each in evidence:
        if len(examples) == EXAMPLES:
            break
        if each.trace_id in examples:
            continue
        try:
            trace = store.reader.get(each.trace_id, run_id=run_id, experiment_id=experiment_id)
        except TraceReadError:
            continue  # gone since it was cited: the evidence keeps its id, the example is another one
        examples[each.trace_id] = Example(each, spoken(trace.request or ""), spoken(trace.response or ""))
    return tuple(examples.values())
