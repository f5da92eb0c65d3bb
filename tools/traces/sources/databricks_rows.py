"""The nested columns of Databricks' view of traces, as JSON, made into the rows that MLflow's own database holds."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from .base import ASSESSMENT_SCHEMA, OUR_SOURCE_ID, SPAN_SCHEMA
from .client_rows import decoded, shortened

Row = Mapping[str, Any]


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
