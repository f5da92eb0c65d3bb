"""What the memory holds, as a language model is told it: each entry under the name it is cited by, each figure under a label.

The model cites figures by label and code puts them in, so no number of an answer is the model's.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from ...tools.insights.models import Analysis, Bucket, Census, Evidence, Hypothesis, Issue, SnapshotRecord, TestResult
from ...tools.shares import part_of, percent, threshold
from ..printable import one_line
from .handles import Handles
from .views import bucket_value, standing

LISTED = 60
"""Hypotheses and issues that are listed, each on a line."""
CENSUS_FIGURES = 40
EVIDENCE = 5
"""Entries of evidence of what is told whole."""
CHARS = 400
"""Of a text in a list, and of a quote."""
SHARES = {"count", "rate", "read"}
"""Decisions whose value and threshold are shares."""


class Recollection:
    """Told bit by bit; then `text` is what the model reads, `figures` what its labels stand for."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self._lines: list[str] = []
        self.figures: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        """What each name that may be cited is told of, in words; a number in an answer must stand there or be a figure."""

    @property
    def text(self) -> str:
        """All that was told."""
        return "\n".join(self._lines)

    def tell_analysis(self, analysis: Analysis, snapshot: SnapshotRecord | None, at_present: str) -> None:
        """The analysis as a whole: what it is about and where it stands."""
        self._head("analysis", f"it is {at_present}")
        self._entry("analysis", f"the agent: {analysis.agent_description}")
        self._entry("analysis", f"focus: {'; '.join(analysis.focus) or 'a general report'}")
        if snapshot is not None:
            whole = [("traces", f"{snapshot.traces:,}"), ("spans", f"{snapshot.spans:,}")]
            if snapshot.first_trace and snapshot.last_trace:
                whole.append(("from", f"{snapshot.first_trace:%Y-%m-%d}"))
                whole.append(("to", f"{snapshot.last_trace:%Y-%m-%d}"))
            self._entry("analysis", self._figured(whole))
        if analysis.report_path:
            self._entry("analysis", f"the report: {analysis.report_path}")
        for note in analysis.notes:
            self._entry("analysis", f"note: {note}")

    def tell_hypotheses(self, listed: Sequence[Hypothesis], testing: Sequence[str], whole: Collection[str]) -> None:
        """Each hypothesis on a line; those in `whole` with plan, evidence and all."""
        for each in listed[:LISTED]:
            name = self._handles.of(each.hypothesis_id)
            self._head(name, f"{standing(each, testing)} hypothesis: {_short(each.statement)}")
            if each.result is not None:
                self._entry(name, self._figured(_figures(each.result)))
            if each.hypothesis_id in whole:
                self._tell_hypothesis(name, each)

    def tell_issues(self, listed: Sequence[Issue], run_id: str, whole: Collection[str]) -> None:
        """Each issue on a line; those in `whole` with cause, evidence and all."""
        for each in listed[:LISTED]:
            name = self._handles.of(each.issue_id)
            earlier = "" if each.source_run_id == run_id else " of an earlier analysis"
            self._head(name, f"{each.severity} {each.status} issue{earlier}: {_short(each.title)}")
            rests = f"; rests on {self._handles.of(each.hypothesis_id)}" if each.hypothesis_id else ""
            self._entry(name, f"{self._figured([('affected', each.counts), *_share(each.affected, each.population)])}{rests}")
            if each.issue_id in whole:
                self._tell_issue(name, each)

    def tell_census(self, census: Census | None) -> None:
        """The figures of the whole, each under the query that counted it."""
        whole = [each for each in census.buckets if not each.segment][:CENSUS_FIGURES] if census else []
        for each in whole:
            self._head(each.query_id, f"census: {each.name.replace('_', ' ')}")
            self._entry(each.query_id, self._figured(_counted(each)))

    def _tell_hypothesis(self, name: str, hypothesis: Hypothesis) -> None:
        self._entry(name, f"why it was stated: {hypothesis.rationale}")
        self._entry(name, f"plan: {hypothesis.testing_plan}")
        if hypothesis.blocked:
            self._entry(name, f"not tested: {hypothesis.blocked}")
        if hypothesis.verdict:
            self._entry(name, f"verdict by {hypothesis.verdict.by}: {hypothesis.verdict.reason}")
        if hypothesis.result is not None and hypothesis.result.query_ids:
            self._entry(name, f"queries: {', '.join(hypothesis.result.query_ids)}")
        self._tell_evidence(name, hypothesis.evidence)

    def _tell_issue(self, name: str, issue: Issue) -> None:
        self._entry(name, issue.description)
        for each in issue.aspects:
            self._entry(name, f"also shown of these traces: {each.title} ({each.counts})")
        self._entry(name, f"cause ({issue.cause.standing}): {issue.cause.text}")
        self._entry(name, f"to do: {issue.recommendation}")
        self._entry(name, f"its severity: {issue.severity_because or 'set by a person'}")
        if issue.query_ids:
            self._entry(name, f"queries: {', '.join(issue.query_ids)}")
        self._tell_evidence(name, issue.evidence)

    def _tell_evidence(self, name: str, entries: Sequence[Evidence]) -> None:
        for each in entries[:EVIDENCE]:
            side = "for" if each.supports else "against"
            said = f' "{_short(each.quote)}"' if each.quote else ""
            self._entry(name, f"{side}: {each.trace_id} {_short(each.rationale)}{said}")

    def _head(self, name: str, text: str) -> None:
        self._lines.append(f"[{name}] {text}")
        self.sources[name] = f"{self.sources.get(name, '')} {text}"

    def _entry(self, name: str, text: str) -> None:
        self._lines.append(f"  {one_line(text)}")
        self.sources[name] += f" {text}"

    def _figured(self, figures: Iterable[tuple[str, str]]) -> str:
        """Each figure with its label: `affected {F1} = 38 of 556 traces`."""
        labelled: list[str] = []
        for what, value in figures:
            label = f"F{len(self.figures) + 1}"
            self.figures[label] = value
            labelled.append(f"{what} {{{label}}} = {value}")
        return "; ".join(labelled)


def _figures(result: TestResult) -> Iterator[tuple[str, str]]:
    """What a test counted and estimated, each a figure that can stand in a sentence."""
    of = result.reads.read if result.reads else result.population
    if result.affected is not None:
        yield "affected", f"{result.affected:,} of {of:,} traces{' read' if result.reads else ''}"
        yield from _share(result.affected, of)
    for arm in result.arms:
        if arm.affected is not None:
            yield arm.title, f"{arm.affected:,} of {arm.traces:,} traces"
    shares = result.decision in SHARES

    def shown(value: float) -> str:
        return percent(value) if shares else f"{value:,.3g}"

    if result.decision == "count":
        yield "at least so many traces are wanted", f"{result.threshold:,.0f}"
        return
    if result.value is not None:
        yield "estimate", shown(result.value)
        yield "threshold", shown(result.threshold)
    if result.interval is not None:
        yield f"interval at {threshold(result.interval.level)}", f"{shown(result.interval.low)} to {shown(result.interval.high)}"
    if result.p_value is not None:
        yield "p before the error control", f"{result.p_value:.2g}"
    if result.cells_tested:
        yield "cells tested", f"{result.cells_tested:,}"


def _counted(bucket: Bucket) -> Iterator[tuple[str, str]]:
    yield "value", bucket_value(bucket)
    if bucket.numerator is not None and bucket.denominator is not None:
        yield "counted", f"{bucket.numerator:,} of {bucket.denominator:,}"


def _share(affected: int, of: int) -> Iterator[tuple[str, str]]:
    if of:
        yield "share", part_of(affected, of)


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= CHARS else f"{line[:CHARS]}..."
