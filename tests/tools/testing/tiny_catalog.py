"""A catalog small enough to write by hand: traces and spans as objects, written as the Parquet files of a snapshot."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analyze_experiment.tests.tools.census.small_catalog import says
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.process import LocalEngine
from analyze_experiment.tools.sql.relations import ASSESSMENTS, SPANS, TRACES, Relation
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.traces.answers import APOLOGY, HEDGING

BEGINNING = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001  # the relations hold naive UTC
TYPES: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
    "MAP<STRING, STRING>": pa.map_(pa.string(), pa.string()),
}


@dataclass(frozen=True)
class TinySpan:
    """One span; what is left out is NULL."""

    name: str
    span_type: str = "TOOL"
    _: KW_ONLY
    inputs: object = None
    outputs: object = None
    error: str = ""
    """Why it failed: its status is ERROR then."""
    silent: str = ""
    """An error that it returned under status OK."""
    text: str | None = None
    """Its outputs as plain text."""
    output_tokens: int | None = None
    model: str | None = None
    duration_ms: float = 100.0
    at_once: bool = False
    """Whether it begins with the span before it, not after it."""
    attributes: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class TinyTrace:
    """One trace: a root AGENT span and the spans below it, one after the other."""

    trace_id: str
    request: str | None = "Where is my order?"
    response: str | None = "It is on its way and will arrive on Friday."
    _: KW_ONLY
    spans: tuple[TinySpan, ...] = ()
    state: str = "OK"
    session: str | None = None
    user: str | None = None
    version: str | None = None
    at_minute: float = 0.0
    duration_ms: int | None = 1000
    feedback: dict[str, object] = field(default_factory=dict[str, object])
    tags: dict[str, str] = field(default_factory=dict[str, str])


def write_catalog(folder: Path, traces: Sequence[TinyTrace]) -> Catalog:
    """Writes the relations, and `clusters` with each session, or each trace without one, as a cluster."""
    rows = {
        "traces": [_trace_row(trace) for trace in traces],
        "spans": [row for trace in traces for row in _span_rows(trace)],
        "assessments": [row for trace in traces for row in _assessment_rows(trace)],
    }
    files = {
        relation.name: (_write(folder, relation.name, rows[relation.name], schema_of(relation)),)
        for relation in (TRACES, SPANS, ASSESSMENTS)
    }
    files["clusters"] = (_write(folder, "clusters", _cluster_rows(traces), CLUSTERS),)
    until = BEGINNING.replace(tzinfo=UTC) + timedelta(days=365)
    return Catalog(experiment_id="1", files=files, since_ms=None, until_ms=int(until.timestamp() * 1000))


def open_service(catalog: Catalog) -> SqlService:
    """The real SQL service over a catalog; close it."""
    return SqlService(catalog, snapshot_digest="tiny", on_query=lambda record: None, engine=LocalEngine(memory_mb=512), workers=1)


CLUSTERS = pa.schema([("trace_id", pa.string()), ("cluster_id", pa.int64()), ("half", pa.string())])


def schema_of(relation: Relation) -> pa.Schema:
    """The Arrow schema of a relation, from its documented types."""
    return pa.schema([(column.name, _type(column.type)) for column in relation.columns])


def _type(text: str) -> pa.DataType:
    if text.startswith("ARRAY<STRUCT<"):
        fields = [part.split(": ") for part in text.removeprefix("ARRAY<STRUCT<").removesuffix(">>").split(", ")]
        return pa.list_(pa.struct([(name, TYPES[kind]) for name, kind in fields]))
    return TYPES[text]


def _write(folder: Path, name: str, rows: Sequence[dict[str, object]], schema: pa.Schema) -> str:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.Table.from_pylist([{key: row.get(key) for key in schema.names} for row in rows], schema=schema), path)
    return str(path)


def _trace_row(trace: TinyTrace) -> dict[str, object]:
    tools = [span for span in trace.spans if span.span_type == "TOOL"]
    normal = " ".join(re.findall(r"[a-z0-9]+", (trace.request or "").lower()))
    return {
        "trace_id": trace.trace_id,
        "experiment_id": "1",
        "name": "agent",
        "state": trace.state,
        "request_time": BEGINNING + timedelta(minutes=trace.at_minute),
        "execution_duration_ms": None if trace.state == "IN_PROGRESS" else trace.duration_ms,
        "session_id": trace.session,
        "user_id": trace.user,
        "version": trace.version,
        "request": json.dumps({"question": trace.request}),
        "response": None if trace.response is None else json.dumps(trace.response),
        "request_text": trace.request,
        "response_text": trace.response,
        "request_hash": hashlib.sha256(normal.encode()).hexdigest()[:16] if trace.request else None,
        "request_chars": None if trace.request is None else len(trace.request),
        "response_chars": None if trace.response is None else len(trace.response),
        "hedges": says(trace.response, HEDGING),
        "apologises": says(trace.response, APOLOGY),
        "span_count": len(trace.spans) + 1,
        "error_span_count": sum(1 for span in trace.spans if span.error),
        "silent_error_count": sum(1 for span in tools if span.silent),
        "tool_call_count": len(tools),
        "llm_call_count": sum(1 for span in trace.spans if span.span_type in {"LLM", "CHAT_MODEL"}),
        "tags": list(trace.tags.items()),
        "trace_metadata": [],
        "spans": [{key: row[key] for key in LIGHT} for row in _span_rows(trace)],
        "assessments": [
            {"name": row["name"], "kind": "feedback", "value": row["value"], "source_type": "HUMAN", "rationale": None}
            for row in _assessment_rows(trace)
        ],
    }


LIGHT = ("span_id", "parent_span_id", "name", "span_type", "status_code", "start_time", "duration_ms", "model", "silent_error")


def _span_rows(trace: TinyTrace) -> list[dict[str, object]]:
    began = BEGINNING + timedelta(minutes=trace.at_minute)
    root = TinySpan("agent", "AGENT", text=trace.response, duration_ms=float(trace.duration_ms or 0))
    rows, ended = [_span_row(trace.trace_id, 0, root, began)], began
    for position, span in enumerate(trace.spans, start=1):
        began = began if span.at_once else ended
        rows.append(_span_row(trace.trace_id, position, span, began))
        ended = began + timedelta(milliseconds=span.duration_ms)
    return rows


def _span_row(trace_id: str, position: int, span: TinySpan, start: datetime) -> dict[str, object]:
    text = span.text if span.text is not None else span.outputs if isinstance(span.outputs, str) else None
    return {
        "trace_id": trace_id,
        "span_id": f"{trace_id}-{position}",
        "parent_span_id": f"{trace_id}-0" if position else None,
        "position": position,
        "name": span.name,
        "span_type": span.span_type,
        "status_code": "ERROR" if span.error else "OK",
        "status_message": span.error or None,
        "silent_error": bool(span.silent) if span.span_type == "TOOL" else False,
        "error_text": span.error or span.silent or None,
        "start_time": start,
        "end_time": start + timedelta(milliseconds=span.duration_ms),
        "duration_ms": span.duration_ms,
        "model": span.model,
        "output_tokens": span.output_tokens,
        "inputs": None if span.inputs is None else json.dumps(span.inputs),
        "inputs_hash": json.dumps(span.inputs) if span.inputs is not None and span.span_type == "TOOL" else None,
        "outputs": json.dumps(span.silent) if span.silent else None if span.outputs is None else json.dumps(span.outputs),
        "output_text": text,
        "attributes": list(span.attributes.items()),
    }


def _assessment_rows(trace: TinyTrace) -> list[dict[str, object]]:
    return [
        {
            "assessment_id": f"{trace.trace_id}-{name}",
            "trace_id": trace.trace_id,
            "name": name,
            "kind": "feedback",
            "value": str(value).lower(),
            "number": float(value) if isinstance(value, bool | int | float) else None,
            "source_type": "HUMAN",
            "create_time": BEGINNING,
        }
        for name, value in trace.feedback.items()
    ]


def _cluster_rows(traces: Sequence[TinyTrace]) -> list[dict[str, object]]:
    keys = sorted({trace.session or trace.trace_id for trace in traces})
    return [
        {"trace_id": trace.trace_id, "cluster_id": place, "half": "confirmation" if place % 2 else "discovery"}
        for trace in traces
        for place in [keys.index(trace.session or trace.trace_id)]
    ]
