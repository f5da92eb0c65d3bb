"""Traces as a person reads them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ....tools.insights.models import Issue
from ....tools.reporting.excerpts import spoken
from ....tools.traces.fields import field_values
from ....tools.traces.views import SpanView, TraceView
from ..previews import Preview

TRACE_HEAD = ("Trace ID", "State", "Time (UTC)", "ms", "Request", "Response")
PREVIEW_HEAD = ("Of", *TRACE_HEAD)
CELL = 60
"""Characters of a text in a table."""
WHOLE = 2000
"""Characters of a text on lines of its own; --output json has all of it."""


def trace_row(trace: TraceView) -> list[str]:
    """A trace as a list shows it."""
    duration = "" if trace.execution_duration_ms is None else f"{trace.execution_duration_ms:,}"
    texts = [_cut(spoken(text), CELL) for text in (trace.request, trace.response)]
    return [trace.trace_id, trace.state, f"{trace.request_time:%Y-%m-%d %H:%M:%S}", duration, *texts]


def trace_lines(trace: TraceView, link: str | None) -> Iterator[str]:
    """A trace in full: what was asked and answered, and its spans as a tree."""
    duration = "unfinished" if trace.execution_duration_ms is None else f"{trace.execution_duration_ms:,} ms"
    yield f"{trace.trace_id}: {trace.state}, {trace.request_time:%Y-%m-%d %H:%M:%S} UTC, {duration}"
    if link:
        yield link
    yield f"Request:   {_cut(trace.request, WHOLE)}"
    yield f"Response:  {_cut(trace.response, WHOLE)}"
    yield "Spans:"
    depths = _depths(trace.spans)
    for span in trace.spans:
        yield from _span_lines(span, "  " * (depths[span.span_id] + 1))


def field_lines(document: Mapping[str, Any], fields: Sequence[str]) -> Iterator[str]:
    """The fields of one trace, a line each, headed by its id where that isn't among them."""
    if "info.trace_id" not in fields:
        yield str(document["info"]["trace_id"])
    for path in fields:
        values = [each if isinstance(each, str) else json.dumps(each, default=str) for each in field_values(document, path)]
        yield f"  {path}: {_cut('; '.join(values), WHOLE)}"


def preview_document(preview: Preview) -> dict[str, Any]:
    """A hypothesis or issue with its traces, for a program."""
    subject = preview.subject.model_dump(mode="json")
    names = ("hypothesis_id", "issue_id", "statement", "title", "status", "severity", "dropped", "affected", "population")
    traces = [
        {
            "trace_id": each.trace_id,
            "status": each.state,
            "timestamp": each.request_time.isoformat(),
            "execution_time_ms": each.execution_duration_ms,
            "request": each.request,
            "response": each.response,
        }
        for each in preview.traces
    ]
    return {**{name: subject[name] for name in names if name in subject}, "traces": traces}


def preview_rows(preview: Preview) -> Iterator[list[str]]:
    """One row a trace, headed by the id of what it belongs to."""
    subject = preview.subject
    name = subject.issue_id if isinstance(subject, Issue) else subject.hypothesis_id
    return ([name, *trace_row(trace)] for trace in preview.traces)


def _depths(spans: Sequence[SpanView]) -> dict[str, int]:
    """How deep each span stands; one whose parent is missing stands at the top."""
    parents = {span.span_id: span.parent_span_id for span in spans}
    depths: dict[str, int] = {}
    for span in spans:
        seen, at = 0, span.parent_span_id
        while at in parents and seen < len(parents):
            seen, at = seen + 1, parents[at]
        depths[span.span_id] = seen
    return depths


def _span_lines(span: SpanView, indent: str) -> Iterator[str]:
    took = "unfinished" if span.duration_ms is None else f"{span.duration_ms:,.0f} ms"
    yield f"{indent}{span.name} [{span.span_type}] {span.status_code} {took} ({span.span_id})"
    for what, text in (("error", span.status_message), ("in", span.inputs), ("out", span.outputs)):
        if text:
            yield f"{indent}  {what}: {_cut(text, WHOLE)}"


def _cut(text: str, limit: int) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
