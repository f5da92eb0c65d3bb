"""Spans that a database doesn't hold (archived, or kept as an artifact), through MLflow's own API, trace by trace."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from ...tracking import QUIET
from .base import SPAN_SCHEMA

if TYPE_CHECKING:
    from mlflow.entities import Span


def read_spans(uri: str, trace_ids: Iterable[str]) -> tuple[pa.Table, tuple[str, ...]]:
    """The span rows of these traces, and the ids of those that couldn't be read: one bad trace is a result, not a failure."""
    wanted = list(trace_ids)
    if not wanted:
        return SPAN_SCHEMA.empty_table(), ()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # late: this is rare, and MLflow takes seconds to import
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=uri)
    rows: list[Mapping[str, object]] = []
    unreadable: list[str] = []
    for trace_id in wanted:
        try:
            found = list(span_rows(trace_id, client.get_trace(trace_id, display=False).data.spans))
        except (MlflowException, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError):
            found = []
        if not found:
            unreadable.append(trace_id)
        rows.extend(found)
    return pa.Table.from_pylist(rows, schema=SPAN_SCHEMA), tuple(unreadable)


def span_rows(trace_id: str, spans: Iterable["Span"]) -> Iterator[Mapping[str, object]]:
    """The rows as the database would hold them."""
    for span in spans:
        cost = span.llm_cost or {}
        yield {
            "trace_id": trace_id,
            "span_id": span.span_id,
            "parent_span_id": span.parent_id,
            "name": span.name,
            "type": span.span_type,
            "status": span.status.status_code.value,
            "start_ns": span.start_time_ns,
            "end_ns": span.end_time_ns,
            "total_cost": cost.get("total_cost"),
            "model_name": span.model_name,
            "model_provider": None,
            "content": json.dumps(span.to_dict(), ensure_ascii=False),
        }
