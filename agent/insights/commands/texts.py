"""Documents of the memory as a person reads them, and as a program does: with what is derived beside them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ....tools.insights.models import Analysis, Bucket, Evidence, Hypothesis, Issue
from ....tools.links import Pages
from ..analyses import ListedAnalysis
from ..queries import Answer

TraceLink = Callable[[str, str | None], str | None]
"""The address of a trace, or of a span of it."""

CELL = 200
"""Characters of a value in a table."""
ADVICE = {
    "abandoned": "Analysis {run_id} is ACTIVE and nobody works on it: go on with `run-analysis --resume {run_id}`, "
    "or put it away with `mlflow-insights archive --run-id {run_id}`.",
    "untouched": "Analysis {run_id} is driven by hand and hasn't been written to since {since}: go on, complete it with "
    "`mlflow-insights update-analysis --run-id {run_id} --status COMPLETED`, or archive it.",
}


def analysis_lines(analysis: Analysis, link: str | None) -> Iterator[str]:
    """An analysis in full."""
    yield f"{analysis.name} ({analysis.run_name})"
    yield f"Run ID:      {analysis.run_id}"
    yield f"Experiment:  {analysis.experiment_id}"
    yield f"Status:      {analysis.status}"
    yield f"Analyst:     {analysis.analyst}"
    yield f"Created:     {analysis.created_at:%Y-%m-%d %H:%M} UTC"
    if analysis.completed_at:
        yield f"Completed:   {analysis.completed_at:%Y-%m-%d %H:%M} UTC"
    if analysis.focus:
        yield f"Focus:       {'; '.join(analysis.focus)}"
    if analysis.progress:
        yield f"Done:        {', '.join(analysis.progress)}"
    yield from (f"Answered:    {each.name}: {each.answer} ({each.answered_by})" for each in analysis.questions)
    yield from (f"Note:        {note}" for note in analysis.notes)
    if link:
        yield f"In MLflow:   {link}"
    if analysis.description:
        yield ""
        yield analysis.description


def standing_advice(listed: ListedAnalysis) -> str:
    """What to do about an analysis that was left; empty where nothing is to be done."""
    since = f"{listed.analysis.updated_at:%Y-%m-%d %H:%M} UTC"
    return ADVICE.get(listed.standing, "").format(run_id=listed.analysis.run_id, since=since)


def hypothesis_document(hypothesis: Hypothesis) -> dict[str, Any]:
    """A hypothesis with its evidence, and how much of it there is on each side."""
    supports = sum(entry.supports for entry in hypothesis.evidence)
    counts = {
        "trace_count": len({entry.trace_id for entry in hypothesis.evidence}),
        "evidence_count": len(hypothesis.evidence),
        "supports_count": supports,
        "refutes_count": len(hypothesis.evidence) - supports,
    }
    return {**hypothesis.model_dump(mode="json", exclude={"ops"}), **counts}


def hypothesis_row(hypothesis: Hypothesis) -> list[str]:
    """A hypothesis as a list shows it."""
    document = hypothesis_document(hypothesis)
    evidence = f"+{document['supports_count']}/-{document['refutes_count']}"
    return [hypothesis.hypothesis_id, standing(hypothesis), str(document["trace_count"]), evidence, hypothesis.statement]


def standing(hypothesis: Hypothesis) -> str:
    """The status, with what it alone doesn't say."""
    return f"{hypothesis.status} (dropped)" if hypothesis.dropped else str(hypothesis.status)


def hypothesis_lines(hypothesis: Hypothesis, link: TraceLink) -> Iterator[str]:
    """A hypothesis in full."""
    yield f"{hypothesis.hypothesis_id}: {hypothesis.statement}"
    yield f"Status:     {standing(hypothesis)}"
    if hypothesis.verdict:
        yield f"Verdict:    {hypothesis.verdict.reason} (by {hypothesis.verdict.by})"
    elif hypothesis.blocked:
        yield f"Untested:   {hypothesis.blocked}"
    yield f"Kind:       {hypothesis.kind}, {hypothesis.polarity}, from {hypothesis.source}"
    if hypothesis.rationale:
        yield f"Rationale:  {hypothesis.rationale}"
    yield f"Plan:       {'typed, ' + hypothesis.plan.digest if hypothesis.plan else 'in words'}"
    yield from (f"  {line}" for line in hypothesis.testing_plan.splitlines())
    yield from evidence_lines(hypothesis.evidence, link)
    yield from (f"History:    {line}" for line in hypothesis.history)


def verdict_line(hypothesis: Hypothesis) -> str:
    """What became of a hypothesis, and why."""
    reason = hypothesis.verdict.reason if hypothesis.verdict else hypothesis.blocked or "not decided yet"
    return f"{hypothesis.hypothesis_id} {standing(hypothesis)}: {reason}"


def evidence_lines(evidence: Sequence[Evidence], link: TraceLink) -> Iterator[str]:
    """Each piece of evidence on a line, and where its trace is found."""
    for entry in evidence:
        where = f"{entry.trace_id}, span {entry.span_id}" if entry.span_id else entry.trace_id
        said = ": ".join(filter(None, (where, " ".join(entry.rationale.split()))))
        yield f"Evidence:   [{'✓ supports' if entry.supports else '✗ refutes'}] {said}"
        if entry.quote:
            yield f"            “{' '.join(entry.quote.split())}”"
        if address := link(entry.trace_id, entry.span_id):
            yield f"            {address}"


def issue_document(issue: Issue, pages: Pages) -> dict[str, Any]:
    """An issue with its evidence and its address."""
    return {
        **issue.model_dump(mode="json", exclude={"ops", "mirrored"}),
        "trace_count": issue.affected,
        "link": pages.issue(issue),
    }


def issue_row(issue: Issue) -> list[str]:
    """An issue as a list shows it."""
    counts = f"{issue.affected:,} of {issue.population:,}"
    return [issue.issue_id, str(issue.severity), str(issue.status), counts, issue.title]


def issue_lines(issue: Issue, pages: Pages) -> Iterator[str]:
    """An issue in full."""
    yield f"{issue.issue_id}: {issue.title}"
    yield f"Severity:   {issue.severity}{f' ({issue.severity_because})' if issue.severity_because else ''}"
    yield f"Status:     {issue.status}{f': {issue.resolution}' if issue.resolution else ''}"
    yield f"Affected:   {issue.counts}"
    if issue.correction:
        from ....tools.testing.labelling import correction_in_words

        yield f"Labels:     {correction_in_words(issue.correction)}"
    yield from (f"Also shown: {each.title} ({each.counts}; {each.hypothesis_id})" for each in issue.aspects)
    if issue.onset:
        from ....tools.reporting.words import began

        yield f"Began:      {began(issue.onset)}"
    if issue.needs_reading and len(issue.trend) < 2:
        yield f"Looked at:  not since it was found, {issue.last_looked:%Y-%m-%d} (needs reading)"
    elif issue.trend:
        last = issue.trend[-1]
        counts = f"{last.affected:,} of {last.population:,} traces"
        yield f"Looked at:  {last.standing}, {counts} up to {last.until:%Y-%m-%d %H:%M} UTC"
    yield f"Kind:       {issue.kind}, from {issue.hypothesis_id or issue.source}, analysis {issue.source_run_id}"
    yield f"What:       {issue.description}"
    yield f"Cause:      {issue.cause.text} ({issue.cause.standing})"
    yield f"To do:      {issue.recommendation}"
    if issue.left_out:
        yield f"Left out:   {issue.left_out} (of the model's words)"
    if address := pages.issue(issue):
        yield f"In MLflow:  {address}"
    yield from evidence_lines(issue.evidence, lambda trace_id, span_id: pages.trace(issue.experiment_id, trace_id))
    yield from (f"History:    {line}" for line in issue.history)


def bucket_row(bucket: Bucket) -> list[str]:
    """A figure of the census as a list shows it; one that couldn't be computed says so, since missing is not zero."""
    from ....tools.reporting.words import amount

    counts = f"{bucket.numerator:,} of {bucket.denominator or 0:,}" if bucket.numerator is not None else ""
    about = "" if bucket.dimension == "all" else " ".join(filter(None, (bucket.dimension, bucket.segment)))
    return [bucket.name, amount(bucket), counts, "proxy" if bucket.kind == "quality" else "fact", about]


def answer_cells(answer: Answer) -> list[list[str]]:
    """The rows of a query as a table shows them: long values are cut, --output json has them whole."""
    return [[_cell(row[name]) for name in answer.columns] for row in answer.rows]


def _cell(value: object) -> str:
    text = "NULL" if value is None else f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"
