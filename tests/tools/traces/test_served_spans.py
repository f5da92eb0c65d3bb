"""Spans off a server's JSON: the rows that MLflow's own reading of the same JSON gives."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from analyze_experiment.tools.traces.sources.api import span_rows
from analyze_experiment.tools.traces.sources.served import rows_of
from analyze_experiment.tools.tracking import import_mlflow

TRACE_ID, SPAN_ID, PARENT_ID = (
    base64.b64encode(bytes([0, number] * length)).decode() for number, length in ((7, 8), (1, 4), (2, 4))
)
Json = dict[str, Any]


def text(value: str) -> Json:
    return {"string_value": value}


def listed(**values: Json) -> list[Json]:
    return [{"key": key.replace("__", "."), "value": value} for key, value in values.items()]


INPUTS = {
    "kvlist_value": {
        "values": listed(
            question=text('Wo ist "17"?\n'),
            count={"int_value": "12"},
            share={"double_value": 1.0},
            lost={"double_value": "NaN"},
            urgent={"bool_value": False},
            nothing={},
            none={"kvlist_value": {}},
            tags={"array_value": {"values": [text("ü"), {}, {"array_value": {}}]}},
        )
    }
}
COST = {"kvlist_value": {"values": listed(input_cost={"double_value": 0.5}, total_cost={"double_value": 0.75})}}
EXCEPTION = {
    "name": "exception",
    "time_unix_nano": 1772442000000000500,
    "attributes": listed(exception__type=text("TimeoutError"), exception__message=text("30 s")),
}
SPANS: dict[str, Json] = {
    "a call that failed, with values of every kind": {
        "parent_span_id": PARENT_ID,
        "name": "search",
        "start_time_unix_nano": 1772442000000000000,
        "end_time_unix_nano": "1772442001000000001",
        "attributes": listed(
            mlflow__spanType=text("TOOL"),
            mlflow__spanInputs=INPUTS,
            mlflow__llm__model=text("larch-2"),
            mlflow__llm__cost=COST,
            plain=text("7"),
        ),
        "events": [EXCEPTION, {"name": "empty"}],
        "status": {"code": "STATUS_CODE_ERROR", "message": "timed out"},
    },
    "a root that said what nobody keeps": {
        "name": "agent",
        "start_time_unix_nano": 1,
        "end_time_unix_nano": 2,
        "status": {"code": "STATUS_CODE_OK", "message": "fine"},
    },
    "one that never ended": {"name": "", "start_time_unix_nano": 1},
}


@pytest.mark.filterwarnings("ignore")  # OpenTelemetry says that it drops the message of what didn't fail
@pytest.mark.parametrize("given", SPANS.values(), ids=SPANS.keys())
def test_rows_are_those_of_mlflows_own_reading(given: Json) -> None:
    import_mlflow()
    from google.protobuf.json_format import ParseDict
    from mlflow.entities import Span
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

    span = {"trace_id": TRACE_ID, "span_id": SPAN_ID, **given}
    (theirs,) = span_rows("tr-1", [Span.from_otel_proto(ParseDict(span, Message()))])
    (ours,) = rows_of({"trace_info": {"trace_id": "tr-1"}, "spans": [span]})
    assert opened(ours) == opened(theirs)


def opened(row: Mapping[str, object]) -> Json:
    """A row, what is read of its content decoded; the id that MLflow makes up for itself left out."""
    content = json.loads(str(row["content"]))
    content["attributes"].pop("mlflow.traceRequestId", None)
    return {**row, "content": str({name: content[name] for name in ("name", "events", "status", "attributes")})}


def test_value_of_a_kind_that_is_not_known_is_left_to_mlflow() -> None:
    with pytest.raises(ValueError, match="bytes_value"):
        list(
            rows_of(
                {"trace_info": {"trace_id": "tr-1"}, "spans": [{"span_id": SPAN_ID, "attributes": listed(a={"bytes_value": ""})}]}
            )
        )
