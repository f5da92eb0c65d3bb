"""Spans as an MLflow server sends them, read off its JSON.

MLflow's client makes a message of each value first, which takes it most of its time; the rows are the same (`api.span_rows`).
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .base import SPAN_SCHEMA

if TYPE_CHECKING:
    from mlflow.store.tracking.rest_store import RestStore

ENDPOINT = "/api/3.0/mlflow/traces/batchGet"
STATUS = "STATUS_CODE_"
FAILED = "STATUS_CODE_ERROR"


def served_rows(store: "RestStore", trace_ids: Sequence[str]) -> list[Sequence[object]]:
    """The span rows of some traces, in one request.

    Raises:
        MlflowException: The server refuses, or doesn't answer.
        LookupError: What it sends isn't spans as we know them; so are `TypeError`, `ValueError` and `AttributeError`.
    """
    from mlflow.utils.rest_utils import http_request, verify_rest_response

    answer = http_request(store.get_host_creds(), ENDPOINT, "GET", params={"trace_ids": list(trace_ids)})
    sent = json.loads(verify_rest_response(answer, ENDPOINT).text)
    rows = (row for trace in sent.get("traces", ()) for row in rows_of(trace))
    return [[row[name] for name in SPAN_SCHEMA.names] for row in rows]


def rows_of(trace: Mapping[str, Any]) -> Iterator[Mapping[str, object]]:
    """The rows of one trace as the database would hold them."""
    trace_id = trace["trace_info"]["trace_id"]
    for span in trace.get("spans", ()):
        attributes = values_of(span)
        code = span.get("status", {}).get("code", f"{STATUS}UNSET")
        start_ns, end_ns = int(span.get("start_time_unix_nano", 0)), int(span.get("end_time_unix_nano", 0))
        yield {
            "trace_id": trace_id,
            "span_id": _hex(span["span_id"]),
            "parent_span_id": _hex(span["parent_span_id"]) if span.get("parent_span_id") else None,
            "name": span.get("name", ""),
            "type": attributes.get("mlflow.spanType"),
            "status": code.removeprefix(STATUS),
            "start_ns": start_ns,
            "end_ns": end_ns,
            "total_cost": (attributes.get("mlflow.llm.cost") or {}).get("total_cost"),
            "model_name": attributes.get("mlflow.llm.model"),
            "model_provider": None,
            "content": json.dumps(
                {
                    "name": span.get("name", ""),
                    "events": [_event(event) for event in span.get("events", ())],
                    # Elsewhere a message has no meaning, and MLflow drops it.
                    "status": {"code": code, "message": span["status"].get("message", "") if code == FAILED else ""},
                    "attributes": {key: json.dumps(value, ensure_ascii=False) for key, value in attributes.items()},
                },
                ensure_ascii=False,
            ),
        }


def values_of(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span or an event."""
    return {each["key"]: value_of(each.get("value", {})) for each in holder.get("attributes", ())}


def value_of(given: Mapping[str, Any]) -> Any:
    """A value of OpenTelemetry's JSON; None where it has none.

    Raises:
        ValueError: It is of a kind that isn't known.
    """
    if not given:
        return None
    ((kind, value),) = given.items()
    match kind:
        case "string_value" | "bool_value":
            return value
        case "int_value":
            return int(value)
        case "double_value":
            return float(value)
        case "array_value":
            return [value_of(each) for each in value.get("values", ())]
        case "kvlist_value":
            return {each["key"]: value_of(each.get("value", {})) for each in value.get("values", ())}
        case _:
            raise ValueError(f"a value of kind {kind!r}")


def _event(event: Mapping[str, Any]) -> dict[str, object]:
    return {"name": event.get("name", ""), "time_unix_nano": int(event.get("time_unix_nano", 0)), "attributes": values_of(event)}


def _hex(text: str) -> str:
    return base64.b64decode(text, validate=True).hex()
