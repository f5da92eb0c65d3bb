"""The rows of Databricks' view of traces, nested columns as JSON, made into those that MLflow's own database holds.

Imports nothing that a cluster's Python doesn't have: there the same is done beside the tables (`tools/traces/on_cluster.py`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .base import (
    ASSESSMENT_SCHEMA,
    LABEL_SCHEMA,
    OUR_SOURCE_ID,
    SPAN_MARK_SCHEMA,
    SPAN_SCHEMA,
    TRACE_ROW_SCHEMA,
    Headers,
    RawWindow,
)
from .client_rows import decoded, shortened, table
from .marks import having, marked

Row = Mapping[str, Any]

SCOPE = """SELECT *, unix_millis(request_time) AS ms FROM {view}
WHERE request_time >= timestamp_millis({first_ms}) AND request_time < timestamp_millis({last_ms} + 1)"""
HEADER_COLUMNS = """ms, trace_id, client_request_id, state, CAST(execution_duration_ms AS DOUBLE) AS duration_ms,
    to_json(tags) AS tags, to_json(trace_metadata) AS metadata, to_json(assessments) AS assessments, size(spans) AS spans,
    array_min(transform(spans, s -> s.start_time_unix_nano)) AS first_ns,
    array_max(transform(spans, s -> s.start_time_unix_nano)) AS last_ns"""
CONTENT = "to_json(spans) AS content"


@dataclass(frozen=True)
class TraceView:
    """The view of one experiment's traces."""

    location: str
    """Catalog, schema and table prefix, with dots."""
    experiment_id: str

    def scope(self, first_ms: int, last_ms: int) -> str:
        """The SELECT of the traces that began between two instants, both included."""
        name = ".".join(f"`{part}`" for part in f"{self.location}_trace_unified".split("."))
        return SCOPE.format(view=name, first_ms=max(first_ms, 0), last_ms=last_ms)

    def full(self, trace_id: str) -> str:
        """An id as MLflow writes it."""
        return trace_id if trace_id.startswith("trace:/") else f"trace:/{self.location}/{trace_id}"

    def short(self, trace_id: str) -> str:
        """An id as the view has it."""
        return trace_id.removeprefix(f"trace:/{self.location}/")

    def headers(self, rows: Iterable[Row]) -> Headers:
        """What is known of the traces of these rows, each with `HEADER_COLUMNS`, but their spans."""
        named: list[Row] = [{**row, "trace_id": self.full(row["trace_id"])} for row in rows]
        marks = ([row["trace_id"], row["spans"], row["first_ns"], row["last_ns"]] for row in named if (row["spans"] or 0) > 0)
        headers = Headers(
            traces=table([self._trace(row) for row in named], TRACE_ROW_SCHEMA),
            tags=table(labels(named, "tags"), LABEL_SCHEMA),
            metadata=table(labels(named, "metadata"), LABEL_SCHEMA),
            assessments=table((found for row in named for found in assessments(row)), ASSESSMENT_SCHEMA),
            span_marks=table(marks, SPAN_MARK_SCHEMA),
        )
        return marked(headers, ())

    def window(self, headers: Headers, rows: Iterable[Row]) -> RawWindow:
        """The traces of these headers with their spans, from rows with an id and `CONTENT`."""
        excluded = having(headers, "excluded")
        found = ((self.full(row["trace_id"]), row["content"]) for row in rows)
        held = table([row for trace_id, text in found if trace_id not in excluded for row in spans(trace_id, text)], SPAN_SCHEMA)
        announced = set(headers.span_marks.column("trace_id").to_pylist()) - excluded
        return RawWindow(headers, held, tuple(sorted(announced - set(held.column("trace_id").to_pylist()))))

    def _trace(self, row: Row) -> Sequence[object]:
        metadata = decoded(row["metadata"])
        values: Mapping[str, object] = {
            "trace_id": row["trace_id"],
            "experiment_id": self.experiment_id,
            "timestamp_ms": int(row["ms"]),
            "execution_time_ms": None if row["duration_ms"] is None else round(row["duration_ms"]),
            "status": row["state"],
            "client_request_id": row["client_request_id"],
            "session_id": metadata.get("mlflow.trace.session"),
            "generation": 0,
        }
        return [values.get(name) for name in TRACE_ROW_SCHEMA.names]


def labels(rows: Iterable[Row], column: str) -> Iterator[Sequence[object]]:
    """The entries of a map column."""
    return ((row["trace_id"], key, str(value)) for row in rows for key, value in decoded(row[column]).items())


def assessments(row: Row) -> Iterator[Sequence[object]]:
    """Feedback and expectations that are valid and not ours."""
    for given in listed(row["assessments"]):
        source, kind = given.get("source") or {}, "feedback" if given.get("feedback") else "expectation"
        said = given.get(kind)
        if said is None or given.get("valid") is False or source.get("source_id") == OUR_SOURCE_ID:
            continue
        value = said.get("value") if isinstance(said, dict) else said
        values: Mapping[str, object] = {
            "assessment_id": given.get("assessment_id"),
            "trace_id": row["trace_id"],
            "span_id": given.get("span_id"),
            "name": given.get("name") or given.get("assessment_name"),
            "kind": kind,
            "value": json.dumps(shortened(value), ensure_ascii=False),
            "created_ms": instant_ms(given.get("create_time")),
            "updated_ms": instant_ms(given.get("last_update_time")),
            "source_type": source.get("source_type"),
            "source_id": source.get("source_id"),
            "rationale": given.get("rationale"),
        }
        yield [values[name] for name in ASSESSMENT_SCHEMA.names]


def spans(trace_id: str, text: str | None) -> Iterator[Sequence[object]]:
    """The spans of a trace as MLflow's own database holds them."""
    for given in listed(text):
        attributes = {key: encoded(value) for key, value in (given.get("attributes") or {}).items()}
        status = given.get("status") or {}
        code = str(status.get("code") or "UNSET").removeprefix("STATUS_CODE_")
        content = {
            "name": given.get("name"),
            "events": [{**event, "attributes": event.get("attributes") or {}} for event in given.get("events") or ()],
            "status": {"code": f"STATUS_CODE_{code}", "message": status.get("message") or ""},
            "attributes": attributes,
        }
        values: Mapping[str, object] = {
            "trace_id": trace_id,
            "span_id": given.get("span_id"),
            "parent_span_id": given.get("parent_span_id") or None,
            "name": given.get("name"),
            "type": json.loads(attributes.get("mlflow.spanType", '"UNKNOWN"')),
            "status": code,
            "start_ns": given.get("start_time_unix_nano"),
            "end_ns": given.get("end_time_unix_nano"),
            "content": json.dumps(content, ensure_ascii=False),
        }
        yield [values.get(name) for name in SPAN_SCHEMA.names]


def encoded(value: object) -> str:
    """An attribute's value as the JSON text that MLflow keeps; one that is such a text already, as it is."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        with suppress(ValueError):
            json.loads(value)
            return value
    return json.dumps(value, ensure_ascii=False)


def listed(text: str | None) -> list[dict[str, Any]]:
    """A JSON list of objects; an empty one where there is none."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def instant_ms(text: object) -> int | None:
    """The milliseconds of an instant in ISO 8601; None where it is none."""
    with suppress(TypeError, ValueError):
        return round(datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp() * 1000)
    return None
