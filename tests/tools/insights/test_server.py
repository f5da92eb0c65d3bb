"""The memory over HTTP: the same store, behind an MLflow server that keeps the artifacts."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.tools.insights.samples import CENSUS, RESULT, draft, issue, query, verdict
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import AnalysisStatus, Evidence, HypothesisStatus
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect, experiments_with_traces, find_experiment


@pytest.fixture
def server(sample_experiment: SampleExperiment, tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with closing(sqlite3.connect(sample_experiment.uri.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/' || experiment_id")
        connection.commit()
    where = ["--backend-store-uri", sample_experiment.uri, "--artifacts-destination", str(tmp_path / "served")]
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-W", "ignore", "-m", "mlflow", "server", *where, *options]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=tmp_path, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@retry(stop=stop_after_delay(120), wait=wait_fixed(0.1), retry=retry_if_exception_type(requests.RequestException), reraise=True)
def wait_for(address: str) -> None:
    requests.get(address, timeout=5).raise_for_status()


def test_analysis_goes_through_a_server(server: str, sample_experiment: SampleExperiment) -> None:
    store = InsightStore(connect(server))
    name = find_experiment(store.tracking, "support-agent")
    assert experiments_with_traces(store.tracking) == [name]
    first, second, third, *_ = sample_experiment.trace_ids
    run_id = store.create_analysis(name.experiment_id, key="k", name="All", run_name="all", analyst="statistical").run_id
    store.write_census(run_id, CENSUS)
    store.write_query(run_id, query())
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    store.record_result(run_id, subject, RESULT, [Evidence(trace_id=third)])
    decided = store.decide(run_id, subject, verdict(HypothesisStatus.VALIDATED))
    found = issue(second, kind="quality", source="hypothesis", hypothesis_id=subject)
    made = store.create_issue(run_id, found, [AffectedTrace(second, "", "late")])
    completed = {"status": AnalysisStatus.COMPLETED}
    done = store.update_analysis(run_id, op="done", change=lambda each: each.model_copy(update=completed))
    assert store.reader.get(first, run_id=run_id, experiment_id=name.experiment_id).spans

    again = InsightStore(connect(server))
    assert again.list_analyses(name.experiment_id) == [done]
    assert again.list_hypotheses(run_id) == [decided]
    assert (again.list_queries(run_id), again.read_census(run_id), again.read_report(run_id)) == ([query()], CENSUS, None)
    assert (again.list_issues(name.experiment_id), again.issue_traces(made.issue_id)) == (
        [made],
        [AffectedTrace(second, "", "late")],
    )
    assert again.reader.linked(run_id, experiment_id=name.experiment_id) == sorted([first, second, third])
