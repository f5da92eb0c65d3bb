"""What comes in between an analysis: a person's guidance, a question nobody answers, a stop, late traces, added hypotheses."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from analyze_experiment.agent.human import Decision, Human, Payload, PolicyHuman, Reply
from analyze_experiment.agent.outcome import Outcome, exit_code
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.graph.ports import Event
from analyze_experiment.graph.routes import STEPS
from analyze_experiment.tests.agent.whole import (
    INSTANT,
    GivenAnalyst,
    Watcher,
    analyse,
    entries,
    folder_of,
    memory_of,
)
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import BEGINNING, SampleExperiment, SampleTrace, log_traces
from analyze_experiment.tests.tools.insights.crashes import canonical_memory
from analyze_experiment.tools.errors import AnalysisLocked, PersonNeeded
from analyze_experiment.tools.insights.locks import ExperimentLock
from analyze_experiment.tools.insights.models import AnalysisStatus, Hypothesis, HypothesisDraft, HypothesisStatus, Verdict
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.plan import Count, Plan, QueryStep
from analyze_experiment.tools.tracking import connect

EXPERIMENT = "1"


def the_only_analysis(store: InsightStore) -> str:
    (analysis,) = store.list_analyses(EXPERIMENT)
    return analysis.run_id


CORRECTION = "It *lends* boats;\n  and  <never> sells them: überall."
FOCUS = " repeated calls of tools in a loop; the colour of the boats"


class ScriptHuman:
    """A person who answers from a list."""

    def __init__(self, *answers: list[Decision]) -> None:
        self._answers = iter(answers)
        self.asked: list[Payload] = []

    def answer(self, payload: Payload) -> Reply:
        """The next answer of the list."""
        self.asked.append(payload)
        return Reply(next(self._answers), "person")


@dataclass(frozen=True)
class Guided:
    """An analysis of the simple traces that a person guided."""

    uri: str
    outcome: Outcome
    human: ScriptHuman


@pytest.fixture(scope="module")
def guided(sample_template: SampleExperiment, tmp_path_factory: pytest.TempPathFactory) -> Guided:
    uri = copy_store(Path(sample_template.uri.removeprefix("sqlite:///")), tmp_path_factory.mktemp("guided") / "store")
    said = [{"type": "respond", "message": text} for text in (CORRECTION, FOCUS)]
    nowhere, report = ({"type": "respond", "message": str(folder_of(uri) / name)} for name in ("mlflow.db/mine.md", "mine.md"))
    human = ScriptHuman(said, [nowhere], [nowhere], [report])
    return Guided(uri, analyse(uri, human=human, report=None), human)


@pytest.mark.xdist_group("guided")
def test_correction_of_the_description_is_kept_verbatim(guided: Guided) -> None:
    analysis = memory_of(guided.uri).get_analysis(guided.outcome.run_id)
    assert (analysis.agent_description, analysis.agent_description_by) == (CORRECTION, "person")
    assert [payload["question"] for payload in guided.human.asked] == ["purpose", *["report"] * 3], (
        "asked until it can be written"
    )
    assert {question.name: question.answered_by for question in analysis.questions} == {"purpose": "person", "report": "person"}
    assert "corrected by a person" in (folder_of(guided.uri) / "mine.md").read_text(encoding="utf-8")


@pytest.mark.xdist_group("guided")
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


def test_window_without_traces_ends_well_and_nothing_is_made(sample_experiment: SampleExperiment) -> None:
    before = canonical_memory(sample_experiment.uri)
    outcome = analyse(sample_experiment.uri, since=BEGINNING + timedelta(days=1))
    assert (outcome.status, outcome.run_id, exit_code(outcome, None)) == ("empty", "", 0)
    (note,) = outcome.notes
    assert note.startswith("Experiment 'support-agent' has no trace in this window (")
    assert canonical_memory(sample_experiment.uri) == before


def test_question_without_a_default_needs_a_person(sample_experiment: SampleExperiment) -> None:
    log_traces(sample_experiment.uri, "another-agent", [SampleTrace("Hello?")])
    before = canonical_memory(sample_experiment.uri)
    with pytest.raises(PersonNeeded, match="'Which experiment shall be analysed\\?'.*--experiment") as caught:
        analyse(sample_experiment.uri, unattended=True)
    assert caught.value.exit_code == 5
    assert canonical_memory(sample_experiment.uri) == before


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


def outside(react: Callable[[InsightStore, str, Event], object], uri: str) -> Watcher:
    """Has something done to the memory by another process's store, once, when the first step of the slow test is shown."""
    done: list[Event] = []

    def on_event(event: Event) -> None:
        if event.kind != "query" or done:
            return
        store = memory_of(uri)
        run_id = the_only_analysis(store)
        if store.get_hypothesis(run_id, event.subject).statement == SLOW.statement:  # another one may be tested beside it
            done.append(event)
            react(store, run_id, event)

    return Watcher(on_event)


def test_hypothesis_that_is_dropped_elsewhere_is_worked_on_no_longer(sample_experiment: SampleExperiment) -> None:
    uri = sample_experiment.uri
    watcher = outside(lambda store, run_id, event: store.drop_hypothesis(run_id, event.subject, why="of no interest"), uri)
    outcome = analyse(uri, watcher=watcher, analyst=GivenAnalyst([SLOW, *entries("few_failed_traces")]))
    slow, other = memory_of(uri).list_hypotheses(outcome.run_id)
    assert (slow.status, slow.dropped, slow.result, slow.blocked) == (HypothesisStatus.REJECTED, True, None, "")
    assert other.verdict is not None
    assert (outcome.status, outcome.hypotheses["dropped"]) == ("done", 1)
    said = [event.text for event in watcher.events if event.kind == "result" and event.subject == slow.hypothesis_id]
    assert said == ["dropped elsewhere: the work on it stops"]


def test_hypothesis_that_is_decided_by_hand_is_worked_on_no_longer(sample_experiment: SampleExperiment) -> None:
    uri = sample_experiment.uri
    verdict = Verdict(status=HypothesisStatus.INCONCLUSIVE, by="person", reason="It can't be known.")
    watcher = outside(lambda store, run_id, event: store.decide(run_id, event.subject, verdict), uri)
    outcome = analyse(uri, watcher=watcher, analyst=GivenAnalyst([SLOW]))
    (slow,) = memory_of(uri).list_hypotheses(outcome.run_id)
    assert (slow.status, slow.verdict, slow.result, outcome.status) == (HypothesisStatus.INCONCLUSIVE, verdict, None, "done")


def test_hypothesis_that_is_added_elsewhere_is_tested_beside_the_others(sample_experiment: SampleExperiment) -> None:
    uri = sample_experiment.uri
    watcher = outside(lambda store, run_id, _: added_to(store, run_id), uri)
    inner = watcher.react

    def react(event: Event) -> None:
        inner(event)
        if event.kind == "result":  # the added one is tested: the one that would take for ever is in the way
            store = memory_of(uri)
            run_id = the_only_analysis(store)
            for each in store.list_hypotheses(run_id):
                if each.statement == SLOW.statement:
                    store.drop_hypothesis(run_id, each.hypothesis_id, why="too slow")

    watcher.react = react
    outcome = analyse(uri, watcher=watcher, analyst=GivenAnalyst([SLOW]))
    slow, added = memory_of(uri).list_hypotheses(outcome.run_id)
    assert (slow.dropped, added.status) == (True, HypothesisStatus.VALIDATED)
    (closing,) = memory_of(uri).get_analysis(outcome.run_id).closings
    assert closing.hypotheses == (added.hypothesis_id,)


def test_stopped_analysis_is_held_against_others_when_it_goes_on(sample_experiment: SampleExperiment) -> None:
    stop, uri, analyst = StopSignal(), sample_experiment.uri, GivenAnalyst(entries("few_failed_traces"))
    watcher = Watcher(lambda event: stop.request("SIGTERM") if event.kind == "census" else None)
    run_id = analyse(uri, stop=stop, watcher=watcher, analyst=analyst).run_id
    lock = ExperimentLock(connect(uri).uri)
    lock.claim(EXPERIMENT)
    try:
        with pytest.raises(AnalysisLocked, match="Another run analyses experiment '1'"):
            analyse(uri, resume=run_id, analyst=analyst)
    finally:
        lock.release()


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


ADDED = "At least one trace ends in an error."
ANY_ERROR = HypothesisDraft(
    statement=ADDED,
    testing_plan="Count them.",
    plan=Plan(
        estimand="snapshot",
        min_n=1,
        steps=(QueryStep(role="affected", title="an error", sql="SELECT trace_id FROM traces WHERE state = 'ERROR'"),),
        decision=Count(at_least=1, threshold_source="user"),
    ),
    source="user",
    kind="quality",
)


def added_to(store: InsightStore, run_id: str) -> Hypothesis:
    """A hypothesis that a person adds by hand while the analysis runs."""
    return store.create_hypothesis(run_id, ANY_ERROR)


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
    assert [event.kind for event in watcher.events].count("report") == 1
    assert ADDED in (memory_of(uri).read_report(outcome.run_id) or "")
