"""Writes a recorded trace as MLflow 3.17 keeps it in its tables."""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from .profile import PROVIDER
from .spans import Span, Trace

PREVIEW, METADATA = 1000, 250
"""Where MLflow cuts previews, and the copies of inputs and outputs in the metadata."""
EXPERIMENT_ID = 1
FEEDBACK = "user_feedback"
OWN_SIZE = 1100
"""Bytes of a trace without its spans, about."""

Row = dict[str, str | int | float | None]


class TraceRows(NamedTuple):
    """The rows of one trace, per table."""

    trace_info: list[Row]
    trace_tags: list[Row]
    trace_request_metadata: list[Row]
    spans: list[Row]
    assessments: list[Row]


def write_rows(trace: Trace, artifacts: str) -> TraceRows:
    """The rows of a trace; `artifacts` is the artifact location of its experiment."""
    unfinished = trace.story.turn.unfinished
    spans = [_span_row(trace, span) for span in trace.spans if not (unfinished and span is trace.root)]
    slot = trace.story.slot
    tags = {
        "mlflow.artifactLocation": f"{artifacts}/traces/{trace.trace_id}/artifacts",
        "mlflow.trace.spansLocation": "TRACKING_STORE",
        **trace.story.tags,
    }
    service = trace.profile.name
    metadata = {
        **{"mlflow.user": f"svc-{service}", "mlflow.source.name": f"{service}/serve.py", "mlflow.source.type": "LOCAL"},
        **({"mlflow.trace.user": slot.user.user_id} if trace.profile.with_users else {}),
        **{"mlflow.trace_schema.version": "3", "mlflow.trace.infoFinalized": "true"},
        "mlflow.traceInputs": _cut(trace.root.inputs, METADATA),
        "mlflow.traceOutputs": _cut(trace.root.outputs or "", METADATA),
        **_sizes([len(str(row["content"]).encode()) for row in spans]),
    }
    return TraceRows(
        [_info_row(trace)],
        [{"request_id": trace.trace_id, "key": key, "value": value} for key, value in tags.items()],
        [{"request_id": trace.trace_id, "key": key, "value": value} for key, value in metadata.items()],
        spans,
        _assessment_rows(trace),
    )


def _info_row(trace: Trace) -> Row:
    root, usages = trace.root, [span.usage for span in trace.spans if span.usage]
    input_tokens, output_tokens = sum(usage.input_tokens for usage in usages), sum(usage.output_tokens for usage in usages)
    input_cost, output_cost = sum(usage.input_cost for usage in usages), sum(usage.output_cost for usage in usages)
    counted = {"input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": input_tokens + output_tokens}
    paid = {"input_cost": input_cost, "output_cost": output_cost, "total_cost": input_cost + output_cost}
    return {
        **{"request_id": trace.trace_id, "experiment_id": EXPERIMENT_ID, "timestamp_ms": root.start_ns // 1_000_000},
        **{"execution_time_ms": (root.end_ns - root.start_ns) // 1_000_000, "status": "ERROR" if root.failure else "OK"},
        **({"execution_time_ms": None, "status": "IN_PROGRESS"} if trace.story.turn.unfinished else {}),
        **{"client_request_id": f"req-{trace.trace_id[3:15]}", "request_preview": _cut(trace.story.turn.request, PREVIEW)},
        **{"response_preview": root.outputs and _cut(root.outputs, PREVIEW), "db_payload_generation": 2},
        **{"trace_name": root.name, "session_id": session_id(trace) if trace.profile.with_users else None},
        **(counted if usages else dict.fromkeys(counted)),
        **(paid if usages else dict.fromkeys(paid)),
    }


def session_id(trace: Trace) -> str:
    """The conversation's id."""
    slot = trace.story.slot
    return f"conv-{hashlib.sha256(f'{slot.session}/{slot.user.user_id}'.encode()).hexdigest()[:12]}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _sizes(sizes: Sequence[int]) -> dict[str, str]:
    ordered = sorted(sizes)
    total = sum(ordered) + OWN_SIZE + 2 * (len(ordered) - 1)
    quartiles = {f"p{percent}": int(_quantile(ordered, percent / 100)) for percent in (25, 50, 75)}
    stats = {"total_size_bytes": total, "num_spans": len(ordered), "max": ordered[-1], **quartiles}
    return {"mlflow.trace.sizeBytes": str(total), "mlflow.trace.sizeStats": json.dumps(stats)}


def _quantile(ordered: Sequence[int], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _span_row(trace: Trace, span: Span) -> Row:
    usage = span.usage
    return {
        **{"trace_id": trace.trace_id, "experiment_id": EXPERIMENT_ID, "span_id": span.span_id, "parent_span_id": span.parent_id},
        **{"name": span.name, "type": span.kind, "status": "ERROR" if span.failure else "OK"},
        **{"start_time_unix_nano": span.start_ns, "end_time_unix_nano": span.end_ns, "content": _content(trace, span)},
        "input_cost": usage.input_cost if usage else None,
        "output_cost": usage.output_cost if usage else None,
        "total_cost": usage.input_cost + usage.output_cost if usage else None,
        "model_name": span.model or None,
        "model_provider": PROVIDER if span.model else None,
    }


def _content(trace: Trace, span: Span) -> str:
    ids = {"trace_id": _base64(trace.trace_id[3:]), "span_id": _base64(span.span_id)}
    status = {"code": "STATUS_CODE_OK", "message": ""}
    if span.failure:
        status = {"code": "STATUS_CODE_ERROR", "message": f"{span.failure.kind}: {span.failure.message}"}
    content = {
        **{**ids, "parent_span_id": _base64(span.parent_id) if span.parent_id else None, "name": span.name},
        **{"start_time_unix_nano": span.start_ns, "end_time_unix_nano": span.end_ns},
        **{
            "events": _events(span, trace.profile.name),
            "status": status,
            "attributes": _attributes(trace, span),
            "links": list[str](),
        },
    }
    return json.dumps(content, ensure_ascii=False)


def _attributes(trace: Trace, span: Span) -> dict[str, str]:
    """Each value is JSON in a string."""
    attributes = {
        "mlflow.traceRequestId": json.dumps(trace.trace_id),
        "mlflow.spanType": json.dumps(span.kind),
        "mlflow.spanInputs": span.inputs,
    }
    if span.model:
        attributes["mlflow.chat.tools"] = trace.profile.declared
        attributes |= {"mlflow.llm.model": json.dumps(span.model), "mlflow.llm.provider": json.dumps(PROVIDER)}
    if span.usage:
        usage = span.usage
        counted = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
        paid = {"input_cost": usage.input_cost, "output_cost": usage.output_cost}
        attributes["mlflow.chat.tokenUsage"] = json.dumps({**counted, "total_tokens": sum(counted.values())})
        attributes["mlflow.llm.cost"] = json.dumps({**paid, "total_cost": sum(paid.values())})
    if span.outputs is not None:
        attributes["mlflow.spanOutputs"] = span.outputs
    return {**attributes, "mlflow.spanLogLevel": "40" if span.failure else "20"}


def _events(span: Span, service: str) -> list[dict[str, object]]:
    if span.failure is None:
        return []
    kind, text, source = span.failure
    place = f'  File "/srv/{service}/{source.replace(".", "/")}.py", line {len(text) + 40}, in call'
    trail = f"Traceback (most recent call last):\n{place}\n"
    attributes = {"exception.message": text, "exception.type": kind, "exception.stacktrace": f"{trail}{kind}: {text}"}
    return [{"name": "exception", "time_unix_nano": span.end_ns - 200_000, "attributes": attributes}]


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _assessment_rows(trace: Trace) -> list[Row]:
    feedback, slot = trace.story.feedback, trace.story.slot
    if feedback is None:
        return []
    given = trace.root.end_ns // 1_000_000 + feedback.after_ms
    number = hashlib.sha256(f"{trace.trace_id}/{FEEDBACK}".encode()).hexdigest()[:32]
    return [
        {
            **{"assessment_id": f"a-{number}", "trace_id": trace.trace_id, "name": FEEDBACK, "assessment_type": "feedback"},
            **{"value": json.dumps(feedback.up), "created_timestamp": given, "last_updated_timestamp": given},
            **{"source_type": "HUMAN", "source_id": slot.user.user_id, "rationale": feedback.rationale, "valid": 1},
            **{"experiment_id": EXPERIMENT_ID, "trace_timestamp_ms": trace.root.start_ns // 1_000_000},
            **{"aggregate_value": float(feedback.up), "is_numeric_value": 0},
        }
    ]
