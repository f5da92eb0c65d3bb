"""A report's queries executed again: the same on the same traces, and named where the traces have changed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyze_experiment.tests.sample_traces import BEGINNING, SampleExperiment, SampleTrace, log_traces
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.reporting.verify import Verification, verify_report
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
FAILING = "SELECT trace_id FROM traces WHERE state = 'ERROR'"


@pytest.fixture
def store(sample_experiment: SampleExperiment) -> InsightStore:
    return InsightStore(connect(sample_experiment.uri), now=lambda: NOW)


@pytest.fixture
def counted(store: InsightStore, sample_experiment: SampleExperiment, tmp_path: Path) -> str:
    """An analysis with a census and a query of its own; its run id."""
    experiment_id = sample_experiment.experiment_id
    run_id = store.create_analysis(experiment_id, key="k", name="All", run_name="all traces", analyst="statistical").run_id
    snapshot = take_snapshot(
        sample_experiment.uri,
        experiment_id,
        instant=NOW,
        since=None,
        until=None,
        cache=tmp_path / "cache",
        progress=lambda done, total: None,
    )
    store.write_snapshot(run_id, snapshot.record)
    with SqlService(
        snapshot.catalog, snapshot_digest=snapshot.record.digest, on_query=lambda record: store.write_query(run_id, record)
    ) as sql:
        store.write_census(run_id, take_census(sql, snapshot.record, now=NOW))
        sql.query(FAILING, title="Traces that fail")
    return run_id


def verify(store: InsightStore, run_id: str, folder: Path) -> Verification:
    return verify_report(store, run_id, cache=folder / "cache", now=NOW, progress=lambda text, done, total: None)


def test_nothing_differs_on_the_same_traces_and_nothing_is_written(store: InsightStore, counted: str, tmp_path: Path) -> None:
    before = store.files.names(counted)
    found = verify(store, counted, tmp_path)
    assert found.same_snapshot
    assert found.differences == found.figures == ()
    assert found.queries == len(store.list_queries(counted)) > 5
    assert store.files.names(counted) == before


def test_a_trace_that_came_late_changes_named_queries_and_figures(
    store: InsightStore, counted: str, sample_experiment: SampleExperiment, tmp_path: Path
) -> None:
    late = SampleTrace("Where is order 21?", error="StoreError: gone", start=BEGINNING)
    log_traces(sample_experiment.uri, sample_experiment.name, [late])

    found = verify(store, counted, tmp_path)

    assert not found.same_snapshot
    assert (found.snapshot_then.traces, found.snapshot_now.traces) == (5, 6)
    own = next(each for each in found.differences if each.title == "Traces that fail")
    assert own.what == "1 rows then, 2 now"
    assert ("trace_error_rate", "20.0% (1 of 5)", "33.3% (2 of 6)") in [
        (each.name, each.then, each.now) for each in found.figures
    ]
    assert any("figure trace_error_rate" in each.behind for each in found.differences)


def test_sql_that_was_changed_in_the_memory_is_named(store: InsightStore, counted: str, tmp_path: Path) -> None:
    record = next(each for each in store.list_queries(counted) if each.sql == FAILING)
    name = f"query_{record.query_id}.yaml"
    text = store.files.read(counted, name) or ""
    store.files.write(counted, name, text.replace("'ERROR'", "'OK'"))
    fresh = InsightStore(connect(store.tracking.uri), now=lambda: NOW)

    (difference,) = verify(fresh, counted, tmp_path).differences

    assert difference.query_id == record.query_id
    assert "isn't the one that its id was made of" in difference.what


def test_an_analysis_that_computed_nothing_cant_be_verified(
    store: InsightStore, sample_experiment: SampleExperiment, tmp_path: Path
) -> None:
    run_id = store.create_analysis(sample_experiment.experiment_id, key="k", name="A", run_name="a", analyst="person").run_id
    with pytest.raises(UserError, match="nothing in it can be computed again"):
        verify(store, run_id, tmp_path)
