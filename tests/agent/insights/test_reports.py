"""The verbs about reports."""

from pathlib import Path

from analyze_experiment.tests.agent.insights.conftest import Insights
from analyze_experiment.tests.sample_traces import BEGINNING, SampleTrace, log_traces
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect

FAILING = "SELECT trace_id FROM traces WHERE state = 'ERROR'"


def counted(insights: Insights, cache: Path) -> str:
    """An analysis that asked one query of its snapshot; its run id."""
    store, run_id = InsightStore(connect(insights.uri)), insights.begin()
    instant = store.get_analysis(run_id).created_at
    snapshot = take_snapshot(
        insights.uri,
        insights.experiment_id,
        instant=instant,
        since=None,
        until=None,
        cache=cache,
        progress=lambda done, total: None,
    )
    store.write_snapshot(run_id, snapshot.record)
    with SqlService(
        snapshot.catalog, snapshot_digest=snapshot.record.digest, on_query=lambda record: store.write_query(run_id, record)
    ) as sql:
        sql.query(FAILING, title="Traces that fail")
    return run_id


def test_report_is_printed_as_it_was_written(insights: Insights) -> None:
    run_id = insights.begin()
    none = insights("get-report", run_id)
    assert (none.code, f"'{run_id}' has no report yet: `run-analysis --resume {run_id}`" in none.err) == (2, True)
    InsightStore(connect(insights.uri)).write_report(run_id, "# What fails\n\nRefunds.\n", "<h1>What fails</h1>")
    assert insights("get-report", run_id).out == "# What fails\n\nRefunds.\n"
    assert insights("get-report", run_id, "--html").out == "<h1>What fails</h1>\n"
    assert insights.do("get-report", run_id) == {"run_id": run_id, "report": "# What fails\n\nRefunds.\n"}


def test_verify_report_ends_with_1_once_a_result_differs(insights: Insights, tmp_path: Path) -> None:
    run_id = counted(insights, tmp_path / "cache")

    same = insights("verify-report", run_id, "--cache", str(tmp_path / "cache"))
    log_traces(insights.uri, "support-agent", [SampleTrace("Late", error="gone", start=BEGINNING)])
    other = insights("verify-report", run_id, "--cache", str(tmp_path / "cache"))
    document = insights("verify-report", run_id, "--cache", str(tmp_path / "cache"), as_json=True)

    assert (same.code, other.code, document.code) == (0, 1, 1)
    assert "No difference: every result is what it was." in same.out
    assert "The traces have changed since" in other.out
    assert "Traces that fail: 1 rows then, 2 now." in other.out
    assert document.json["differences"][0]["title"] == "Traces that fail"
    assert document.json["same_snapshot"] is False
