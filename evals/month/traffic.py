"""One day of an invented agent's traces, written straight as MLflow 3.17 keeps them, which is a hundred times faster."""

import base64
import hashlib
import json
import random
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ..planted.rows import EXPERIMENT_ID, Row, TraceRows
from ..planted.store import artifact_location, create_store, write_traces

FIRST_DAY = datetime(2026, 4, 6, tzinfo=UTC)
"""A Monday."""
TOOL = "look_up_order"
MS = 1_000_000
"""Nanoseconds."""


class Rates(NamedTuple):
    """The share of traces with each fault on one day."""

    tool_fails: float = 0.0
    """The tool ends with status ERROR, and the agent answers all the same."""
    empty_answer: float = 0.0


class Planted(NamedTuple):
    """What was planted on one day."""

    traces: int
    tool_fails: int
    empty_answer: int


def new_store(database: Path) -> None:
    """An MLflow store with the experiment and no traces."""
    database.parent.mkdir(parents=True, exist_ok=True)
    create_store(database, artifact_location(database))


def write_day(database: Path, day: int, rates: Rates, *, traces: int, seed: int = 0) -> Planted:
    """Adds a day's traces, each a session of its own, spread over the working hours."""
    rng = random.Random(f"month/{seed}/{day}")
    planted = [(rng.random() < rates.tool_fails, rng.random() < rates.empty_answer) for _ in range(traces)]
    rows = (
        _trace(database, f"{seed}/{day}/{number}", _moment(day, number, traces), number, fails=fails, empty=empty)
        for number, (fails, empty) in enumerate(planted)
    )
    write_traces(database, rows)
    return Planted(traces, sum(fails for fails, _ in planted), sum(empty for _, empty in planted))


def write_late(database: Path, name: str, moment: datetime, *, fails: bool = False) -> None:
    """Adds one trace that began at this moment, whenever it comes to be logged."""
    write_traces(database, [_trace(database, name, moment, 0, fails=fails, empty=False)])


def tag_day(database: Path, day: int, tags: Mapping[str, str]) -> None:
    """Sets tags on all traces of a day."""
    start = int((FIRST_DAY + timedelta(days=day)).timestamp() * 1000)
    with closing(sqlite3.connect(database)) as connection, connection:
        for key, value in tags.items():
            connection.execute(
                "INSERT OR REPLACE INTO trace_tags (request_id, key, value) "
                "SELECT request_id, ?, ? FROM trace_info WHERE timestamp_ms BETWEEN ? AND ?",
                (key, value, start, start + 86_399_999),
            )


def end_of(day: int) -> datetime:
    """The instant at which a day's analysis runs: midnight after it."""
    return FIRST_DAY + timedelta(days=day + 1)


def _moment(day: int, number: int, traces: int) -> datetime:
    return FIRST_DAY + timedelta(days=day, hours=7, milliseconds=int(number / traces * 14 * 3_600_000))


def _trace(database: Path, name: str, moment: datetime, number: int, *, fails: bool, empty: bool) -> TraceRows:
    digest = hashlib.sha256(name.encode()).hexdigest()
    trace_id, start = f"tr-{digest[:32]}", int(moment.timestamp() * 1000) * MS
    question, answer = f"Where is my order {digest[:8]}?", "" if empty else f"It is with the carrier since step {number % 7}."
    root, tool = digest[32:48], digest[48:64]
    spans = [
        _span(trace_id, root, None, "agent", "AGENT", (start, start + 1200 * MS), question, answer),
        _span(
            trace_id, tool, root, TOOL, "TOOL", (start + 100 * MS, start + 400 * MS), question, None if fails else "found", fails
        ),
    ]
    info: Row = {
        **{"request_id": trace_id, "experiment_id": EXPERIMENT_ID, "timestamp_ms": start // MS, "execution_time_ms": 1200},
        **{"status": "OK", "request_preview": question, "response_preview": answer, "db_payload_generation": 2},
        **{"trace_name": "agent", "session_id": f"session-{digest[:12]}"},
    }
    tags = {
        "mlflow.artifactLocation": f"{artifact_location(database)}/traces/{trace_id}/artifacts",
        "mlflow.trace.spansLocation": "TRACKING_STORE",
    }
    return TraceRows([info], list(_labels(trace_id, tags)), [], spans, [])


def _labels(trace_id: str, labels: Mapping[str, str]) -> Iterator[Row]:
    for key, value in labels.items():
        yield {"request_id": trace_id, "key": key, "value": value}


def _span(
    trace_id: str,
    span_id: str,
    parent: str | None,
    name: str,
    kind: str,
    times: tuple[int, int],
    inputs: str,
    outputs: str | None,
    fails: bool = False,
) -> Row:
    attributes = {
        "mlflow.traceRequestId": json.dumps(trace_id),
        "mlflow.spanType": json.dumps(kind),
        "mlflow.spanInputs": json.dumps({"question": inputs}),
    }
    if outputs is not None:
        attributes["mlflow.spanOutputs"] = json.dumps(outputs)
    status = (
        {"code": "STATUS_CODE_ERROR", "message": "Unavailable: the order service is down"}
        if fails
        else {"code": "STATUS_CODE_OK"}
    )
    content = {
        **{"trace_id": _base64(trace_id[3:]), "span_id": _base64(span_id), "parent_span_id": parent and _base64(parent)},
        **{"name": name, "start_time_unix_nano": times[0], "end_time_unix_nano": times[1], "events": list[str]()},
        **{"status": {"message": "", **status}, "attributes": attributes, "links": list[str]()},
    }
    return {
        **{"trace_id": trace_id, "experiment_id": EXPERIMENT_ID, "span_id": span_id, "parent_span_id": parent, "name": name},
        **{"type": kind, "status": "ERROR" if fails else "OK", "start_time_unix_nano": times[0], "end_time_unix_nano": times[1]},
        "content": json.dumps(content),
    }


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
