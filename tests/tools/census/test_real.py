"""The census of real experiments, against counts made with nothing but sqlite3 and json."""

import importlib.util
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from analyze_experiment.tests.tools.census.counting import NOW
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.census.operational import CompletedIssue, complete, find_operational_issues
from analyze_experiment.tools.census.thresholds import OperationalThresholds
from analyze_experiment.tools.census.timing import has_nominal_timing
from analyze_experiment.tools.insights.models import Census
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.traces.snapshot import take_snapshot

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (DATA / "unpack.py").exists(), reason="the real experiments are not beside the repository"),
]


@dataclass(frozen=True)
class Call:
    """One tool span as the store holds it."""

    trace_id: str
    name: str
    inputs: str
    fails: bool


@dataclass(frozen=True)
class Real:
    """One real experiment: its census and issues, and its tool calls and trace durations read from the store by hand."""

    name: str
    census: Census
    issues: dict[str, CompletedIssue]
    traces: dict[str, int]
    calls: tuple[Call, ...]


@pytest.fixture(scope="module", params=["retail", "airline", "airline-turns", "airline-voice"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp(request.param)
    database = _unpack(request.param, folder)
    instant = datetime(2027, 1, 1, tzinfo=UTC)
    cache = folder / "cache"
    snapshot = take_snapshot(
        f"sqlite:///{database}", "1", instant=instant, since=None, until=None, cache=cache, progress=lambda _, __: None
    )
    with SqlService(snapshot.catalog, snapshot_digest=snapshot.record.digest, on_query=lambda _: None, workers=1) as sql:
        census = take_census(sql, snapshot.record, now=NOW)
        found = [complete(issue, sql) for issue in find_operational_issues(census, thresholds=OperationalThresholds())]
    with closing(sqlite3.connect(database)) as store:
        traces = dict(store.execute("SELECT request_id, execution_time_ms FROM trace_info").fetchall())
        calls = tuple(map(_call, store.execute("SELECT trace_id, content FROM spans WHERE type = 'TOOL'")))
    yield Real(request.param, census, {issue.draft.title: issue for issue in found}, traces, calls)


def _unpack(name: str, folder: Path) -> Path:
    spec = importlib.util.spec_from_file_location("unpack", DATA / "unpack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.unpack(name, folder)
    return folder / "mlflow.db"


def _call(row: tuple[str, str]) -> Call:
    span: dict[str, Any] = json.loads(row[1])
    attributes = span["attributes"]
    output = json.loads(attributes.get("mlflow.spanOutputs") or "null")
    failed = span["status"]["code"] == "STATUS_CODE_ERROR"
    says_so = isinstance(output, str) and output.startswith("Error")
    return Call(row[0], span["name"], attributes.get("mlflow.spanInputs", ""), failed or says_so)


def test_traces_and_latencies_agree_with_the_store(real: Real) -> None:
    assert real.census.traces == len(real.traces)
    assert real.census.value("latency_p50") == median(real.traces.values())
    assert real.census.value("latency_max") == max(real.traces.values())


def test_calls_of_each_tool_agree_with_the_store(real: Real) -> None:
    counted = {bucket.segment: bucket.value for bucket in real.census.find("tool_calls", dimension="tool")}

    assert counted == Counter(call.name for call in real.calls)


def test_failing_calls_and_traces_of_each_tool_agree_with_the_store(real: Real) -> None:
    calls = {bucket.segment: bucket.numerator for bucket in real.census.find("tool_failure_rate", dimension="tool")}
    traces = {bucket.segment: bucket.numerator for bucket in real.census.find("tool_failing_traces", dimension="tool")}
    by_hand = Counter(call.name for call in real.calls if call.fails)

    assert calls == {name: by_hand[name] for name in calls}
    assert traces == {name: len({call.trace_id for call in real.calls if call.fails and call.name == name}) for name in traces}


def test_ok_traces_with_failing_tools_agree_with_the_store(real: Real) -> None:
    silent, failed = real.census.find("ok_with_silent_errors")[0], real.census.find("ok_with_failed_spans")[0]
    by_hand = len({call.trace_id for call in real.calls if call.fails})

    assert (silent.numerator or 0) + (failed.numerator or 0) == by_hand
    assert by_hand == {"retail": 24, "airline": 36, "airline-turns": 57, "airline-voice": 6}[real.name]


def test_repeated_calls_agree_with_the_store(real: Real) -> None:
    times = Counter((call.trace_id, call.name, call.inputs) for call in real.calls)
    (repeated,) = real.census.find("repeated_calls", dimension="all")

    assert repeated.numerator == len({key[0] for key, count in times.items() if count >= 3})
    assert real.census.value("identical_calls_max") == max(times.values())


def test_durations_that_were_set_are_recognised_and_never_judged(real: Real) -> None:
    assert has_nominal_timing(real.census) is (real.name != "airline-voice")
    assert not [title for title in real.issues if "Latency" in title or "stop at" in title]


def test_issues_are_the_tools_that_fail_and_what_ok_traces_hide(real: Real) -> None:
    expected = {
        "retail": {
            "Tool errors unflagged in 23.5% of OK traces": 24,
            "find_user_id_by_email tool returns errors in 30.0% of calls": 9,
            "exchange_delivered_order_items tool returns errors in 23.5% of calls": 7,
            "modify_pending_order_items tool returns errors in 20.6% of calls": 6,
        },
        "airline": {
            "Tool errors unflagged in 18.0% of OK traces": 36,
            "update_reservation_flights tool returns errors in 40.4% of calls": 20,
            "book_reservation tool returns errors in 56.6% of calls": 15,
        },
        "airline-turns": {
            "update_reservation_flights tool returns errors in 40.4% of calls": 37,
            "book_reservation tool returns errors in 56.6% of calls": 19,
        },
        "airline-voice": {"12.0% of OK traces contain failed spans": 6},
    }

    assert {title: len(issue.traces) for title, issue in real.issues.items()} == expected[real.name]
    failing = {(call.trace_id) for call in real.calls if call.fails}
    assert all(trace.trace_id in failing for issue in real.issues.values() for trace in issue.traces)
