"""The relation of spans as it comes out of their JSON."""

from datetime import datetime
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.traces.raw_rows import (
    START_MS,
    content,
    content_of,
    extracted,
    root,
    span,
    trace,
    window,
)
from analyze_experiment.tests.tools.traces.shapes import REQUESTS, RESPONSES
from analyze_experiment.tests.tools.traces.test_failures import ERRORS, LOOK_ALIKES

NS = START_MS * 10**6


def test_light_spans_are_in_order_of_position(tmp_path: Path) -> None:
    spans = [span("c", start_ns=NS + 2), span("b", start_ns=NS, end_ns=NS + 9), span("a", start_ns=NS, end_ns=NS + 5), root()]
    found = extracted(window(spans=spans), tmp_path)
    assert [row["span_id"] for row in found.all("spans")] == ["root", "b", "a", "c"]
    light = found.one("traces", "spans")["spans"]
    assert isinstance(light, list)
    assert [part["span_id"] for part in light] == ["root", "b", "a", "c"]
    assert light[0] == {
        "span_id": "root",
        "parent_span_id": None,
        "name": "root",
        "span_type": "AGENT",
        "status_code": "OK",
        "start_time": datetime(2026, 1, 1),  # noqa: DTZ001  # the relations' times have no zone: they are UTC
        "duration_ms": 1.5,
        "model": None,
        "silent_error": False,
    }


def test_output_texts_are_the_same_in_sql_as_in_python(tmp_path: Path) -> None:
    shapes = [case for case in RESPONSES if case.payload is not None]
    spans = [
        span(f"{place:02}", content=content_of({"mlflow.spanOutputs": case.payload or ""}), start_ns=NS + place)
        for place, case in enumerate(shapes)
    ]
    found = extracted(window(spans=spans), tmp_path)
    assert [row["output_text"] for row in found.all("spans")] == [case.text for case in shapes]


def test_request_texts_are_the_same_in_sql_as_in_python(tmp_path: Path) -> None:
    shapes = [case for case in REQUESTS if case.payload is not None]
    ids = [f"tr-{place:02}" for place in range(len(shapes))]
    spans = [
        root(trace_id=trace_id, content=content_of({"mlflow.spanInputs": case.payload or ""}))
        for trace_id, case in zip(ids, shapes, strict=True)
    ]
    found = extracted(window(traces=[trace(trace_id) for trace_id in ids], spans=spans), tmp_path)
    assert [row["request_text"] for row in found.all("traces")] == [case.text for case in shapes]


@pytest.mark.parametrize(("outputs", "silent"), [(ERRORS, True), (LOOK_ALIKES, False)], ids=["errors", "look-alikes"])
def test_silent_errors_are_tool_outputs_that_read_as_errors(outputs: dict[str, object], silent: bool, tmp_path: Path) -> None:
    spans = [span(name, content=content(outputs=value)) for name, value in outputs.items()]
    found = extracted(window(spans=spans), tmp_path)
    assert {row["span_id"] for row in found.all("spans") if row["silent_error"] is not silent} == set()


def test_only_tools_fail_silently(tmp_path: Path) -> None:
    kinds = ["TOOL", "RETRIEVER", "FUNCTION", "CHAT_MODEL", "LLM", "AGENT", "CHAIN"]
    spans = [span(kind, kind, content=content(outputs="Error: no")) for kind in kinds]
    found = extracted(window(spans=[*spans, span("failed", status="ERROR", content=content(outputs="Error: no"))]), tmp_path)
    assert {row["span_id"] for row in found.all("spans") if row["silent_error"]} == {"TOOL", "RETRIEVER", "FUNCTION"}


def test_error_text_is_the_best_that_is_known(tmp_path: Path) -> None:
    event = {
        "name": "exception",
        "attributes": {"exception.type": "ValueError", "exception.message": "bad", "exception.stacktrace": "s"},
    }
    spans = [
        span("message", status="ERROR", content=content("ValueError: bad", [event])),
        span("event", status="ERROR", content=content("", [event])),
        span("output", status="ERROR", content=content(outputs="Error: said")),
        span("unknown", status="ERROR"),
        span("silent", content=content(outputs={"error": "quiet"})),
        span("long", content=content(outputs="Error: " + "x" * 3000)),
        span("fine", content=content(outputs="fine")),
    ]
    found = {str(row["span_id"]): row for row in extracted(window(spans=spans), tmp_path).all("spans")}
    texts = {name: row["error_text"] for name, row in found.items() if name != "long"}
    assert texts == {
        "message": "ValueError: bad",
        "event": "bad",
        "output": "Error: said",
        "unknown": "",
        "silent": "quiet",
        "fine": None,
    }
    assert len(str(found["long"]["error_text"])) == 2000
    assert (found["event"]["exception_type"], found["event"]["exception_message"]) == ("ValueError", "bad")
    assert [found[name]["status_message"] for name in ("message", "unknown", "fine")] == ["ValueError: bad", None, None]


def test_attributes_are_the_others_as_plain_text(tmp_path: Path) -> None:
    text = content(inputs="i", outputs="o", session__id="conv-1", turns=6, tools=["a"], flag=True, nothing=None)
    row = extracted(window(spans=[root(content=text)]), tmp_path).one("spans", "attributes")
    assert dict(row["attributes"]) == {  # pyright: ignore[reportArgumentType, reportCallIssue]
        "session.id": "conv-1",
        "turns": "6",
        "tools": '["a"]',
        "flag": "true",
        "nothing": "null",
    }


def test_model_tokens_and_cost_come_from_columns_first(tmp_path: Path) -> None:
    text = content(
        mlflow__llm__model="m-attribute",
        mlflow__llm__provider="p-attribute",
        mlflow__chat__tokenUsage={"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
        mlflow__llm__cost={"total_cost": 0.25},
    )
    spans = [
        span("column", "LLM", model_name="m", model_provider="p", total_cost=0.5, content=text),
        span("attribute", "LLM", content=text, start_ns=NS + 1),
    ]
    first, second = extracted(window(spans=spans), tmp_path).all("spans")
    assert [first[name] for name in ("model", "provider", "cost")] == ["m", "p", 0.5]
    assert [second[name] for name in ("model", "provider", "cost")] == ["m-attribute", "p-attribute", 0.25]
    assert [second[name] for name in ("input_tokens", "output_tokens", "total_tokens")] == [5, 2, 7]


def test_trace_with_a_broken_span_stays_as_a_row_without_spans(tmp_path: Path) -> None:
    spans = [root(content=content(inputs="q")), span("t", content='{"attributes": {'), root(trace_id="tr-2")]
    found = extracted(window([trace(), trace("tr-2")], spans), tmp_path)
    assert [row["trace_id"] for row in found.all("spans")] == ["tr-2"]
    broken, sound = found.all("traces")
    for name in ("request", "span_count", "error_span_count", "silent_error_count", "tool_call_count", "llm_call_count", "spans"):
        assert broken[name] is None
    assert sound["span_count"] == 1
    assert [row["unreadable"] for row in found.all("index")] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'{"attributes": {"mlflow.spanOutputs": "\"half \\ud83d here\""}}', "half ? here"),
        (r'{"attributes": {"mlflow.spanOutputs": "\"half \ud83d here\""}}', "half ? here"),
        (r'{"attributes": {"a": "1", "a": "2", "mlflow.spanOutputs": "\"fine\""}}', "fine"),
        (r'{"attributes": {"a": "1", "mlflow.spanOutputs": "\"nul \\u0000 in it\""}}', "nul \0 in it"),
        (r'{"attributes": {"a": NaN, "mlflow.spanOutputs": "[NaN]"}}', "[NaN]"),
        (r'{"attributes": null}', None),
    ],
)
def test_what_python_reads_and_duckdb_does_not_is_mended(text: str, said: str | None, tmp_path: Path) -> None:
    found = extracted(window(spans=[root(content=text)]), tmp_path)
    assert found.one("spans", "output_text") == {"output_text": said}
    assert found.one("index", "unreadable") == {"unreadable": False}
