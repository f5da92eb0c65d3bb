"""A whole analysis through `run_session`: its order, evidence and repeatability, and what stops, resumes and additions do."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from analyze_experiment.agent.human import Human, Payload, PolicyHuman, Reply, ScriptHuman
from analyze_experiment.agent.outcome import Outcome, exit_code
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.graph.build import ASKS, build_graph
from analyze_experiment.graph.ports import Event
from analyze_experiment.graph.routes import STEPS
from analyze_experiment.tests.agent.whole import (
    INSTANT,
    GivenAnalyst,
    Watcher,
    analyse,
    copy_analysed,
    entries,
    folder_of,
    memory_of,
)
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import BEGINNING, SampleExperiment, SampleTrace, log_traces
from analyze_experiment.tests.tools.insights.crashes import canonical_memory
from analyze_experiment.tools.errors import PersonNeeded, UserError
from analyze_experiment.tools.insights.models import AnalysisStatus, Hypothesis, HypothesisDraft, HypothesisStatus
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.sql.results import result_digest
from analyze_experiment.tools.testing.plan import Count, Plan, QueryStep
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
    """An analysis of the planted store that was stopped at the first result of a test, and resumed."""

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
    return Resumed(uri, stopped, done, hypotheses, analyse(uri, resume=stopped.run_id))


def verdicts(uri: str, run_id: str) -> dict[str, str]:
    """What was decided of each statement, with its reason."""
    return {each.statement: f"{each.status} {each.verdict}" for each in memory_of(uri).list_hypotheses(run_id)}


def the_only_analysis(store: InsightStore) -> str:
    (analysis,) = store.list_analyses(EXPERIMENT)
    return analysis.run_id


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


def test_same_traces_and_clock_give_the_same_report_even_after_a_stop(whole: Whole, resumed: Resumed) -> None:
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


CORRECTION = "It *lends* boats;\n  and  <never> sells them: überall."
FOCUS = " repeated calls of tools in a loop; the colour of the boats"


@dataclass(frozen=True)
class Guided:
    """An analysis of the simple traces that a person guided."""

    uri: str
    outcome: Outcome
    human: ScriptHuman


@pytest.fixture(scope="module")
def guided(sample_template: SampleExperiment, tmp_path_factory: pytest.TempPathFactory) -> Guided:
    uri = copy_store(Path(sample_template.uri.removeprefix("sqlite:///")), tmp_path_factory.mktemp("guided") / "store")
    report = {"type": "respond", "message": str(folder_of(uri) / "mine.md")}
    human = ScriptHuman(
        [[{"type": "respond", "message": CORRECTION}, {"type": "respond", "message": FOCUS}], [report]],
    )
    return Guided(uri, analyse(uri, human=human, report=None), human)


def test_correction_of_the_description_is_kept_verbatim(guided: Guided) -> None:
    analysis = memory_of(guided.uri).get_analysis(guided.outcome.run_id)
    assert (analysis.agent_description, analysis.agent_description_by) == (CORRECTION, "person")
    assert [payload["question"] for payload in guided.human.asked] == ["purpose", "report"]
    assert {question.name: question.answered_by for question in analysis.questions} == {"purpose": "person", "report": "person"}
    assert "corrected by a person" in (folder_of(guided.uri) / "mine.md").read_text(encoding="utf-8")


def test_known_focus_leads_and_an_unknown_one_is_untested(guided: Guided) -> None:
    hypotheses = memory_of(guided.uri).list_hypotheses(guided.outcome.run_id)
    sources = [each.source for each in hypotheses]
    asked = [each for each in hypotheses if each.source == "user"]
    assert sources[: len(asked)] == ["user"] * len(asked)
    known = [each for each in asked if not each.blocked]
    assert "repeated_tool_calls" in {each.playbook for each in known}
    assert [each for each in known if not each.tested] == []
    (unknown,) = [each for each in asked if each.blocked]
    assert (unknown.statement, unknown.status, unknown.verdict) == ("the colour of the boats", HypothesisStatus.TESTING, None)
    (line,) = guided.outcome.untested
    assert line.startswith(f"{unknown.hypothesis_id}: the colour of the boats (No entry of the playbook is about this")
    assert (guided.outcome.status, exit_code(guided.outcome, None)) == ("partial", 4)


def test_window_without_traces_is_refused_and_nothing_is_made(sample_experiment: SampleExperiment) -> None:
    before = canonical_memory(sample_experiment.uri)
    with pytest.raises(UserError, match="'1' has no traces in this window: widen --since and --until"):
        analyse(sample_experiment.uri, since=BEGINNING + timedelta(days=1))
    assert canonical_memory(sample_experiment.uri) == before


def test_question_without_a_default_needs_a_person(sample_experiment: SampleExperiment) -> None:
    log_traces(sample_experiment.uri, "another-agent", [SampleTrace("Hello?")])
    before = canonical_memory(sample_experiment.uri)
    with pytest.raises(PersonNeeded, match="'Which experiment shall be analysed\\?'.*--experiment") as caught:
        analyse(sample_experiment.uri, unattended=True)
    assert caught.value.exit_code == 5
    assert canonical_memory(sample_experiment.uri) == before


def test_stop_in_the_middle_of_testing_loses_nothing(whole: Whole, resumed: Resumed) -> None:
    assert (resumed.stopped.status, exit_code(resumed.stopped, None)) == ("stopped", 130)
    assert "test" not in resumed.done_by_then
    assert [each.blocked for each in resumed.hypotheses_by_then if each.blocked] == []
    assert 0 < sum(each.tested for each in resumed.hypotheses_by_then) < len(resumed.hypotheses_by_then) / 2
    assert resumed.outcome.status == "done"
    assert verdicts(resumed.uri, resumed.outcome.run_id) == verdicts(whole.uri, whole.run_id)


SLOW = HypothesisDraft(
    statement="Nobody knows.",
    testing_plan="Count for ever.",
    plan=Plan(
        estimand="snapshot",
        steps=(
            QueryStep(
                role="affected",
                title="longer than anybody waits",
                sql="SELECT max(a.trace_id) AS trace_id FROM spans AS a "
                + " ".join(f"CROSS JOIN spans AS {name}" for name in "bcdefghijkl")
                + " WHERE length(concat(a.name, b.name, c.name, d.name, e.name, f.name, g.name, h.name, i.name)) > 1000",
            ),
        ),
        decision=Count(at_least=1, threshold_source="user"),
    ),
    source="user",
    kind="quality",
)


def test_hypothesis_whose_query_is_killed_by_a_stop_is_not_blocked(sample_experiment: SampleExperiment) -> None:
    stop = StopSignal()
    watcher = Watcher(lambda event: stop.request("SIGTERM") if event.kind == "query" else None)
    outcome = analyse(sample_experiment.uri, stop=stop, watcher=watcher, analyst=GivenAnalyst([SLOW]))
    (hypothesis,) = memory_of(sample_experiment.uri).list_hypotheses(outcome.run_id)
    assert outcome.status == "stopped"
    assert (hypothesis.status, hypothesis.blocked, hypothesis.result) == (HypothesisStatus.TESTING, "", None)
    assert [event.text for event in watcher.events if event.kind == "query"] == ["Population: all traces: 5"]


@dataclass(frozen=True)
class Late:
    """A trace that comes after the analysis has begun."""

    title: str
    start: timedelta
    """Since the first sample trace began."""
    notes: int


LATE = (Late("newer than the snapshot", INSTANT - BEGINNING + timedelta(hours=1), 0), Late("older", timedelta(minutes=30), 1))


@pytest.mark.parametrize("late", LATE, ids=lambda late: late.title)
def test_traces_that_come_later_change_no_count_that_was_written(sample_experiment: SampleExperiment, late: Late) -> None:
    stop, uri, analyst = StopSignal(), sample_experiment.uri, GivenAnalyst(entries("few_failed_traces"))
    watcher = Watcher(lambda event: stop.request("SIGTERM") if event.kind == "census" else None)
    run_id = analyse(uri, stop=stop, watcher=watcher, analyst=analyst).run_id
    before = memory_of(uri).read_census(run_id), memory_of(uri).read_snapshot(run_id)
    log_traces(uri, sample_experiment.name, [SampleTrace("Too late?", error="LateError", start=BEGINNING + late.start)])
    outcome = analyse(uri, resume=run_id, analyst=analyst)
    assert outcome.status == "done"
    assert (memory_of(uri).read_census(run_id), memory_of(uri).read_snapshot(run_id)) == before
    assert len(outcome.notes) == late.notes
    for note in outcome.notes:
        assert re.search(r"The traces have changed since the analysis began: .* had 5 traces, .* has 6\.", note)
        assert note in (folder_of(uri) / "report.md").read_text(encoding="utf-8")


def test_picture_of_the_graph_has_every_node() -> None:
    picture = build_graph().compile().get_graph().draw_mermaid()
    assert [name for name in (*STEPS, *ASKS) if not re.search(rf"^\s+{name}\({name}\)", picture, re.MULTILINE)] == []


ADDED = "At least one trace ends in an error."


def added_to(store: InsightStore, run_id: str) -> Hypothesis:
    """A hypothesis that a person adds by hand while the analysis runs."""
    plan = Plan(
        estimand="snapshot",
        min_n=1,
        steps=(QueryStep(role="affected", title="an error", sql="SELECT trace_id FROM traces WHERE state = 'ERROR'"),),
        decision=Count(at_least=1, threshold_source="user"),
    )
    draft = HypothesisDraft(statement=ADDED, testing_plan="Count them.", plan=plan, source="user", kind="quality")
    return store.create_hypothesis(run_id, draft)


class AddingHuman(PolicyHuman):
    """Adds a hypothesis to the memory when asked where to save the report."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def answer(self, payload: Payload) -> Reply:
        """Answers by the default."""
        if payload["question"] == "report":
            store = memory_of(self._uri)
            added_to(store, the_only_analysis(store))
        return super().answer(payload)


def adding_watcher(uri: str) -> Watcher:
    """Adds a hypothesis to the memory when the issues are being proven."""

    def add(event: Event) -> None:
        if event.kind == "step" and event.step == "issues":
            store = memory_of(uri)
            added_to(store, the_only_analysis(store))

    return Watcher(add)


@pytest.mark.parametrize("moment", ["issues", "report"])
def test_hypothesis_that_is_added_before_the_end_is_tested(
    sample_experiment: SampleExperiment, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = sample_experiment.uri
    monkeypatch.chdir(folder_of(uri))
    human: Human = AddingHuman(uri) if moment == "report" else PolicyHuman()
    watcher = adding_watcher(uri) if moment == "issues" else Watcher()
    analyst = GivenAnalyst(entries("few_failed_traces"))
    outcome = analyse(uri, human=human, watcher=watcher, analyst=analyst, report=None)
    (added,) = [each for each in memory_of(uri).list_hypotheses(outcome.run_id) if each.statement == ADDED]
    analysis = memory_of(uri).get_analysis(outcome.run_id)
    assert added.status is HypothesisStatus.VALIDATED
    assert [added.hypothesis_id in closing.hypotheses for closing in analysis.closings] == [False, True]
    assert (analysis.status, set(analysis.progress)) == (AnalysisStatus.COMPLETED, set(STEPS))
    assert ADDED in Path(analysis.report_path or "").read_text(encoding="utf-8")
    assert ADDED in (memory_of(uri).read_report(outcome.run_id) or "")
