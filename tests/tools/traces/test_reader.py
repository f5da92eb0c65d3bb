"""Traces are linked before they are shown, whole when they are, and refused when they don't exist."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from mlflow.tracing.client import TracingClient

from analyze_experiment.tests.sample_traces import SampleExperiment, SampleTrace, log_traces
from analyze_experiment.tools.errors import MemoryRefused, StoreError, TraceReadError, UserError
from analyze_experiment.tools.insights.artifacts import RunFiles
from analyze_experiment.tools.traces import reader as reader_module
from analyze_experiment.tools.traces.reader import TraceReader
from analyze_experiment.tools.tracking import Tracking, connect

NOWHERE = "tr-00000000000000000000000000000000"


@pytest.fixture
def tracking(sample_experiment: SampleExperiment) -> Tracking:
    return connect(sample_experiment.uri)


@pytest.fixture
def reader(tracking: Tracking) -> TraceReader:
    return TraceReader(tracking)


@pytest.fixture
def experiment_id(sample_experiment: SampleExperiment) -> str:
    return sample_experiment.experiment_id


@pytest.fixture
def trace_ids(sample_experiment: SampleExperiment) -> tuple[str, ...]:
    return sample_experiment.trace_ids


@pytest.fixture
def run_id(tracking: Tracking, experiment_id: str) -> str:
    return str(tracking.client.create_run(experiment_id).info.run_id)


def execute(tracking: Tracking, sql: str, values: Sequence[object] = ()) -> None:
    with closing(sqlite3.connect(Path(tracking.uri.removeprefix("sqlite:///")))) as connection:
        connection.execute(sql, values)
        connection.commit()


def multiply(tracking: Tracking, trace_id: str, copies: int) -> list[str]:
    """Copies the row of a trace, and returns the ids of the copies."""
    ids = [f"tr-{number:032x}" for number in range(1, copies + 1)]
    with closing(sqlite3.connect(Path(tracking.uri.removeprefix("sqlite:///")))) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(trace_info)") if name != "request_id"]
        names = ", ".join(columns)
        insert = f"INSERT INTO trace_info (request_id, {names}) SELECT ?, {names} FROM trace_info WHERE request_id = ?"
        connection.executemany(insert, [(each, trace_id) for each in ids])
        connection.commit()
    return ids


def test_existing_tells_traces_of_this_experiment_from_anything_else(
    reader: TraceReader, sample_experiment: SampleExperiment, experiment_id: str, trace_ids: tuple[str, ...]
) -> None:
    other = log_traces(sample_experiment.uri, "other", [SampleTrace("Hello")])
    asked = [*trace_ids, *other.trace_ids, NOWHERE, "'; DROP TABLE runs", ""]
    assert reader.existing(asked, experiment_id=experiment_id) == set(trace_ids)
    assert reader.existing([], experiment_id=experiment_id) == set()


def test_linking_counts_what_is_new_and_may_be_repeated(
    reader: TraceReader, tracking: Tracking, run_id: str, experiment_id: str, trace_ids: tuple[str, ...]
) -> None:
    assert reader.link(run_id, [trace_ids[0], trace_ids[0], trace_ids[1]], experiment_id=experiment_id) == 2
    assert reader.link(run_id, trace_ids[:3], experiment_id=experiment_id) == 1
    assert TraceReader(tracking).link(run_id, trace_ids[:3], experiment_id=experiment_id) == 0
    assert reader.linked(run_id, experiment_id=experiment_id) == sorted(trace_ids[:3])


def test_unknown_trace_is_refused_and_nothing_is_linked(
    reader: TraceReader, run_id: str, experiment_id: str, trace_ids: tuple[str, ...]
) -> None:
    with pytest.raises(MemoryRefused, match=f"'1' has no trace '{NOWHERE}': 1 of 2 ids given"):
        reader.link(run_id, [trace_ids[0], NOWHERE], experiment_id=experiment_id)
    assert reader.linked(run_id, experiment_id=experiment_id) == []


def test_more_traces_than_mlflow_takes_at_once_are_linked(
    tracking: Tracking, run_id: str, experiment_id: str, trace_ids: tuple[str, ...]
) -> None:
    labels: list[str] = []
    reader = TraceReader(tracking, files=RunFiles(tracking, boundary=labels.append))
    many = multiply(tracking, trace_ids[0], 750)
    assert reader.link(run_id, many, experiment_id=experiment_id) == 750
    assert labels[::2] == ["before link 100"] * 7 + ["before link 50"]
    assert reader.linked(run_id, experiment_id=experiment_id) == many


def test_pages_are_followed_to_the_end(
    reader: TraceReader,
    monkeypatch: pytest.MonkeyPatch,
    run_id: str,
    experiment_id: str,
    trace_ids: tuple[str, ...],
) -> None:
    monkeypatch.setattr(reader_module, "PAGE", 2)
    found = reader.search(experiment_id, run_id=run_id, order_by=["timestamp_ms ASC"])
    assert [view.trace_id for view in found] == list(trace_ids)
    assert reader.linked(run_id, experiment_id=experiment_id) == sorted(trace_ids)


def test_traces_logged_under_the_run_are_not_counted_as_links(
    reader: TraceReader, tracking: Tracking, run_id: str, experiment_id: str, trace_ids: tuple[str, ...]
) -> None:
    row = (trace_ids[0], "mlflow.sourceRun", run_id)
    execute(tracking, "INSERT INTO trace_request_metadata (request_id, key, value) VALUES (?, ?, ?)", row)
    assert reader.linked(run_id, experiment_id=experiment_id) == []


def test_search_links_what_it_returns(reader: TraceReader, run_id: str, experiment_id: str, trace_ids: tuple[str, ...]) -> None:
    newest = reader.search(experiment_id, run_id=run_id, max_results=2)
    assert [view.trace_id for view in newest] == [trace_ids[4], trace_ids[3]]
    assert reader.linked(run_id, experiment_id=experiment_id) == sorted(trace_ids[3:])
    failed = reader.search(experiment_id, run_id=run_id, filter_string="status = 'ERROR'")
    assert [view.trace_id for view in failed] == [trace_ids[3]]


def test_nothing_is_returned_where_the_link_fails(tracking: Tracking, run_id: str, experiment_id: str) -> None:
    def refuse(label: str) -> None:
        if label.startswith("before link"):
            raise InterruptedError(label)

    reader = TraceReader(tracking, files=RunFiles(tracking, boundary=refuse))
    with pytest.raises(InterruptedError, match="before link 5"):
        reader.search(experiment_id, run_id=run_id)


def test_judges_traces_are_not_found(
    reader: TraceReader, tracking: Tracking, run_id: str, experiment_id: str, trace_ids: tuple[str, ...]
) -> None:
    tracking.client.set_trace_tag(trace_ids[1], "mlflow.trace.sourceScorer", "helpfulness")
    assert {view.trace_id for view in reader.search(experiment_id, run_id=run_id)} == set(trace_ids) - {trace_ids[1]}


def test_wrong_filter_is_a_user_error(reader: TraceReader, run_id: str, experiment_id: str) -> None:
    with pytest.raises(UserError, match="The filter 'colour = 3' or the order"):
        reader.search(experiment_id, run_id=run_id, filter_string="colour = 3")


def test_trace_is_shown_whole(
    sample_experiment: SampleExperiment, tracking: Tracking, reader: TraceReader, run_id: str, experiment_id: str
) -> None:
    start = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    answer = "A long answer. " * 500
    sample = SampleTrace("Cancel it", answer, tool="cancel_order", tool_error="timeout", start=start, duration_ms=1500)
    (trace_id,) = log_traces(sample_experiment.uri, "support-agent", [sample]).trace_ids
    view = reader.get(trace_id, run_id=run_id, experiment_id=experiment_id)
    assert (view.trace_id, view.state, view.request_time, view.execution_duration_ms) == (trace_id, "OK", start, 1500)
    assert json.loads(view.request) == {"question": "Cancel it"}
    assert json.loads(view.response) == answer
    root, tool = view.spans
    assert (root.name, root.parent_span_id, root.span_type, root.duration_ms) == ("agent", None, "AGENT", 1500.0)
    assert (tool.name, tool.parent_span_id, tool.span_type) == ("cancel_order", root.span_id, "TOOL")
    assert (tool.status_code, tool.status_message, tool.outputs) == ("ERROR", "timeout", '{"error": "timeout"}')
    assert reader.linked(run_id, experiment_id=experiment_id) == [trace_id]
    assert reader.for_checks([trace_id, NOWHERE]) == {trace_id: view}


def test_trace_without_output_has_an_empty_response(
    reader: TraceReader, run_id: str, experiment_id: str, trace_ids: tuple[str, ...]
) -> None:
    view = reader.get(trace_ids[3], run_id=run_id, experiment_id=experiment_id)
    assert (view.state, view.response, view.spans[0].outputs) == ("ERROR", "", None)
    assert view.spans[0].status_message == "RefundError: no such order"


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM spans WHERE trace_id = ?",
        "DELETE FROM spans WHERE parent_span_id IS NOT NULL AND trace_id = ?",
        "UPDATE spans SET content = 'no json' WHERE trace_id = ?",
    ],
    ids=["missing", "incomplete", "damaged"],
)
def test_one_unreadable_trace_does_not_take_the_others_along(
    reader: TraceReader, tracking: Tracking, run_id: str, experiment_id: str, trace_ids: tuple[str, ...], damage: str
) -> None:
    execute(tracking, damage, [trace_ids[2]])
    with pytest.raises(TraceReadError, match=trace_ids[2]):
        reader.get(trace_ids[2], run_id=run_id, experiment_id=experiment_id)
    found = {view.trace_id: view for view in reader.search(experiment_id, run_id=run_id)}
    assert set(found) == set(trace_ids)
    assert (found[trace_ids[2]].spans, found[trace_ids[2]].request) == ((), '{"question": "Cancel order 19."}')
    assert all(found[trace_id].spans for trace_id in trace_ids if trace_id != trace_ids[2])


def test_store_that_does_not_answer_is_an_error_and_no_damaged_trace(
    reader: TraceReader, trace_ids: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise requests.ConnectionError("nobody is there")

    monkeypatch.setattr(TracingClient, "batch_get_traces", refuse)
    with pytest.raises(StoreError, match="nobody is there"):
        reader.for_checks(trace_ids[:2])
    with pytest.raises(StoreError, match="nobody is there"):
        reader.get(trace_ids[0], run_id=None, experiment_id="1")


def test_trace_that_does_not_exist_is_refused(reader: TraceReader, run_id: str, experiment_id: str) -> None:
    with pytest.raises(MemoryRefused, match="has no trace"):
        reader.get(NOWHERE, run_id=run_id, experiment_id=experiment_id)
