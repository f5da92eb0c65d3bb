"""MLflow's own objects as the rows that a database would hold of them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from ..columns import batch_of
from .base import ASSESSMENT_SCHEMA, LABEL_SCHEMA, OUR_SOURCE_ID, SPAN_MARK_SCHEMA, TRACE_ROW_SCHEMA, Headers, Key
from .marks import SIZE_STATS

if TYPE_CHECKING:
    from mlflow.entities import Assessment, TraceInfo

NAME = "mlflow.traceName"
SESSION = "mlflow.trace.session"
TOKENS = "mlflow.trace.tokenUsage"
COST = "mlflow.trace.cost"
IN_COLUMNS = frozenset({SESSION, TOKENS, COST})
"""Metadata that a database keeps in columns, and MLflow shows among the metadata."""


def headers_of(infos: "Sequence[TraceInfo]", experiment_id: str) -> Headers:
    """All that is known of traces but their spans; not yet marked."""
    tags = (label for info in infos for label in labels(info, info.tags, {NAME}))
    metadata = (label for info in infos for label in labels(info, info.trace_metadata, IN_COLUMNS))
    assessments = (row for info in infos for row in assessment_rows(info))
    return Headers(
        traces=table([trace_row(info, experiment_id) for info in infos], TRACE_ROW_SCHEMA),
        tags=table(tags, LABEL_SCHEMA),
        metadata=table(metadata, LABEL_SCHEMA),
        assessments=table(assessments, ASSESSMENT_SCHEMA),
        span_marks=table([], SPAN_MARK_SCHEMA),
    )


def key_of(info: "TraceInfo") -> Key:
    """Where a trace stands in its experiment."""
    return Key(int(info.request_time), str(info.trace_id))


def bytes_of(info: "TraceInfo") -> int:
    """What MLflow has counted of a trace's size; 0 where it hasn't."""
    counted = decoded(info.trace_metadata.get(SIZE_STATS)).get("total_size_bytes")
    return int(counted) if isinstance(counted, int | float) else 0


def trace_row(info: "TraceInfo", experiment_id: str) -> Sequence[object]:
    """The columns of a database, from what the client shows."""
    tokens, cost = (decoded(info.trace_metadata.get(name)) for name in (TOKENS, COST))
    values: Mapping[str, object] = {
        "trace_id": str(info.trace_id),
        "experiment_id": experiment_id,
        "timestamp_ms": info.request_time,
        "execution_time_ms": info.execution_duration,
        "status": info.state.value,
        "client_request_id": info.client_request_id,
        "request_preview": info.request_preview,
        "response_preview": info.response_preview,
        "trace_name": info.tags.get(NAME),
        "session_id": info.trace_metadata.get(SESSION),
        "input_tokens": tokens.get("input_tokens"),
        "output_tokens": tokens.get("output_tokens"),
        "total_tokens": tokens.get("total_tokens"),
        "total_cost": cost.get("total_cost"),
        "generation": 0,
    }
    return [values[name] for name in TRACE_ROW_SCHEMA.names]


def labels(info: "TraceInfo", values: Mapping[str, str], left_out: Iterable[str]) -> Iterator[Sequence[object]]:
    """Tags or metadata, without what has a column of its own."""
    return ((str(info.trace_id), key, value) for key, value in values.items() if key not in left_out)


def assessment_rows(info: "TraceInfo") -> Iterator[Sequence[object]]:
    """Feedback and expectations that are valid and not ours."""
    for given in info.assessments:
        kind = "feedback" if given.feedback else "expectation" if given.expectation else None
        source = given.source
        if kind is None or given.valid is False or source.source_id == OUR_SOURCE_ID:
            continue
        values: Mapping[str, object] = {
            "assessment_id": given.assessment_id,
            "trace_id": str(info.trace_id),
            "span_id": given.span_id,
            "name": given.name,
            "kind": kind,
            "value": json.dumps(shortened(value_of(given)), ensure_ascii=False),
            "created_ms": given.create_time_ms,
            "updated_ms": given.last_update_time_ms,
            "source_type": source.source_type,
            "source_id": source.source_id,
            "rationale": given.rationale,
        }
        yield [values[name] for name in ASSESSMENT_SCHEMA.names]


def value_of(given: "Assessment") -> object:
    """What an assessment says."""
    said = given.feedback or given.expectation
    return None if said is None else said.value


def shortened(value: object) -> object:
    """Whole numbers as such: what goes over the wire makes fractions of them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


def decoded(text: str | None) -> Mapping[str, object]:
    """A JSON object; an empty one where there is none."""
    try:
        value = json.loads(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def table(rows: Iterable[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Rows as a table."""
    return pa.Table.from_batches([batch_of(list(rows), schema)], schema)
