"""The relations as they come out of raw rows."""

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tests.tools.traces.raw_rows import (
    START_MS,
    assessment,
    content,
    content_of,
    extracted,
    labels,
    root,
    span,
    trace,
    window,
)
from analyze_experiment.tests.tools.traces.shapes import RESPONSES
from analyze_experiment.tests.tools.traces.test_failures import ERRORS, LOOK_ALIKES
from analyze_experiment.tools.sql.relations import RELATIONS
from analyze_experiment.tools.traces.extract_statements import VERSION_KEYS

NS = START_MS * 10**6
ARROW = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
}


def test_columns_are_those_of_the_relations(tmp_path: Path) -> None:
    found = extracted(window(spans=[root()], assessments=[assessment("a")]), tmp_path)
    for relation in RELATIONS:
        schema = pq.read_schema(found.paths[relation.name])
        assert schema.names == [column.name for column in relation.columns]
        for column in relation.columns:
            field = schema.field(column.name)
            assert field.nullable, f"{relation.name}.{column.name} would be NOT NULL in some files only"
            if column.type.startswith("MAP"):
                assert pa.types.is_map(field.type)
            elif column.type.startswith("ARRAY"):
                names = [part.partition(":")[0] for part in column.type.removeprefix("ARRAY<STRUCT<").split(", ")]
                assert [child.name for child in field.type.value_type] == names
            else:
                assert field.type == ARROW[column.type], f"{relation.name}.{column.name}"


def test_same_window_gives_the_same_bytes(tmp_path: Path) -> None:
    raw = window(spans=[root(content=content(inputs={"question": "q"}, outputs="a")), span("t")], tags=labels(b="2", a="1"))
    first, second = (extracted(raw, tmp_path / name) for name in ("one", "two") if not (tmp_path / name).mkdir())
    assert {name: path.read_bytes() for name, path in first.paths.items()} == {
        name: path.read_bytes() for name, path in second.paths.items()
    }


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in extracted(window(), tmp_path).paths.values()} == {0o600}


def test_request_and_response_are_those_of_the_earliest_root(tmp_path: Path) -> None:
    spans = [
        span("inner", start_ns=NS - 5, content=content(inputs="no", outputs="no")),
        span("late", "AGENT", parent=None, start_ns=NS + 5, content=content(inputs="later", outputs="later")),
        root(content=content(inputs={"messages": [{"role": "user", "content": "Hi  THERE "}]}, outputs={"answer": "Hello"})),
    ]
    row = extracted(window(spans=spans), tmp_path).one("traces")
    assert row["request"] == '{"messages": [{"role": "user", "content": "Hi  THERE "}]}'
    assert (row["request_text"], row["request_chars"]) == ("Hi  THERE ", 10)
    assert (row["response"], row["response_text"], row["response_chars"]) == ('{"answer": "Hello"}', "Hello", 5)
    assert row["name"] == "root"


def test_same_question_in_another_spelling_has_the_same_hash(tmp_path: Path) -> None:
    texts = {"tr-1": "Hi  THERE ", "tr-2": "hi there", "tr-3": "hi you", "tr-4": ""}
    spans = [root(trace_id=name, content=content(inputs=text)) for name, text in texts.items()]
    found = extracted(window([trace(name) for name in texts], spans), tmp_path)
    hashes = [row["request_hash"] for row in found.all("traces")]
    assert hashes[0] == hashes[1] != hashes[2]
    assert hashes[3] is None


def test_missing_output_is_null_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    outputs = {"tr-1": content(inputs="q"), "tr-2": content(inputs="q", outputs=None), "tr-3": content(inputs="q", outputs="")}
    spans = [root(trace_id=name, content=text) for name, text in outputs.items()]
    found = extracted(window([trace(name) for name in outputs], spans), tmp_path)
    assert [(row["response"], row["response_text"]) for row in found.all("traces")] == [(None, None), (None, None), ('""', "")]


def test_counts_leave_the_root_out_of_errors(tmp_path: Path) -> None:
    spans = [
        root(status="ERROR"),
        span("a", status="ERROR"),
        span("b", content=content(outputs="Error: no")),
        span("c", "LLM"),
        span("d", "CHAT_MODEL", status="ERROR"),
        span("e", "RETRIEVER"),
    ]
    row = extracted(window(spans=spans), tmp_path).one("traces")
    counts = ("span_count", "error_span_count", "silent_error_count", "tool_call_count", "llm_call_count")
    assert [row[name] for name in counts] == [6, 2, 1, 2, 2]


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


def test_trace_fields_fall_back_on_metadata_of_older_clients(tmp_path: Path) -> None:
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    metadata = labels(
        mlflow__trace__session="s",
        mlflow__trace__user="end user",
        mlflow__user="developer",
        mlflow__trace__tokenUsage=json.dumps(usage),
        mlflow__trace__cost='{"total_cost": 0.25}',
    )
    raw = window(spans=[root()], metadata=metadata, tags=labels(mlflow__traceName="named"))
    row = extracted(raw, tmp_path).one("traces")
    assert [row[name] for name in ("name", "session_id", "user_id", "input_tokens", "output_tokens", "total_tokens", "cost")] == [
        "named",
        "s",
        "end user",
        5,
        2,
        7,
        0.25,
    ]


def test_columns_win_over_metadata(tmp_path: Path) -> None:
    columns: dict[str, object] = {
        "trace_name": "n",
        "session_id": "s",
        "input_tokens": 1,
        "output_tokens": 2,
        "total_tokens": 3,
        "total_cost": 0.5,
    }
    metadata = labels(
        mlflow__trace__session="no", mlflow__trace__tokenUsage='{"input_tokens": 9}', mlflow__trace__cost='{"total_cost": 9}'
    )
    row = extracted(window([{**trace(), **columns}], [root()], metadata=metadata), tmp_path).one("traces")
    assert [row[name] for name in ("name", "session_id", "input_tokens", "output_tokens", "total_tokens", "cost")] == list(
        columns.values()
    )


@pytest.mark.parametrize("key", VERSION_KEYS)
def test_version_is_found_under_each_of_its_names(key: str, tmp_path: Path) -> None:
    raw = window(metadata=[{"trace_id": "tr-1", "key": key, "value": "1.2"}])
    assert extracted(raw, tmp_path).one("traces")["version"] == "1.2"


def test_version_of_a_tag_wins_over_metadata_and_over_later_names(tmp_path: Path) -> None:
    raw = window(tags=labels(app__version="2", release="3"), metadata=labels(app__version="1", mlflow__modelId="m"))
    assert extracted(raw, tmp_path).one("traces")["version"] == "2"


def test_trace_without_spans_falls_back_on_metadata_unless_it_was_cut(tmp_path: Path) -> None:
    traces = [trace(name, request_preview="preview of it", response_preview="answer") for name in ("tr-1", "tr-2", "tr-3")]
    metadata = [
        *labels("tr-1", mlflow__traceInputs='{"question": "whole"}', mlflow__traceOutputs='"said"'),
        *labels("tr-2", mlflow__traceInputs='{"question": "cut of...', mlflow__traceOutputs='"cut of...'),
    ]
    found = extracted(window(traces, metadata=metadata), tmp_path).all("traces")
    assert [(row["request_text"], row["response_text"]) for row in found] == [
        ("whole", "said"),
        ("preview of it", "answer"),
        ("preview of it", "answer"),
    ]
    assert {(row["span_count"], str(row["spans"])) for row in found} == {(0, "[]")}


def test_trace_with_a_broken_span_stays_as_a_row_without_spans(tmp_path: Path) -> None:
    spans = [root(content=content(inputs="q")), span("t", content='{"attributes": {'), root(trace_id="tr-2")]
    found = extracted(window([trace(), trace("tr-2")], spans), tmp_path)
    assert [row["trace_id"] for row in found.all("spans")] == ["tr-2"]
    broken, sound = found.all("traces")
    for name in ("request", "span_count", "error_span_count", "silent_error_count", "tool_call_count", "llm_call_count", "spans"):
        assert broken[name] is None
    assert sound["span_count"] == 1
    assert [row["unreadable"] for row in found.all("index")] == [True, False]


def test_trace_that_the_source_could_not_read_is_unreadable(tmp_path: Path) -> None:
    found = extracted(window(unreadable=("tr-1",)), tmp_path)
    assert found.one("index", "unreadable") == {"unreadable": True}
    assert found.one("traces", "span_count") == {"span_count": None}


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


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        ("true", "true", 1.0),
        ("false", "false", 0.0),
        ("0.7", "0.7", 0.7),
        ("3", "3", 3.0),
        ('"good"', "good", None),
        ('"0.7"', "0.7", None),
        ('"null"', "null", None),
        ("null", None, None),
        ('["a"]', '["a"]', None),
        ("not JSON", "not JSON", None),
    ],
)
def test_value_of_an_assessment_as_text_and_number(value: str, text: str | None, number: float | None, tmp_path: Path) -> None:
    found = extracted(window(assessments=[assessment("a", value=value)]), tmp_path)
    assert found.one("assessments", "value, number") == {"value": text, "number": number}


def test_assessments_stand_with_their_trace_too(tmp_path: Path) -> None:
    given = [assessment("b", name="late", created_ms=START_MS + 1), assessment("a", name="early", rationale="why")]
    found = extracted(window(assessments=given), tmp_path).one("traces", "assessments")["assessments"]
    assert isinstance(found, list)
    assert [(part["name"], part["rationale"]) for part in found] == [("early", "why"), ("late", None)]


def test_excluded_trace_is_in_the_index_only(tmp_path: Path) -> None:
    raw = window([trace(excluded=1), trace("tr-2")], [root(trace_id="tr-2")], labels(a="b"), assessments=[assessment("a")])
    found = extracted(raw, tmp_path)
    assert [row["trace_id"] for row in found.all("traces")] == ["tr-2"]
    assert found.all("assessments") == []
    assert [(row["trace_id"], row["excluded"]) for row in found.all("index")] == [("tr-1", True), ("tr-2", False)]


def test_window_without_traces_gives_empty_relations(tmp_path: Path) -> None:
    found = extracted(window(traces=()), tmp_path)
    assert [found.all(relation.name) for relation in RELATIONS] == [[], [], []]
    assert found.fingerprint == ""
