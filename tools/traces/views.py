"""One trace and its spans as they are shown, made of MLflow's own objects."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import Span, Trace, TraceInfo

MODEL_TYPES = frozenset({"LLM", "CHAT_MODEL"})
"""Types of spans that are a call of a model."""
UNDECODABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What MLflow raises for a span whose stored JSON isn't a span's."""


@dataclass(frozen=True)
class SpanView:
    """One span as it is shown; inputs and outputs are whole, as JSON."""

    span_id: str
    parent_span_id: str | None
    name: str
    span_type: str
    status_code: str
    status_message: str
    start_time: datetime
    duration_ms: float | None
    """None where the span never ended."""
    inputs: str | None
    outputs: str | None


@dataclass(frozen=True)
class TraceView:
    """One trace as it is shown, its spans in order of their start."""

    trace_id: str
    state: str
    request_time: datetime
    execution_duration_ms: int | None
    request: str
    """The root span's inputs, whole, as JSON; MLflow's preview where the spans can't be read."""
    response: str
    spans: tuple[SpanView, ...]
    """Empty where they can't be read, or weren't asked for."""
    _source: "Trace | TraceInfo | None" = field(default=None, repr=False, compare=False)

    @property
    def document(self) -> dict[str, Any]:
        """The trace as MLflow writes it as JSON: `info`, and `data` with the spans where they were read."""
        written: dict[str, Any] = self._source.to_dict() if self._source is not None else {}
        return written if self.spans else {"info": written}


def whole_view(trace: "Trace") -> TraceView | None:
    """The view of a trace; None where what is stored of its spans can't be decoded."""
    try:
        spans = tuple(sorted((_span(span) for span in trace.data.spans), key=_in_order))
    except UNDECODABLE:
        return None
    if not spans:
        return None
    # The first in order is the root; of a trace that lost its root, the span that began first.
    request, response = spans[0].inputs or "", spans[0].outputs or ""
    return _trace_view(trace.info, request=request, response=response, spans=spans, source=trace)


def preview(info: "TraceInfo") -> TraceView:
    """The view of a trace whose spans aren't read: MLflow's previews, which it cuts."""
    return _trace_view(info, request=info.request_preview or "", response=info.response_preview or "", spans=(), source=info)


def _trace_view(
    info: "TraceInfo", *, request: str, response: str, spans: tuple[SpanView, ...], source: "Trace | TraceInfo"
) -> TraceView:
    duration: int | None = info.execution_duration
    return TraceView(
        trace_id=str(info.trace_id),
        state=str(info.state.value),
        request_time=datetime.fromtimestamp(info.request_time / 1000, UTC),
        execution_duration_ms=duration,
        request=request,
        response=response,
        spans=spans,
        _source=source,
    )


def _span(span: "Span") -> SpanView:
    ended: int | None = span.end_time_ns
    return SpanView(
        span_id=str(span.span_id),
        parent_span_id=span.parent_id,
        name=str(span.name),
        span_type=str(span.span_type or ""),
        status_code=str(span.status.status_code.value),
        status_message=str(span.status.description or ""),
        start_time=datetime.fromtimestamp(span.start_time_ns / 1e9, UTC),
        duration_ms=(ended - span.start_time_ns) / 1e6 if ended is not None else None,
        inputs=_json(span.inputs),
        outputs=_json(span.outputs),
    )


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _in_order(span: SpanView) -> tuple[bool, datetime, str]:
    return (span.parent_span_id is not None, span.start_time, span.span_id)
