"""What the chat shows of the memory: lists, one hypothesis or issue whole, the census, a trace as a tree."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ...tools.insights.models import Analysis, Bucket, Census, Evidence, Hypothesis, HypothesisStatus, Issue, TestResult
from ...tools.shares import percent, threshold
from ...tools.traces.views import SpanView, TraceView
from ..console import STYLES
from ..printable import one_line, printable
from .handles import Handles

CENSUS_FIGURES = 40
"""Figures of the census that are listed; the memory has all."""
EVIDENCE = 8
"""Entries of evidence that are listed."""
SAID = 300
"""Characters of a trace's text that are shown on a line of its tree."""


def standing(hypothesis: Hypothesis, testing: Sequence[str] = ()) -> str:
    """Where a hypothesis stands, in a word."""
    if hypothesis.dropped:
        return "dropped"
    if hypothesis.status is not HypothesisStatus.TESTING:
        return str(hypothesis.status)
    if hypothesis.hypothesis_id in testing:
        return "being planned" if hypothesis.plan is None else "under test"
    if hypothesis.blocked:
        return "blocked"
    if hypothesis.plan is None:
        return "to be planned"
    return "tested" if hypothesis.tested else "waiting"


def hypotheses(listed: Sequence[Hypothesis], handles: Handles, testing: Sequence[str]) -> RenderableType:
    """All hypotheses, one a row, in order of creation."""
    table = _table("", "Standing", "Hypothesis")
    for each in listed:
        word = standing(each, testing)
        table.add_row(handles.of(each.hypothesis_id), Text(word, style=STYLES.get(word, "dim")), one_line(each.statement))
    return table if listed else Text("No hypotheses yet.")


def issues(listed: Sequence[Issue], handles: Handles, run_id: str) -> RenderableType:
    """The issues of the experiment, worst first; those that this analysis didn't find are marked."""
    table = _table("", "Severity", "Issue")
    for each in listed:
        settled = "" if each.status == "OPEN" else f" [{each.status}]"
        earlier = "" if each.source_run_id == run_id else " (of an earlier analysis)"
        text = f"{one_line(each.title)}: {each.counts}{settled}{earlier}"
        table.add_row(handles.of(each.issue_id), Text(each.severity, style=STYLES.get(each.severity, "")), Text(text))
    return table if listed else Text("No issues yet.")


def why(
    hypothesis: Hypothesis, handles: Handles, steps: Mapping[str, str], testing: Sequence[str], *, full: bool
) -> Iterator[RenderableType]:
    """One hypothesis whole: why it was stated, its plan, each step with its filter and count, its numbers, evidence, verdict."""
    word = standing(hypothesis, testing)
    yield Text.assemble(
        (handles.of(hypothesis.hypothesis_id), "bold"),
        "  ",
        (word, STYLES.get(word, "bold")),
        f"  {one_line(hypothesis.statement)}",
    )
    if hypothesis.rationale:
        yield below(hypothesis.rationale)
    yield _head("Plan")
    yield below(hypothesis.testing_plan)
    if steps:
        yield _head("Steps")
        for title, sql in steps.items():
            yield below(title)
            yield below(one_line(sql) if full else _cut(one_line(sql)), indent=4, style="dim")
    if hypothesis.blocked:
        yield _head("Not tested")
        yield below(hypothesis.blocked)
    if hypothesis.result:
        yield _head("Numbers")
        yield below("\n".join(numbers(hypothesis.result)))
    if hypothesis.evidence:
        yield _head("Evidence")
        yield from _evidence(hypothesis.evidence)
    if hypothesis.verdict:
        yield _head("Verdict")
        yield below(f"{hypothesis.verdict.status} by {hypothesis.verdict.by}: {hypothesis.verdict.reason}")
    elif hypothesis.tested and not hypothesis.dropped:
        yield below("The verdict comes when nothing waits to be tested: all tests of a batch are judged together.")
    if hypothesis.history:
        yield _head("History")
        yield below("\n".join(hypothesis.history), style="dim")


def numbers(result: TestResult) -> Iterator[str]:
    """What a test counted, with what it was counted from."""
    if result.affected is not None:
        groups = f"{result.clusters:,} independent groups ({result.cluster_key or 'trace'})"
        read = result.reads.read if result.reads else None
        yield f"{result.affected:,} of {read or result.population:,} traces{' read' if read else ''}, {groups}"
    for arm in result.arms:
        found = f"{arm.affected:,} of {arm.traces:,} traces affected" if arm.affected is not None else f"{arm.traces:,} traces"
        value = "" if arm.value is None else f", {percent(arm.value)}" if arm.affected is not None else f", {_figure(arm.value)}"
        yield f"{arm.title}: {found}{value}"
    if result.value is not None:
        interval = (
            f", {threshold(result.interval.level)} interval {_figure(result.interval.low)} to {_figure(result.interval.high)}"
            if result.interval
            else ""
        )
        yield f"estimate {_figure(result.value)}{interval}; threshold {_figure(result.threshold)}"
    if result.p_value is not None:
        yield f"p {result.p_value:.3g} before the error control"
    if result.cells_tested:
        yield f"{result.cells_tested:,} cells tested, {len(result.cells)} stand out before the error control"
    if not result.eligible:
        yield f"not enough data: {result.ineligible_because}"
    if result.query_ids:
        yield f"queries {', '.join(result.query_ids)}"


def issue(found: Issue, handles: Handles) -> Iterator[RenderableType]:
    """One issue whole."""
    yield Text.assemble(
        (handles.of(found.issue_id), "bold"),
        "  ",
        (str(found.severity), STYLES.get(found.severity, "bold")),
        f"  {one_line(found.title)}",
    )
    yield below(f"{found.counts}; {found.status}{f': {found.resolution}' if found.resolution else ''}")
    yield below(found.description)
    for aspect in found.aspects:
        yield below(f"Also shown of these traces: {aspect.title} ({aspect.counts}; {handles.of(aspect.hypothesis_id)})")
    yield below(f"Cause ({found.cause.standing}): {found.cause.text}")
    yield below(f"To do: {found.recommendation}")
    if found.severity_because:
        yield below(f"Severity: {found.severity_because}", style="dim")
    if found.hypothesis_id:
        yield below(f"Rests on {handles.of(found.hypothesis_id)}.", style="dim")
    yield from _evidence(found.evidence)


def census(counted: Census) -> RenderableType:
    """The figures of the whole, not of single segments."""
    whole = [each for each in counted.buckets if not each.segment][:CENSUS_FIGURES]
    table = _table("Figure", "Value", "Of")
    for each in whole:
        count = (
            f"{each.numerator:,} of {each.denominator:,}" if each.numerator is not None and each.denominator is not None else ""
        )
        table.add_row(
            each.name.replace("_", " "), bucket_value(each), count or (f"{each.denominator:,}" if each.denominator else "")
        )
    return table


def spend(analysis: Analysis) -> RenderableType:
    """What the analysis has cost so far."""
    spent = analysis.spend
    if not spent.calls:
        return Text(f"Nothing: the {analysis.analyst} analyst has asked no model.")
    usage = spent.usage
    money = "" if spent.usd is None else f", {spent.usd:,.4f} USD"
    given_up = f", {spent.given_up:,} given up" if spent.given_up else ""
    return Text(
        f"{spent.calls:,} calls of a model{given_up}, {usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out{money}, "
        f"{spent.seconds:,.0f} s"
    )


def trace(view: TraceView, *, full: bool) -> Iterator[RenderableType]:
    """A trace as the tree of its spans, with what went in and came out."""
    took = f"{view.execution_duration_ms / 1000:.1f} s" if view.execution_duration_ms is not None else "no duration"
    yield Text.assemble(
        (one_line(view.trace_id), "bold"),
        "  ",
        (view.state, _state_style(view.state)),
        f"  {view.request_time:%Y-%m-%d %H:%M:%S} UTC  {took}",
    )
    children: dict[str | None, list[SpanView]] = {}
    known = {span.span_id for span in view.spans}
    for span in view.spans:
        parent = span.parent_span_id if span.parent_span_id in known else None
        children.setdefault(parent, []).append(span)
    for root in children.get(None, []):
        tree = Tree(_span(root, full=full), guide_style="dim")
        _grow(tree, root, children, full=full)
        yield tree


def _grow(tree: Tree, parent: SpanView, children: Mapping[str | None, Sequence[SpanView]], *, full: bool) -> None:
    for span in children.get(parent.span_id, ()):
        _grow(tree.add(_span(span, full=full)), span, children, full=full)


def _span(span: SpanView, *, full: bool) -> RenderableType:
    took = "" if span.duration_ms is None else f"  {span.duration_ms:,.0f} ms"
    lines = Text.assemble((one_line(span.name), "bold"), (f"  {span.span_type}{took}", "dim"))
    if span.status_code == "ERROR":
        lines.append(f"  ERROR {one_line(span.status_message)[:SAID]}", style="red")
    for label, said in (("in ", span.inputs), ("out", span.outputs)):
        if said:
            lines.append(f"\n{label} ", style="dim")
            lines.append(printable(said) if full else _cut(one_line(said)))
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= SAID else f"{text[:SAID]}... ({len(text):,} characters)"


def _evidence(entries: Sequence[Evidence]) -> Iterator[RenderableType]:
    for each in entries[:EVIDENCE]:
        side = "for" if each.supports else "against"
        span = f" span {each.span_id}" if each.span_id else ""
        quoted = f' "{one_line(each.quote)}"' if each.quote else ""
        yield Padding(
            Text.assemble(
                (f"{side:<8}", "green" if each.supports else "yellow"),
                f"{one_line(each.trace_id)}{span}: {one_line(each.rationale)}{quoted}",
            ),
            (0, 2),
        )
    if len(entries) > EVIDENCE:
        yield below(f"... and {len(entries) - EVIDENCE} more in the memory", style="dim")


def bucket_value(bucket: Bucket) -> str:
    """A figure of the census with its unit."""
    if bucket.value is None:
        return "missing"
    return percent(bucket.value) if bucket.unit == "share" else f"{bucket.value:,.6g} {bucket.unit}".replace(" count", "")


def _figure(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else one_line(str(value))


def _state_style(state: str) -> str:
    return "green" if state == "OK" else "red"


def _head(text: str) -> RenderableType:
    return Text(f"  {text}", style="bold")


def below(text: str, *, indent: int = 2, style: str = "") -> RenderableType:
    """A text under its head: indented, wrapped, control characters escaped."""
    return Padding(Text(printable(text).rstrip(), style=style), (0, 0, 0, indent + 2), expand=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for place, title in enumerate(columns):
        last = place == len(columns) - 1
        table.add_column(title, no_wrap=not last, overflow="fold", ratio=1 if last else None, header_style="dim")
    return table
