"""Small hand-made relations, as Parquet files that an engine can open: what isn't given is NULL."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analyze_experiment.tools.insights.models import SnapshotRecord
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.relations import ASSESSMENTS, LIGHT_SPAN, SPANS, TRACES, Relation
from analyze_experiment.tools.traces.answers import APOLOGY, HEDGING

BEGINNING = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001  # a Monday; the relations' times are naive UTC
SCALARS = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
    "MAP<STRING, STRING>": pa.map_(pa.string(), pa.string()),
}


@dataclass(frozen=True)
class Span:
    """One span; failing where `error` or `silent` says so."""

    name: str
    _: KW_ONLY
    kind: str = "TOOL"
    error: str | None = None
    silent: str | None = None
    ms: float | None = 100.0
    model: str | None = None
    provider: str | None = None
    tokens: int | None = None
    inputs: str | None = None
    parent: str = "root"
    """`root`, or the name of an earlier span of the trace."""


@dataclass(frozen=True)
class Trace:
    """One trace, with a root span where it has any."""

    state: str = "OK"
    ms: int | None = 1000
    spans: tuple[Span, ...] = ()
    _: KW_ONLY
    root: bool = True
    root_error: str | None = None
    request: str | None = "Where is my order?"
    response: str | None = "It has been shipped, and it will arrive on Friday or Saturday."
    at: timedelta | None = None
    """After the beginning; a minute after the trace before where not given."""
    session: str | None = None
    user: str | None = None
    version: str | None = None
    tokens: int | None = None
    cost: float | None = None
    feedback: tuple[tuple[str, str, float | None], ...] = ()
    """(name, value, number)"""
    expectations: tuple[str, ...] = ()


@dataclass
class Rows:
    """Rows of the relations."""

    traces: list[dict[str, object]] = field(default_factory=list)
    spans: list[dict[str, object]] = field(default_factory=list)
    assessments: list[dict[str, object]] = field(default_factory=list)


def write_catalog(folder: Path, traces: Sequence[Trace], *, backwards: bool = False) -> tuple[Catalog, SnapshotRecord]:
    """Writes the relations; trace ids are `tr-000`, `tr-001`, ... in the order given, the rows too, or the other way round."""
    rows = Rows()
    for number, trace in enumerate(traces):
        _add(rows, f"tr-{number:03}", trace, BEGINNING + (trace.at if trace.at is not None else timedelta(minutes=number)))
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, tuple[str, ...]] = {}
    for relation, values in ((TRACES, rows.traces), (SPANS, rows.spans), (ASSESSMENTS, rows.assessments)):
        path = folder / f"{relation.name}.parquet"
        ordered = values[::-1] if backwards else values
        pq.write_table(pa.Table.from_pylist(ordered, schema=arrow_schema(relation)), path)
        files[relation.name] = (str(path),)
    record = SnapshotRecord(
        instant=datetime(2026, 4, 1, tzinfo=UTC),
        traces=len(rows.traces),
        spans=len(rows.spans),
        assessments=len(rows.assessments),
        excluded=0,
        unreadable=0,
        first_trace=None,
        last_trace=None,
        digest="0" * 16,
        partitions={},
    )
    return Catalog(experiment_id="1", files=files, since_ms=None, until_ms=4_102_444_800_000), record


def arrow_schema(relation: Relation) -> object:
    """The Parquet schema of a relation."""
    return pa.schema([(column.name, _arrow(column.type)) for column in relation.columns])


def _arrow(text: str) -> object:
    if text in SCALARS:
        return SCALARS[text]
    assert text.startswith("ARRAY<STRUCT<"), text
    fields = (part.split(": ") for part in text.removeprefix("ARRAY<STRUCT<").removesuffix(">>").split(", "))
    return pa.list_(pa.struct([(name, SCALARS[kind]) for name, kind in fields]))


def _add(rows: Rows, trace_id: str, trace: Trace, start: datetime) -> None:
    spans = _spans(trace_id, trace, start)
    rows.spans += spans
    rows.traces.append({"trace_id": trace_id, "request_time": start, **_trace(trace), **_counts(spans)})
    assessed = [("feedback", *each) for each in trace.feedback] + [
        ("expectation", name, "x", None) for name in trace.expectations
    ]
    given: list[dict[str, object]] = [
        {
            "assessment_id": f"{trace_id}-{place}",
            "trace_id": trace_id,
            "name": name,
            "kind": kind,
            "value": value,
            "number": number,
        }
        for place, (kind, name, value, number) in enumerate(assessed)
    ]
    rows.traces[-1]["assessments"] = [{key: each[key] for key in ("name", "kind", "value")} for each in given]
    rows.assessments += given


def _trace(trace: Trace) -> dict[str, object]:
    return {
        "experiment_id": "1",
        "name": "agent",
        "state": trace.state,
        "execution_duration_ms": trace.ms,
        "session_id": trace.session,
        "user_id": trace.user,
        "version": trace.version,
        "request_text": trace.request,
        "response_text": trace.response,
        "request_hash": (trace.request or "").lower().strip() or None,
        "request_chars": None if trace.request is None else len(trace.request),
        "response_chars": None if trace.response is None else len(trace.response),
        "hedges": says(trace.response, HEDGING),
        "apologises": says(trace.response, APOLOGY),
        "total_tokens": trace.tokens,
        "cost": trace.cost,
        "tags": [],
        "trace_metadata": [],
    }


def _counts(spans: list[dict[str, object]]) -> dict[str, object]:
    kinds = Counter(str(span["span_type"]) for span in spans)
    return {
        "span_count": len(spans),
        "error_span_count": sum(span["status_code"] == "ERROR" and span["parent_span_id"] is not None for span in spans),
        "silent_error_count": sum(span["silent_error"] is True for span in spans),
        "tool_call_count": kinds["TOOL"],
        "llm_call_count": kinds["LLM"] + kinds["CHAT_MODEL"],
        "spans": [{name: span[name] for name in light_columns()} for span in spans],
    }


def says(answer: str | None, pattern: str) -> bool | None:
    """Whether an answer has something that matches; None where nothing is to be read in it."""
    return bool(re.search(pattern, answer)) if answer and answer.strip() else None


def light_columns() -> list[str]:
    """The fields of a trace's own list of spans."""
    return [part.split(": ")[0] for part in LIGHT_SPAN.removeprefix("ARRAY<STRUCT<").removesuffix(">>").split(", ")]


def _spans(trace_id: str, trace: Trace, start: datetime) -> list[dict[str, object]]:
    if not trace.root:
        return []
    root = Span("agent", kind="AGENT", error=trace.root_error, ms=None if trace.ms is None else float(trace.ms), parent="")
    ids: dict[str, str] = {}
    made: list[dict[str, object]] = []
    for position, span in enumerate((root, *trace.spans)):
        span_id = f"{trace_id}-{position}"
        ids[span.name if position else "root"] = span_id
        made.append(
            {
                "trace_id": trace_id,
                "span_id": span_id,
                "parent_span_id": ids[span.parent] if span.parent else None,
                "position": position,
                "name": span.name,
                "span_type": span.kind,
                "status_code": "ERROR" if span.error is not None else "OK",
                "status_message": span.error,
                "silent_error": span.silent is not None,
                "error_text": span.error if span.error is not None else span.silent,
                "start_time": start + timedelta(milliseconds=position),
                "duration_ms": span.ms,
                "model": span.model,
                "provider": span.provider,
                "total_tokens": span.tokens,
                "inputs": span.inputs,
                "inputs_hash": span.inputs if span.kind == "TOOL" else None,
                "attributes": [],
            }
        )
    return made
