"""Traces in Unity Catalog: the documented shapes of Databricks' view become the same rows as those of MLflow's own tables.

No warehouse answers here: statements are checked to be Databricks SQL, and answered with rows of the shapes that are documented.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlglot

from analyze_experiment.tests.tools.traces.snapshot_bench import rows
from analyze_experiment.tools.errors import StoreError, UserError
from analyze_experiment.tools.traces import workers
from analyze_experiment.tools.traces.changes import Changes
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.traces.sources.base import BEGINNING, Key, Oversized, TraceSource
from analyze_experiment.tools.traces.sources.databricks import DatabricksSource, answered
from analyze_experiment.tools.traces.sources.databricks_rows import Row
from analyze_experiment.tools.tracking import WAREHOUSE, connect

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
BEGAN_MS = int(BEGAN.timestamp() * 1000)
PREFIX = "main.agents.support"
END = Key(2**50, "")


def span(place: int, kind: str, attributes: Row | None = None, *, failed: str = "") -> dict[str, object]:
    """A span as the view's JSON has it: attributes with their own types, ids in hex, a root without a parent."""
    start = BEGAN_MS * 10**6 + place * 1000
    exception = {"exception.type": "TimeoutError", "exception.message": failed}
    return {
        "trace_id": "0af7",
        "span_id": f"00f{place}",
        "parent_span_id": "00f0" if place else "",
        "name": kind.lower(),
        "kind": "SPAN_KIND_INTERNAL",
        "start_time_unix_nano": start,
        "end_time_unix_nano": start + 500_000,
        "attributes": {"mlflow.spanType": kind, **(attributes or {})},
        "events": [{"time_unix_nano": start, "name": "exception", "attributes": exception}] if failed else [],
        "status": {"code": "STATUS_CODE_ERROR" if failed else "STATUS_CODE_OK", "message": failed},
    }


def feedback(name: str, value: object, source: str) -> dict[str, object]:
    return {
        "assessment_id": f"a-{name}-{source}",
        "trace_id": "0af7",
        "name": name,
        "source": {"source_id": source, "source_type": "HUMAN"},
        "create_time": "2026-03-02T10:00:00.000Z",
        "last_update_time": "2026-03-02T10:00:00.000Z",
        "feedback": {"value": value, "error": None},
        "rationale": "so",
        "valid": True,
    }


ASKED = {"messages": [{"role": "user", "content": "Where is order 17?"}]}
FIRST = {
    "trace_id": "0af7",
    "spans": [
        span(0, "AGENT", {"mlflow.spanInputs": ASKED, "mlflow.spanOutputs": json.dumps("It ships today.")}),
        span(1, "TOOL", {"mlflow.spanInputs": {"order": 17}}, failed="timed out"),
    ],
    "assessments": [feedback("helpful", 1.0, "ann"), feedback("flagged", True, "analyze-experiment")],
    "tags": {"version": "3"},
}
SECOND = {"trace_id": "0af8", "spans": [span(0, "AGENT")], "assessments": [], "tags": {"mlflow.trace.sourceScorer": "judge"}}
THIRD = {"trace_id": "0af9", "spans": [], "assessments": [], "tags": {}}
METADATA = {"mlflow.trace.session": "s1", "mlflow.trace.user": "u1"}


class RecordedWarehouse:
    """Answers each of the source's statements for all traces, and keeps what it was asked."""

    def __init__(self, *traces: Row) -> None:
        self.traces = traces
        self.asked: list[str] = []

    def __call__(self, statement: str, /) -> Sequence[Row]:
        sqlglot.parse_one(statement, dialect="databricks")
        assert "`main`.`agents`.`support_trace_unified`" in statement
        self.asked.append(statement)
        if "number - place" in statement:
            return [{"ms": BEGAN_MS, "trace_id": "0af7", "traces": len(self.traces)}] if self.traces else []
        columns = ("ms", "trace_id", "bytes") if "AS bytes" in statement else None
        found = [self.row(number, trace) for number, trace in enumerate(self.traces)]
        if "AS first_ns" not in statement and columns is None:
            return [{"trace_id": trace["trace_id"], "content": json.dumps(trace["spans"])} for trace in self.traces]
        return [{name: row[name] for name in columns or row} for row in found]

    def row(self, number: int, trace: Row) -> dict[str, object]:
        held = trace["spans"]
        assert isinstance(held, list)
        starts = [each["start_time_unix_nano"] for each in held]
        return {
            "ms": BEGAN_MS + number,
            "trace_id": trace["trace_id"],
            "client_request_id": None,
            "state": "OK",
            "duration_ms": 1250.4,
            "tags": json.dumps(trace["tags"]),
            "metadata": json.dumps(METADATA),
            "assessments": json.dumps(trace["assessments"]),
            "spans": len(held),
            "first_ns": min(starts, default=None),
            "last_ns": max(starts, default=None),
            "bytes": len(json.dumps(held)),
        }


def source_over(*traces: Row) -> DatabricksSource:
    return DatabricksSource("databricks", "7", location=PREFIX, warehouse=RecordedWarehouse(*traces))


def test_snapshot_has_the_same_relations_as_of_any_other_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(uri: str, experiment_id: str) -> TraceSource:
        assert (uri, experiment_id) == ("databricks", "7")
        return source_over(FIRST, SECOND, THIRD)

    monkeypatch.setattr(workers, "open_source", opened)
    first, again = (
        take_snapshot("databricks", "7", instant=BEGAN, since=None, until=None, cache=tmp_path, progress=lambda *_: None)
        for _ in range(2)
    )
    assert (first.record.traces, first.record.excluded, first.record.unreadable) == (1, 0, 0)
    whole = take_snapshot(
        "databricks",
        "7",
        instant=datetime(2027, 1, 1, tzinfo=UTC),
        since=None,
        until=None,
        cache=tmp_path,
        progress=lambda *_: None,
    )
    assert again.freshness.changes == whole.freshness.changes == Changes()
    assert (whole.record.excluded, whole.record.unreadable) == (1, 0)
    assert (whole.record.traces, whole.record.spans, whole.record.assessments) == (2, 2, 1)
    columns = "trace_id, state, execution_duration_ms, session_id, user_id, version, request_text, response_text, span_count"
    assert rows(whole, "traces", columns) == [
        (f"trace:/{PREFIX}/0af7", "OK", 1250, "s1", "u1", "3", "Where is order 17?", "It ships today.", 2),
        (f"trace:/{PREFIX}/0af9", "OK", 1250, "s1", "u1", None, None, None, 0),
    ]
    assert rows(
        whole, "spans", "span_id, parent_span_id, span_type, status_code, status_message, exception_type, duration_ms"
    ) == [
        ("00f0", None, "AGENT", "OK", None, None, 0.5),
        ("00f1", "00f0", "TOOL", "ERROR", "timed out", "TimeoutError", 0.5),
    ]
    assert rows(whole, "assessments", "name, value, number, source_id") == [("helpful", "1", 1.0, "ann")]


def test_ranges_are_asked_for_by_the_ids_of_the_view() -> None:
    warehouse = RecordedWarehouse(FIRST)
    source = DatabricksSource("databricks", "7", location=PREFIX, warehouse=warehouse)
    assert source.bounds(BEGINNING, END, 10) == [(Key(BEGAN_MS, f"trace:/{PREFIX}/0af7"), 1)]
    source.headers(Key(BEGAN_MS, f"trace:/{PREFIX}/0af7"), END)
    assert f"(ms > {BEGAN_MS} OR trace_id >= '0af7')" in warehouse.asked[-1]
    with pytest.raises(StoreError, match="no id has"):
        source.headers(Key(0, "it's"), END)
    with pytest.raises(Oversized):
        source.read(BEGINNING, END, most_bytes=10)


def test_warehouse_that_is_not_named_or_refuses_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=f"set {WAREHOUSE}"):
        connect("databricks")

    def refuse() -> None:
        raise ValueError("[INSUFFICIENT_PERMISSIONS]\nno SELECT on the view")

    with pytest.raises(StoreError, match=rf"could not read the traces\. Check {WAREHOUSE}.*INSUFFICIENT_PERMISSIONS\] no SELECT"):
        answered("read the traces", ValueError, refuse)
