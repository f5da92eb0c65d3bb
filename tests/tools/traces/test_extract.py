"""The relations as they come out of raw rows."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tests.tools.census.test_flags import APOLOGIES, HEDGING, LOOK_ALIKES
from analyze_experiment.tests.tools.traces.raw_rows import (
    START_MS,
    assessment,
    content,
    extracted,
    labels,
    root,
    span,
    trace,
    window,
)
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


def test_rows_are_in_order_of_time_whatever_order_they_come_in(tmp_path: Path) -> None:
    times = {f"tr-{number:04}": START_MS + number * 7 % 1000 for number in range(1000)}
    traces = [trace(trace_id, timestamp_ms=ms) for trace_id, ms in times.items()]
    spans = [span(span_id, trace_id=trace_id) for trace_id in reversed(times) for span_id in ("b", "a")]
    found = extracted(window(traces, spans, tags=labels("tr-0001", env="x")), tmp_path)
    ids = {name: pq.read_table(found.paths[name], columns=["trace_id"]).column(0).to_pylist() for name in ("traces", "spans")}
    assert ids["traces"] == sorted(times, key=times.__getitem__)
    assert ids["spans"] == [trace_id for trace_id in ids["traces"] for _ in range(2)]


def test_spans_stand_by_start_and_at_the_same_time_by_parent_end_and_id(tmp_path: Path) -> None:
    late, never = span("z", start_ns=NS + 5, end_ns=NS + 9), span("n", end_ns=None)
    spans = [late, never, span("d"), span("c"), root(), span("e", end_ns=NS + 2_000_000)]
    orphans = [span("q", trace_id="tr-2", start_ns=NS + 1), span("p", trace_id="tr-2", parent="gone")]
    found = extracted(window([trace(), trace("tr-2")], [*orphans, *spans]), tmp_path)
    assert [row["span_id"] for row in found.all("spans", "span_id")] == ["root", "e", "c", "d", "n", "z", "p", "q"]
    assert [row["name"] for row in found.all("traces", "name")] == ["root", "p"]


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


def test_words_of_doubt_and_apologies_are_told_of_answers(tmp_path: Path) -> None:
    answers = (*HEDGING, *APOLOGIES, *LOOK_ALIKES, "Sorry, I'm not sure.", "", "  \n")
    spans = [root(trace_id=f"tr-{place:02}", content=content(inputs="q", outputs=text)) for place, text in enumerate(answers)]
    traces = [trace(f"tr-{place:02}") for place in range(len(answers))] + [trace("tr-none")]
    found = extracted(window(traces, spans), tmp_path).all("traces")
    doubt, apology, neither = (True, False), (False, True), (False, False)
    expected = [*[doubt] * 3, *[apology] * 3, *[neither] * 3, (True, True), *[(None, None)] * 3]
    assert [(row["hedges"], row["apologises"]) for row in found] == expected


def test_same_inputs_of_tools_have_the_same_hash(tmp_path: Path) -> None:
    same, other = content(inputs={"id": 1}), content(inputs={"id": 2})
    spans = [span("a", content=same), span("b", content=same), span("c", content=other), span("d", content=content(outputs=1))]
    hashes = [row["inputs_hash"] for row in extracted(window(spans=[*spans, root(content=same)]), tmp_path).all("spans")]
    assert len(set(hashes)) == 3
    assert hashes.count(None) == 2


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


def test_trace_that_the_source_could_not_read_is_unreadable(tmp_path: Path) -> None:
    found = extracted(window(unreadable=("tr-1",)), tmp_path)
    assert found.one("index", "unreadable") == {"unreadable": True}
    assert found.one("traces", "span_count") == {"span_count": None}


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
