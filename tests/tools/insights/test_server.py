"""The memory over HTTP: the same store, behind an MLflow server that keeps the artifacts."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.mlflow_servers import mlflow_server
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.tools.insights.samples import CENSUS, RESULT, draft, issue, query, verdict
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import AnalysisStatus, Evidence, HypothesisStatus
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.links import Pages
from analyze_experiment.tools.tracking import connect, experiments_with_traces, find_experiment


@pytest.fixture(scope="module")
def server(sample_template: SampleExperiment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server on this machine, over the five simple traces."""
    folder = tmp_path_factory.mktemp("served")
    uri = copy_store(Path(sample_template.uri.removeprefix("sqlite:///")), folder / "store")
    with mlflow_server(uri, folder) as address:
        yield address


def test_analysis_goes_through_a_server(server: str, sample_template: SampleExperiment) -> None:
    store = InsightStore(connect(server))
    name = find_experiment(store.tracking, "support-agent")
    assert experiments_with_traces(store.tracking) == [name]
    first, second, third, *_ = sample_template.trace_ids
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


def requests_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that is sent from now on."""
    sent: list[str] = []
    send = requests.Session.send

    def counting(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        sent.append(f"{request.method} {request.path_url}")
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", counting)
    return sent


def test_issues_stand_in_the_pages_of_a_server(
    server: str, sample_template: SampleExperiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, traces = InsightStore(connect(server)), sample_template.trace_ids
    experiment = find_experiment(store.tracking, "support-agent").experiment_id
    run_id = store.create_analysis(experiment, key="shown", name="All", run_name="all", analyst="statistical").run_id
    found = issue(traces[2], measure="shown", title="Cancelling <b>any</b> order times out")
    made = store.create_issue(run_id, found, [AffectedTrace(traces[2]), AffectedTrace(traces[3])])
    sent = requests_of(monkeypatch)
    done = store.mirror_issues(experiment, only=made.issue_id)
    assert ((done.created, done.marked), len(sent) <= 24) == ((1, 2), True), sent
    store.mirror_issues(experiment)
    sent.clear()
    assert store.mirror_issues(experiment).created == 0
    assert len(sent) == 2, sent
    store.show_result(run_id, traces=5)

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("whether MLflow's pages show the issue is seen with Chromium: install it (apt-get install chromium)")
    made, pages = store.get_issue(made.issue_id), Pages.of(None, server)
    page = pages.issue(made)
    shown = dumped(chromium, page or "", tmp_path / "chromium")
    for text in ("Cancelling &lt;b&gt;any&lt;/b&gt; order times out", made.issue_id, "Impacted traces: 2", traces[2], traces[3]):
        assert text in shown


def dumped(chromium: str, page: str, folder: Path) -> str:
    """The document of a page once its scripts have run."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", "--window-size=1800,1200"]
    command = [chromium, *options, "--virtual-time-budget=20000", "--dump-dom", page]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
