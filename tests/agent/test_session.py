"""A whole analysis through `run_session`: its order, its evidence, its repeatability, and that a stop loses nothing of it."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyze_experiment.agent.outcome import Outcome, exit_code
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.graph.build import ASKED_BY, build_graph
from analyze_experiment.graph.nodes import issues
from analyze_experiment.graph.routes import STEPS
from analyze_experiment.tests.agent.whole import (
    Watcher,
    analyse,
    copy_analysed,
    folder_of,
    memory_of,
)
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.tools.insights.crashes import canonical_memory
from analyze_experiment.tools.insights.models import AnalysisStatus, Hypothesis
from analyze_experiment.tools.sql.results import result_digest
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.workbench import Workbench

pytestmark = pytest.mark.xdist_group("session")

EXPERIMENT = "1"
TRACE_ID = re.compile(r"\btr-[0-9a-f]{32}\b")
QUERY_ID = re.compile(r"\bQ[0-9a-f]{10}\b")
RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True)
class Whole:
    """An analysis of the planted store that nobody disturbed."""

    uri: str
    outcome: Outcome
    watcher: Watcher

    @property
    def run_id(self) -> str:
        return self.outcome.run_id

    @property
    def report(self) -> str:
        return (folder_of(self.uri) / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(planted_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    uri = copy_store(planted_template, tmp_path_factory.mktemp("whole") / "store")
    watcher = Watcher()
    return Whole(uri, analyse(uri, watcher=watcher), watcher)


@dataclass(frozen=True)
class Resumed:
    """An analysis of the planted store stopped at the first result of a test, and resumed with each issue proven alone."""

    uri: str
    stopped: Outcome
    done_by_then: list[str]
    hypotheses_by_then: list[Hypothesis]
    outcome: Outcome


@pytest.fixture(scope="module")
def resumed(planted_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    uri = copy_store(planted_template, tmp_path_factory.mktemp("resumed") / "store")
    stop = StopSignal()
    watcher = Watcher(lambda event: stop.request("SIGINT") if event.kind == "result" else None)
    stopped = analyse(uri, stop=stop, watcher=watcher)
    store = memory_of(uri)
    done, hypotheses = list(store.get_analysis(stopped.run_id).progress), store.list_hypotheses(stopped.run_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(issues, "ALONE", 1)
        return Resumed(uri, stopped, done, hypotheses, analyse(uri, resume=stopped.run_id))


def verdicts(uri: str, run_id: str) -> dict[str, str]:
    """What was decided of each statement, with its reason."""
    return {each.statement: f"{each.status} {each.verdict}" for each in memory_of(uri).list_hypotheses(run_id)}


def test_steps_come_in_order_and_stand_in_the_progress(whole: Whole) -> None:
    analysis = memory_of(whole.uri).get_analysis(whole.run_id)
    assert whole.watcher.steps() == [step for step in STEPS if step != "report"]
    assert whole.watcher.events[-1].kind == "report"
    assert tuple(analysis.progress) == STEPS
    assert (analysis.status, whole.outcome.status, exit_code(whole.outcome, None)) == (AnalysisStatus.COMPLETED, "done", 0)
    assert [question.name for question in analysis.questions] == ["purpose", "report"]


def test_every_trace_that_is_shown_or_cited_is_linked(whole: Whole) -> None:
    store = memory_of(whole.uri)
    linked = set(store.reader.linked(whole.run_id, experiment_id=EXPERIMENT))
    issues, hypotheses = store.list_issues(EXPERIMENT), store.list_hypotheses(whole.run_id)
    cited = {entry.trace_id for each in (*issues, *hypotheses) for entry in each.evidence}
    census = store.read_census(whole.run_id)
    assert census is not None
    samples = {trace_id for bucket in census.buckets for trace_id in bucket.sample_trace_ids}
    displayed = {found for event in whole.watcher.events for found in TRACE_ID.findall(f"{event.text} {event.detail}")}
    reported = set(TRACE_ID.findall(whole.report))
    assert issues
    assert cited
    assert samples
    assert reported
    assert (cited | samples | reported | displayed) - linked == set()


def test_every_query_of_the_report_gives_the_same_result_again(whole: Whole) -> None:
    store = memory_of(whole.uri)
    recorded = store.read_snapshot(whole.run_id)
    assert recorded is not None
    snapshot = take_snapshot(
        whole.uri,
        EXPERIMENT,
        instant=recorded.instant,
        since=None,
        until=None,
        cache=folder_of(whole.uri) / "cache",
        progress=lambda _, __: None,
    )
    assert snapshot.record == recorded
    named = set(QUERY_ID.findall(whole.report))
    assert len(named) > 50
    with Workbench.open(store, whole.run_id, snapshot, seed=0) as bench:
        again = {query_id: bench.query(store.read_query(whole.run_id, query_id).sql, title="again") for query_id in named}
    changed = [
        query_id
        for query_id, table in again.items()
        if result_digest(table) != store.read_query(whole.run_id, query_id).result_digest
    ]
    assert changed == []


def test_same_traces_and_clock_give_the_same_report_after_a_stop_and_with_issues_proven_alone(
    whole: Whole, resumed: Resumed
) -> None:
    assert normalised(resumed.uri) == normalised(whole.uri)


def normalised(uri: str) -> str:
    """The report without what differs from run to run: ids of runs, and where the store is."""
    report = (folder_of(uri) / "report.md").read_text(encoding="utf-8")
    names: dict[str, str] = {}
    text = RUN_ID.sub(lambda match: names.setdefault(match[0], f"run {len(names)}"), TRACE_ID.sub(protected, report))
    return text.replace(str(folder_of(uri)), "here")


def protected(match: re.Match[str]) -> str:
    """A trace id in a form that isn't taken for the id of a run."""
    return f"<{match[0][3:19]}-{match[0][19:]}>"


def test_resume_of_a_completed_analysis_says_so_and_changes_nothing(whole: Whole, tmp_path: Path) -> None:
    uri, watcher = copy_analysed(whole.uri, tmp_path / "store"), Watcher()
    before = canonical_memory(uri)
    outcome = analyse(uri, resume=whole.run_id, watcher=watcher, report=tmp_path / "again.md")
    assert (outcome.status, outcome.issues) == ("done", whole.outcome.issues)
    assert [event.text for event in watcher.events] == [f"Analysis {whole.run_id} is COMPLETED: nothing is left to do."]
    assert canonical_memory(uri) == before
    assert not (tmp_path / "again.md").exists()


def test_stop_in_the_middle_of_testing_loses_nothing(whole: Whole, resumed: Resumed) -> None:
    assert (resumed.stopped.status, exit_code(resumed.stopped, None)) == ("stopped", 130)
    assert "test" not in resumed.done_by_then
    assert [each.blocked for each in resumed.hypotheses_by_then if each.blocked] == []
    assert 0 < sum(each.tested for each in resumed.hypotheses_by_then) < len(resumed.hypotheses_by_then) / 2
    assert resumed.outcome.status == "done"
    assert verdicts(resumed.uri, resumed.outcome.run_id) == verdicts(whole.uri, whole.run_id)


def test_picture_of_the_graph_has_every_node() -> None:
    picture = build_graph().compile().get_graph().draw_mermaid()
    assert [name for name in (*STEPS, *ASKED_BY) if not re.search(rf"^\s+{name}\({name}\)", picture, re.MULTILINE)] == []
