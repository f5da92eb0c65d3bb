"""Rows that are written straight have the shape of those that MLflow writes itself."""

import json
import sqlite3
import warnings
from contextlib import closing
from typing import Any

import pytest

from analyze_experiment.evals.planted.agents import AGENTS
from analyze_experiment.evals.planted.build import tell
from analyze_experiment.evals.planted.conditions import Conditions
from analyze_experiment.evals.planted.ledger import Ledger
from analyze_experiment.evals.planted.rows import Row, TraceRows

ENVIRONMENT = "mlflow.source.git."
"""Metadata that MLflow adds where the program runs in a repository."""

TOOLS: Any = [{"type": "function", "function": {"name": "look"}}]


@pytest.fixture
def logged(empty_store: str) -> dict[str, list[Row]]:
    """The rows of one trace that was logged through MLflow: an agent, a model, a tool that fails, feedback."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
        from mlflow.entities import AssessmentSource
        from mlflow.tracing import set_span_chat_tools

        mlflow.set_tracking_uri(empty_store)
        try:
            with mlflow.start_span("agent", span_type="AGENT") as root:
                mlflow.update_current_trace(
                    tags={"version": "1", "locale": "en-GB", "channel": "web"},
                    metadata={"mlflow.trace.session": "s", "mlflow.trace.user": "u"},
                    client_request_id="r",
                )
                root.set_inputs({"messages": [{"role": "user", "content": "Hallo Zoë"}]})
                with mlflow.start_span("model", span_type="CHAT_MODEL") as span:
                    span.set_inputs({"messages": []})
                    set_span_chat_tools(span, TOOLS)
                    span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})
                    span.set_attribute("mlflow.llm.model", "m")
                    span.set_attribute("mlflow.llm.provider", "p")
                    span.set_attribute("mlflow.llm.cost", {"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3})
                    span.set_outputs({"choices": []})
                _fail(mlflow)
                root.set_outputs({"role": "assistant", "content": "Grüezi"})
            mlflow.log_feedback(
                trace_id=root.trace_id, name="user_feedback", value=False, source=AssessmentSource("HUMAN", "u"), rationale="no"
            )
        finally:
            mlflow.set_tracking_uri(None)  # pyright: ignore[reportArgumentType]  # None gives the setting back
    with closing(sqlite3.connect(empty_store.removeprefix("sqlite:///"))) as connection:
        connection.row_factory = sqlite3.Row
        return {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in TraceRows._fields}


def _fail(mlflow: Any) -> None:
    with pytest.raises(TimeoutError), mlflow.start_span("look", span_type="TOOL") as span:
        span.set_inputs({"at": "x"})
        raise TimeoutError("no answer")


@pytest.fixture(scope="module")
def planted() -> list[TraceRows]:
    return list(tell(Ledger(AGENTS["concierge"], Conditions(traces=200)), "file:///artifacts/1"))


def _filled(row: Row) -> set[str]:
    return {column for column, value in row.items() if value is not None}


def _kinds(row: Row) -> dict[str, type]:
    return {column: type(value) for column, value in row.items() if value is not None}


def test_trace_rows_fill_the_same_columns_with_the_same_types(logged: dict[str, list[Row]], planted: list[TraceRows]) -> None:
    answered = next(rows for rows in planted if rows.assessments and any(span["status"] == "ERROR" for span in rows.spans))
    assert _kinds(answered.trace_info[0]) == _kinds(logged["trace_info"][0])
    feedback = next(rows for rows in planted if rows.assessments and rows.assessments[0]["rationale"])
    assert _kinds(feedback.assessments[0]) == _kinds(logged["assessments"][0])


@pytest.mark.parametrize("table", ["trace_tags", "trace_request_metadata"])
def test_tags_and_metadata_have_the_same_keys(table: str, logged: dict[str, list[Row]], planted: list[TraceRows]) -> None:
    wanted = {str(row["key"]) for row in logged[table] if not str(row["key"]).startswith(ENVIRONMENT)}
    assert {str(row["key"]) for row in getattr(planted[0], table)} == wanted


def test_span_rows_have_the_same_columns_content_and_attributes(logged: dict[str, list[Row]], planted: list[TraceRows]) -> None:
    spans = [span for rows in planted for span in rows.spans]
    cases = {"AGENT": ("AGENT", "OK"), "CHAT_MODEL": ("CHAT_MODEL", "OK"), "TOOL": ("TOOL", "ERROR")}
    for kind, (_, status) in cases.items():
        theirs = next(span for span in logged["spans"] if span["type"] == kind)
        ours = next(span for span in spans if span["type"] == kind and span["status"] == status)
        assert _filled(ours) == _filled(theirs) - {"duration_ns"}
        their_content, our_content = json.loads(str(theirs["content"])), json.loads(str(ours["content"]))
        assert list(our_content) == list(their_content)
        assert our_content["attributes"].keys() == their_content["attributes"].keys()
        assert our_content["status"].keys() == their_content["status"].keys()
        assert all(isinstance(value, str) and json.loads(value) is not None for value in our_content["attributes"].values())
        for mine, other in zip(our_content["events"], their_content["events"], strict=True):
            assert mine.keys() == other.keys()
            assert mine["attributes"].keys() == other["attributes"].keys()


def test_sizes_are_written_as_mlflow_writes_them(logged: dict[str, list[Row]], planted: list[TraceRows]) -> None:
    def stats(rows: list[Row]) -> dict[str, int]:
        return json.loads(next(str(row["value"]) for row in rows if row["key"] == "mlflow.trace.sizeStats"))

    ours = stats(planted[0].trace_request_metadata)
    assert ours.keys() == stats(logged["trace_request_metadata"]).keys()
    assert ours["num_spans"] == len(planted[0].spans)
    assert ours["p25"] <= ours["p50"] <= ours["p75"] <= ours["max"] < ours["total_size_bytes"]


def test_tokens_and_costs_of_a_trace_are_those_of_its_spans(planted: list[TraceRows]) -> None:
    for rows in planted:
        info = rows.trace_info[0]
        contents = [json.loads(str(span["content"]))["attributes"] for span in rows.spans]
        usages = [
            json.loads(attributes["mlflow.chat.tokenUsage"]) for attributes in contents if "mlflow.chat.tokenUsage" in attributes
        ]
        if usages:
            assert info["total_tokens"] == sum(usage["total_tokens"] for usage in usages)
            assert info["total_cost"] == pytest.approx(sum(float(span["total_cost"] or 0) for span in rows.spans))
        else:
            assert info["total_tokens"] is None and info["total_cost"] is None


def test_previews_are_cut_where_mlflow_cuts_them(planted: list[TraceRows]) -> None:
    long = [rows for rows in planted if len(str(rows.trace_info[0]["response_preview"])) >= 1000]
    assert long
    for rows in long:
        assert len(str(rows.trace_info[0]["response_preview"])) == 1000
        copies = {str(row["key"]): str(row["value"]) for row in rows.trace_request_metadata}
        assert len(copies["mlflow.traceOutputs"]) == 250
        assert copies["mlflow.traceOutputs"].endswith("...")
