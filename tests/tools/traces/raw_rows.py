"""Raw rows as a source gives them, made by hand, and the relations that are extracted from them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from analyze_experiment.tools.traces.extract import Extractor
from analyze_experiment.tools.traces.sources.base import (
    ASSESSMENT_SCHEMA,
    LABEL_SCHEMA,
    SPAN_MARK_SCHEMA,
    SPAN_SCHEMA,
    TRACE_ROW_SCHEMA,
    Headers,
    RawWindow,
)

Row = Mapping[str, object]
TRACE_SCHEMA = pa.schema([*TRACE_ROW_SCHEMA, ("excluded", pa.int64()), ("elsewhere", pa.int64())])
"""With the marks that a source adds to the rows of its table."""
START_MS = 1_767_225_600_000


def trace(trace_id: str = "tr-1", **values: object) -> Row:
    """A row of a trace."""
    base = {"experiment_id": "1", "timestamp_ms": START_MS, "execution_time_ms": 9, "status": "OK", "generation": 1}
    return {"trace_id": trace_id, "excluded": 0, "elsewhere": 0, **base, **values}


def span(span_id: str, kind: str = "TOOL", *, trace_id: str = "tr-1", parent: str | None = "root", **values: object) -> Row:
    """A row of a span with neither inputs nor outputs, unless `content` is given."""
    row = {"trace_id": trace_id, "span_id": span_id, "parent_span_id": parent, "name": span_id, "type": kind, "status": "OK"}
    return {**row, "start_ns": START_MS * 10**6, "end_ns": START_MS * 10**6 + 1_500_000, "content": content(), **values}


def root(**values: object) -> Row:
    """The root span of a trace."""
    return {**span("root", "AGENT", parent=None), **values}


def content(message: str = "", events: Sequence[Row] = (), **attributes: object) -> str:
    """A span's JSON: `inputs` and `outputs` as MLflow names them, other attributes as they are, values encoded twice."""
    names = {"inputs": "mlflow.spanInputs", "outputs": "mlflow.spanOutputs"}
    encoded = {names.get(name, name.replace("__", ".")): json.dumps(value) for name, value in attributes.items()}
    return content_of({"mlflow.traceRequestId": '"tr-1"', **encoded}, message, events)


def content_of(attributes: Mapping[str, str], message: str = "", events: Sequence[Row] = ()) -> str:
    """A span's JSON with these texts as attribute values."""
    status = {"code": "STATUS_CODE_OK", "message": message}
    return json.dumps({"name": "n", "status": status, "events": list(events), "attributes": attributes, "links": []})


def labels(trace_id: str = "tr-1", **values: str) -> list[Row]:
    """Rows of tags or metadata; `__` stands for a dot."""
    return [{"trace_id": trace_id, "key": key.replace("__", "."), "value": value} for key, value in values.items()]


def assessment(assessment_id: str, **values: object) -> Row:
    """A row of an assessment."""
    row = {"trace_id": "tr-1", "name": "good", "kind": "feedback", "value": "true", "source_type": "HUMAN", "source_id": "ann"}
    return {"assessment_id": assessment_id, **row, "created_ms": START_MS, "updated_ms": START_MS, **values}


def window(
    traces: Iterable[Row] = (trace(),),
    spans: Iterable[Row] = (),
    tags: Iterable[Row] = (),
    metadata: Iterable[Row] = (),
    assessments: Iterable[Row] = (),
    unreadable: tuple[str, ...] = (),
) -> RawWindow:
    """A window of these rows."""
    spans = list(spans)
    marks = [
        {"trace_id": name, "spans": count, "first_ns": 1, "last_ns": 2}
        for name, count in {str(row["trace_id"]): len(spans) for row in spans}.items()
    ]
    headers = Headers(
        traces=rows(traces, TRACE_SCHEMA),
        tags=rows(tags, LABEL_SCHEMA),
        metadata=rows(metadata, LABEL_SCHEMA),
        assessments=rows(assessments, ASSESSMENT_SCHEMA),
        span_marks=rows(marks, SPAN_MARK_SCHEMA),
    )
    return RawWindow(headers, rows(spans, SPAN_SCHEMA), unreadable)


def rows(values: Iterable[Row], schema: pa.Schema) -> pa.Table:
    """A table of these rows; what is left out is NULL."""
    return pa.Table.from_pylist([dict(value) for value in values], schema=schema)


@dataclass(frozen=True)
class Extracted:
    """The files of an extracted window."""

    paths: dict[str, Path]
    fingerprint: str

    def all(self, relation: str, columns: str = "*") -> list[dict[str, object]]:
        """The rows of a relation, in order of its trace and place."""
        order = {"traces": "trace_id", "spans": "trace_id, position", "assessments": "assessment_id", "index": "trace_id"}
        with duckdb.connect() as duck:
            rows = duck.sql(f"SELECT {columns} FROM read_parquet('{self.paths[relation]}') ORDER BY {order[relation]}")
            return rows.to_arrow_table().to_pylist()

    def one(self, relation: str, columns: str = "*") -> dict[str, object]:
        """The only row of a relation."""
        (row,) = self.all(relation, columns)
        return row


def extracted(raw: RawWindow, folder: Path) -> Extracted:
    """The relations of a window."""
    with Extractor() as extractor:
        fingerprint, paths = extractor.extract(raw, folder)
    return Extracted(paths, fingerprint)
