"""A whole analysis whose only hypothesis is decided by reading: from the judge to the issue and the report."""

import io
import json
import random
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import AssessmentSource, Feedback
from mlflow.tracing.client import TracingClient

from analyze_experiment.agent.insights.issues import create_issue
from analyze_experiment.agent.insights.opened import Insights
from analyze_experiment.agent.insights_cli import run
from analyze_experiment.graph.asking_on import ask_on
from analyze_experiment.graph.ports import Claim, Judge, Judged, Proposal, Remark, Unasked
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, copy_analysed, folder_of, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import BEGINNING, SampleTrace, log_traces
from analyze_experiment.tools.insights.models import (
    Analysis,
    Hypothesis,
    HypothesisDraft,
    HypothesisStatus,
    Issue,
    IssueStatus,
    Noticed,
    Severity,
)
from analyze_experiment.tools.reporting.words import share_of_issue
from analyze_experiment.tools.testing.endings import endings_draft
from analyze_experiment.tools.testing.plan import Count, Plan, QueryStep, Read, ReadStep
from analyze_experiment.tools.testing.render import render_plan
from analyze_experiment.tools.testing.watching import READ_AGAIN
from analyze_experiment.tools.traces.views import TraceView
from analyze_experiment.tools.workbench import Workbench

PROMISE = "I promise to refund you today."
TRACES = 24
HARMED = 3
"""Of the twelve promises those by which a trace ends wrongly: orders 1, 11 and 21."""
LATER = BEGINNING + timedelta(days=1)


class HonestJudge:
    """Flags a promise where there is one, and may remark on something else."""

    width = 3
    harmless = False
    """Whether it sees no consequence anywhere."""

    def __init__(self, *remarks: Remark) -> None:
        self.calls = 0
        self.remarks = remarks

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
        """One claim a question."""
        del bench
        self.calls += 1
        flagged = Claim("affected", "", PROMISE, "It promises a refund.", "misled", consequence_quote=PROMISE)
        if "1?" in trace.request:
            flagged = replace(flagged, consequence="wrong")
        if self.harmless:
            flagged = replace(flagged, consequence="none")
        promises = PROMISE in trace.response
        claims = [flagged if promises and "promise" in question else Claim("not") for question in questions]
        return Judged(claims, self.remarks if promises else ())


class StrictJudge(HonestJudge):
    """Sees that three orders end wrongly for which a refund is promised, and four others."""

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
        """One claim a question."""
        del bench
        self.calls += 1
        wrong = any(f"Order {n}?" in trace.request for n in (1, 11, 21, 0, 2, 12, 14))
        said = PROMISE if PROMISE in trace.response else "is here."
        claim = Claim("affected", "", said, "Not as asked.", "wrong", consequence_quote=said)
        return Judged([claim if wrong else Claim("not") for _ in questions])


class TiredJudge(HonestJudge):
    """Answers so often, and then can be asked no more."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self._answers = answers

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
        """The honest answer, or none."""
        if self.calls >= self._answers:
            return Unasked("the budget is spent", final=True)
        return await super().judge(bench, trace, questions)


class ReadingAnalyst(GivenAnalyst):
    """Proposes one hypothesis, and has a judge."""

    judge: Judge | None = None
    noticed: Sequence[Noticed] = ()

    async def follow_up(
        self,
        bench: Workbench,
        analysis: Analysis,
        noticed: Sequence[Noticed],
        tested: Sequence[Hypothesis],
        earlier: Sequence[Issue],
    ) -> Proposal:
        """One hypothesis of what was noted, whose question nobody affirms; read where nobody has read."""
        assert [each.verdict is not None for each in tested] == [True], "the first batch is closed"
        self.noticed = noticed
        read = [reading.trace_id for reading in bench.store.list_readings(bench.run_id)]
        return Proposal([promise_draft(what="swears", leave_out=read, min_n=1)], ["Left for another time."])


def promise_draft(*, what: str = "promises refunds", leave_out: Sequence[str] = (), min_n: int = 8) -> HypothesisDraft:
    question = ReadStep(title=what, question=f"Is it so that the agent {what}, which no rule allows?")
    decision = Read(threshold=0.05, threshold_source="configuration")
    plan = Plan(estimand="snapshot", steps=(question,), decision=decision, min_n=min_n, leave_out=tuple(leave_out))
    return HypothesisDraft(
        statement=f"Agent {what} that nobody makes",
        testing_plan=render_plan(plan),
        plan=plan,
        source="sample",
        kind="quality",
    )


@dataclass(frozen=True)
class Refunds:
    """A store in which every second trace promises a refund."""

    uri: str
    trace_ids: Sequence[str]


@pytest.fixture
def refunds(store_template: Path, tmp_path: Path) -> Refunds:
    return logged_refunds(store_template, tmp_path)


@contextmanager
def drawn_alike() -> Generator[None]:
    """Gives traces the same ids each time, since they decide in which order traces are read and where that stops."""
    state = random.getstate()
    random.seed(1)
    try:
        yield
    finally:
        random.setstate(state)


def logged_refunds(store_template: Path, folder: Path) -> Refunds:
    """The store, with a user's feedback on three traces: two promises, one of which pleased, and one fair answer that didn't."""
    uri = copy_store(store_template, folder / "store")
    samples = [SampleTrace(f"Order {n}?", PROMISE if n % 2 else f"Order {n} is here.") for n in range(TRACES)]
    with drawn_alike():
        trace_ids = log_traces(uri, "refunds", samples).trace_ids
    client = TracingClient(uri)
    for place, value in ((5, False), (7, True), (8, False)):
        source = AssessmentSource(source_type="HUMAN", source_id="user")
        client.log_assessment(trace_ids[place], Feedback(name="helpful", value=value, source=source))
    return Refunds(uri, trace_ids)


@pytest.fixture(scope="module")
def whole(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Refunds, Hypothesis, Issue, Watcher]:
    """An analysis that reads on until nothing is left."""
    refunds = logged_refunds(store_template, tmp_path_factory.mktemp("refunds"))
    return refunds, *judged(refunds)


def judged(refunds: Refunds, **settings: Any) -> tuple[Hypothesis, Issue, Watcher]:
    """The only hypothesis, and the issue that it is."""
    watcher, judge = Watcher(), HonestJudge()
    analyst = ReadingAnalyst([promise_draft(leave_out=refunds.trace_ids[:4])])
    analyst.judge = judge
    outcome = analyse(refunds.uri, watcher=watcher, analyst=analyst, **settings)
    store = memory_of(refunds.uri)
    (hypothesis,) = store.list_hypotheses(outcome.run_id)
    (issue,) = [each for each in store.list_issues("1") if each.hypothesis_id == hypothesis.hypothesis_id]
    assert judge.calls == len(store.list_readings(outcome.run_id)), "no trace is read twice"
    return hypothesis, issue, watcher


def test_a_counted_issue_whose_traces_end_no_worse_than_others_is_low(refunds: Refunds) -> None:
    promises = QueryStep(
        role="affected", title="promises", sql="SELECT trace_id FROM traces WHERE contains(response_text, 'promise')"
    )
    plan = Plan(estimand="snapshot", steps=(promises,), decision=Count(at_least=1, threshold_source="user"))
    counted = HypothesisDraft(
        statement="Agent promises refunds that nobody makes",
        testing_plan=render_plan(plan),
        plan=plan,
        source="user",
        kind="quality",
    )
    analyst = GivenAnalyst([counted, endings_draft()])
    analyst.judge = StrictJudge()
    outcome = analyse(refunds.uri, analyst=analyst)
    store = memory_of(refunds.uri)
    by_id = {each.hypothesis_id: each for each in store.list_issues("1")}
    promised, ended = (by_id[each.hypothesis_id] for each in store.list_hypotheses(outcome.run_id))

    assert promised.endings is not None and promised.endings.counts == (12, 3, 12, 4)
    assert promised.endings.severity_before is Severity.CRITICAL, "kept for when more ends are judged"
    assert (promised.severity, promised.affected) == (Severity.LOW, 12)
    assert "(by itself CRITICAL); 3 of 12 of its traces that were judged ended wrongly" in promised.severity_because
    assert "12 of 24 traces (50.0%, counted exactly); 3 of 12 ended wrongly, of others 4 of 12" in share_of_issue(promised)
    assert (ended.severity, ended.affected, ended.population, ended.endings) == (Severity.MEDIUM, 7, 24, None)
    assert ended.title == "Traces end otherwise than asked and allowed"
    assert "4 of these 7 traces are in no other issue; 3 in “Agent promises refunds that nobody makes”" in ended.cause.text


def test_what_a_judge_flags_becomes_an_issue_of_all_traces_that_ended_wrongly_by_it(
    whole: tuple[Refunds, Hypothesis, Issue, Watcher],
) -> None:
    refunds, hypothesis, issue, watcher = whole

    assert hypothesis.status is HypothesisStatus.VALIDATED
    assert hypothesis.result is not None and hypothesis.result.reads is not None and hypothesis.verdict is not None
    assert hypothesis.result.reads.read < TRACES - 4, "the verdict rests on what it took"
    assert f"{hypothesis.result.reads.read} traces of {TRACES - 4} read in random order" in hypothesis.verdict.reason
    assert (issue.affected, issue.population, issue.interval) == (HARMED, TRACES, None)
    listed = memory_of(refunds.uri).issue_traces(issue.issue_id)
    assert {each.trace_id for each in listed} == {refunds.trace_ids[order] for order in (1, 11, 21)}
    assert {each.consequence for each in listed} == {"wrong"}
    assert issue.consequences is not None
    assert (issue.consequences.flagged, issue.consequences.wrong, issue.consequences.misled) == (TRACES // 2, 3, 9)
    assert issue.severity is Severity.MEDIUM
    assert "at least 12.5% of the traces ended wrongly by it (by itself HIGH)" in issue.severity_because
    assert "Of 12 flagged traces 3 ended wrongly by it (12.5% of all 24), which are those listed; in 9 the user was misled" in (
        issue.description
    )
    assert "the share that a judge flags" in issue.description
    assert f"After the verdict the rest was read too, all {TRACES} traces: {TRACES // 2} flagged." in issue.description
    assert {each.quote for each in issue.evidence if each.supports} == {PROMISE}
    report = (folder_of(refunds.uri) / "report.md").read_text(encoding="utf-8")
    assert f"3 of {TRACES} traces (12.5%, counted exactly); ended wrongly by it, of 12 flagged" in report
    told = [event for event in watcher.events if event.kind == "progress" and "flagged" in event.detail]
    assert {event.step for event in told} == {"test", "issues"}


def test_feedback_of_people_is_set_beside_the_judge(whole: tuple[Refunds, Hypothesis, Issue, Watcher]) -> None:
    _, hypothesis, _, _ = whole
    assert hypothesis.result is not None and hypothesis.result.reads is not None and hypothesis.verdict is not None
    (found,) = hypothesis.result.reads.agreement
    assert 1 <= found.traces <= 3
    assert (found.flagged_bad, found.flagged_good, found.unflagged_bad) <= (1, 1, 1)
    assert f"Feedback of people (helpful) on {found.traces}" in hypothesis.verdict.reason


def label(whole: tuple[Refunds, Hypothesis, Issue, Watcher], *options: str, code: int = 0) -> None:
    """Labels with the command."""
    run_id = whole[2].source_run_id
    assert run(["label", run_id, "--tracking-uri", whole[0].uri, "--flagged", "4", "--unflagged", "4", *options]) == code


def test_a_person_labels_traces_without_being_told_what_the_judge_thinks(
    whole: tuple[Refunds, Hypothesis, Issue, Watcher], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refunds, hypothesis, issue, _ = whole
    monkeypatch.setattr("sys.stdin", io.StringIO("what?\nm\na\nq\n"))
    label(whole)
    said = capsys.readouterr().out
    assert "Is it so that the agent promises refunds" in said
    assert "'what?' is no answer." in said
    shown, _, after = said.partition("The judge says: ")
    assert "It promises a refund." not in shown, "what the judge said comes after the answer"
    assert "1 of 8 traces drawn by flag are labelled" in after

    store = memory_of(refunds.uri)
    labels = store.read_labels(issue.source_run_id, hypothesis.hypothesis_id)
    assert labels is not None and len(labels.drawn) == 8 and sum(each.flagged for each in labels.drawn) == 4
    truth = {trace_id: place % 2 == 1 for place, trace_id in enumerate(refunds.trace_ids)}
    rest = "".join("a\n" if truth[each.trace_id] else "n\n" for each in labels.pending)
    monkeypatch.setattr("sys.stdin", io.StringIO(rest))
    label(whole, "--output", "json")
    (document,) = json.loads(capsys.readouterr().out)
    assert document["pending"] == [] and len(document["labels"]) == 8
    right = sum(truth[each.trace_id] for each in labels.drawn if each.flagged)
    assert document["correction"]["flagged_affected"] >= right - 1
    assert (
        document["correction"]["interval"]["low"] < document["correction"]["share"] < document["correction"]["interval"]["high"]
    )
    kept = store.files.read(issue.source_run_id, "report.md")
    assert (
        kept is not None and "A person labelled 8 of the 24 traces that were judged, drawn by flag, 4 flagged and 4 not" in kept
    )
    assert (document["status"], document["verdict"]["by"]) == ("VALIDATED", "test"), "eight labels are too few to decide"


def test_answers_come_from_a_file_and_only_for_traces_that_were_drawn(
    whole: tuple[Refunds, Hypothesis, Issue, Watcher], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refunds, hypothesis, issue, _ = whole
    store, answers = memory_of(refunds.uri), tmp_path / "answers.csv"
    answers.write_text("", encoding="utf-8")
    label(whole, "--answers", str(answers))
    labels = store.read_labels(issue.source_run_id, hypothesis.hypothesis_id)
    assert labels is not None
    answers.write_text(f"trace_id,answer\n{labels.drawn[0].trace_id},unclear\n")
    label(whole, "--answers", str(answers))
    changed = memory_of(refunds.uri).read_labels(issue.source_run_id, hypothesis.hypothesis_id)
    assert changed is not None and changed.answers[labels.drawn[0].trace_id] == "unclear"
    undrawn = next(each for each in refunds.trace_ids if each not in {trace.trace_id for trace in labels.drawn})
    answers.write_text(f"{labels.drawn[1].trace_id},not\n{undrawn},not\n")
    label(whole, "--answers", str(answers), code=2)
    assert "line 2: trace" in capsys.readouterr().err
    assert memory_of(refunds.uri).read_labels(issue.source_run_id, hypothesis.hypothesis_id) == changed, "nothing was kept"


def answered(uri: str, issue: Issue, answers: Path, *, flagged_are: bool, judged: int = TRACES) -> tuple[Hypothesis, Issue, str]:
    """All traces that were judged are labelled: the others aren't affected, and all that are flagged are, or none is."""
    insights = ["label", issue.source_run_id, "--tracking-uri", uri, "--answers", str(answers)]
    answers.write_text("", encoding="utf-8")
    assert run(insights) == 0
    store = memory_of(uri)
    labels = store.read_labels(issue.source_run_id, issue.hypothesis_id or "")
    assert labels is not None and len(labels.drawn) == judged
    truth = {True: "affected" if flagged_are else "not", False: "not"}
    answers.write_text("".join(f"{each.trace_id},{truth[each.flagged]}\n" for each in labels.drawn), encoding="utf-8")
    assert run(insights) == 0
    hypothesis = store.get_hypothesis(issue.source_run_id, labels.hypothesis_id)
    return hypothesis, store.get_issue(issue.issue_id), store.read_report(issue.source_run_id) or ""


def test_labels_give_a_verdict_again_take_its_issue_back_and_give_it_again(
    whole: tuple[Refunds, Hypothesis, Issue, Watcher], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri, found, answers = copy_analysed(whole[0].uri, tmp_path / "copy"), whole[2], tmp_path / "answers.csv"
    for kept in (tmp_path / "copy").rglob("labels_*.yaml"):
        kept.unlink()  # those of another test

    hypothesis, issue, report = answered(uri, found, answers, flagged_are=False)
    assert hypothesis.status is HypothesisStatus.INCONCLUSIVE
    assert hypothesis.verdict is not None and hypothesis.verdict.by == "labels"
    assert whole[1].verdict is not None and whole[1].verdict.reason in hypothesis.history[-1], "what it was before"
    assert "VALIDATED -> INCONCLUSIVE by labels" in hypothesis.history[-1]
    assert issue.status is IssueStatus.REJECTED and "is right in 0 of 12 that it flags" in (issue.resolution or "")
    assert issue.title not in report.split("## Refuted")[0] and hypothesis.verdict.reason in report.split("## Inconclusive")[1]
    assert "The verdict is INCONCLUSIVE now, it was VALIDATED." in capsys.readouterr().out

    hypothesis, issue, report = answered(uri, found, answers, flagged_are=True)
    assert (hypothesis.status, issue.status, issue.resolution) == (HypothesisStatus.VALIDATED, IssueStatus.OPEN, None)
    assert issue.severity_because != found.severity_because, "it is rated by the corrected share"
    assert issue.correction is not None and issue.correction.share is not None and issue.correction.labelled == TRACES
    assert "of 12 flagged; by 24 labels 50.0% of the 24 judged should be flagged (95% interval " in report
    assert "no labels drawn at random" not in report

    _, again, same = answered(uri, found, answers, flagged_are=True)
    assert (again, same) == (issue, report), "the same labels change nothing"


def test_where_reading_on_ends_early_the_share_has_an_interval_that_allows_for_the_rest(refunds: Refunds) -> None:
    hypothesis, issue, _ = judged(refunds, read_on=3)

    assert hypothesis.result is not None and hypothesis.result.reads is not None
    read = issue.population
    assert hypothesis.result.reads.read + 3 <= read < TRACES, "more only where answers overtook the one that decided it"
    assert issue.population_title == f"traces read, of {TRACES} (all traces)"
    assert len(memory_of(refunds.uri).issue_traces(issue.issue_id)) == issue.affected
    assert issue.interval is not None
    assert issue.affected / TRACES <= issue.interval.low <= HARMED / TRACES <= issue.interval.high
    assert round(issue.interval.high * TRACES) <= TRACES - (read - issue.affected)
    made = create_issue(
        Insights(memory_of(refunds.uri), folder_of(refunds.uri) / "cache"),
        run_id=issue.source_run_id,
        title="Agent promises refunds that nobody makes",
        description="It promises what no rule allows.",
        severity=Severity.CRITICAL,
        hypothesis_id=hypothesis.hypothesis_id,
    )
    same = ("issue_id", "affected", "population", "population_title", "interval")
    assert made.model_dump(include=set(same)) == issue.model_dump(include=set(same)), "by hand it is the same issue"
    assert (made.severity, made.severity_by, made.cause) == (Severity.CRITICAL, "person", issue.cause)


def test_what_was_noted_while_judging_is_tested_in_a_batch_of_its_own(refunds: Refunds) -> None:
    analyst = ReadingAnalyst([promise_draft()])
    analyst.judge = judge = HonestJudge(Remark("It speaks of today.", "", "refund you today"))
    judge.harmless = True
    outcome = analyse(refunds.uri, analyst=analyst)

    store = memory_of(refunds.uri)
    first, second = store.list_hypotheses(outcome.run_id)
    assert {each.what for each in analyst.noticed} == {"It speaks of today."}
    assert second.origin == "test/0/0"
    closings = store.get_analysis(outcome.run_id).closings
    assert [each.hypotheses for each in closings] == [(first.hypothesis_id,), (second.hypothesis_id,)]
    assert closings[1].level < closings[0].level / 5
    assert second.status is HypothesisStatus.REJECTED
    assert judge.calls == len({reading.trace_id for reading in store.list_readings(outcome.run_id)}), "no trace is read twice"
    (issue,) = [each for each in store.list_issues("1") if each.hypothesis_id == first.hypothesis_id]
    assert (issue.severity, issue.interval is None) == (Severity.LOW, False), "nobody reads on for what harms nobody"
    assert "Left for another time." in (folder_of(refunds.uri) / "report.md").read_text(encoding="utf-8")


def test_a_reading_that_the_budget_ended_goes_on_from_where_it_stood(refunds: Refunds) -> None:
    analyst = ReadingAnalyst([promise_draft()])
    analyst.judge = tired = TiredJudge(1)  # a single trace proves nothing, whichever it is
    outcome = analyse(refunds.uri, analyst=analyst)
    store = memory_of(refunds.uri)
    (broken_off,) = store.list_hypotheses(outcome.run_id)
    assert broken_off.status is HypothesisStatus.INCONCLUSIVE
    assert broken_off.result is not None and broken_off.result.reads is not None
    assert (broken_off.result.reads.stopped, tired.calls) == ("budget", 1)

    ask_on(store, outcome.run_id)
    analyst.judge = rested = HonestJudge()
    assert analyse(refunds.uri, analyst=analyst, resume=outcome.run_id).status == "done"
    (decided,) = store.list_hypotheses(outcome.run_id)
    assert decided.status is HypothesisStatus.VALIDATED
    assert tired.calls + rested.calls == TRACES, "each trace is read once"
    closings = store.get_analysis(outcome.run_id).closings
    assert [each.hypotheses for each in closings] == [(), (decided.hypothesis_id,)], "it is decided once, at its own level"
    assert any("INCONCLUSIVE -> TESTING: goes on after" in line for line in decided.history)


def test_naming_the_affected_traces_goes_on_where_the_budget_ended_it_and_its_labels_stay(
    refunds: Refunds, tmp_path: Path
) -> None:
    analyst = ReadingAnalyst([promise_draft()])
    analyst.judge = tired = TiredJudge(TRACES - 8)
    outcome = analyse(refunds.uri, analyst=analyst)
    store = memory_of(refunds.uri)
    (first,) = store.list_issues("1")
    assert first.consequences is not None and first.consequences.flagged < TRACES // 2
    labelled, _, _ = answered(refunds.uri, first, tmp_path / "answers.csv", flagged_are=True, judged=TRACES - 8)
    assert labelled.verdict is not None and labelled.verdict.by == "labels"

    ask_on(store, outcome.run_id)
    analyst.judge = rested = HonestJudge()
    assert analyse(refunds.uri, analyst=analyst, resume=outcome.run_id).status == "done"
    (issue,) = store.list_issues("1")
    assert (issue.issue_id, issue.affected, issue.population) == (first.issue_id, HARMED, TRACES)
    assert issue.consequences is not None and issue.consequences.flagged == TRACES // 2
    assert {each.trace_id for each in store.issue_traces(issue.issue_id)} == {refunds.trace_ids[order] for order in (1, 11, 21)}
    assert tired.calls + rested.calls == TRACES, "each trace is read once"
    (hypothesis,) = store.list_hypotheses(outcome.run_id)
    assert hypothesis.verdict is not None and hypothesis.verdict.batch == 1, "the verdict stays"
    assert (hypothesis.verdict.by, hypothesis.status) == ("labels", HypothesisStatus.VALIDATED)
    assert f"flagged of {TRACES} traces read, which are all" in hypothesis.verdict.reason, "it is given again on all that is read"
    assert issue.correction is not None and issue.correction.labelled == TRACES - 8


def test_without_a_judge_the_plan_stays_blocked_and_says_why(refunds: Refunds) -> None:
    outcome = analyse(refunds.uri, analyst=GivenAnalyst([promise_draft()]))
    (hypothesis,) = memory_of(refunds.uri).list_hypotheses(outcome.run_id)
    assert (hypothesis.status, hypothesis.tested) == (HypothesisStatus.TESTING, False)
    assert "takes an analyst with a language model" in hypothesis.blocked


def test_what_reading_found_is_read_again_on_newer_traces_and_how_it_stands_is_kept(refunds: Refunds) -> None:
    _, issue, _ = judged(refunds)
    (first,) = issue.trend
    assert (first.standing, first.population) == ("new", int(first.effective))
    later = [
        SampleTrace(f"Later order {n}?", f"Order {n} is here.", start=LATER + timedelta(minutes=n)) for n in range(READ_AGAIN)
    ]
    log_traces(refunds.uri, "refunds", later)
    analyst = ReadingAnalyst([])
    analyst.judge = judge = HonestJudge()
    outcome = analyse(refunds.uri, analyst=analyst, since="last")

    store = memory_of(refunds.uri)
    (again,) = store.list_hypotheses(outcome.run_id)
    assert (again.source, again.status) == ("prior", HypothesisStatus.REJECTED)
    assert judge.calls == READ_AGAIN, "each newer trace once, whatever they say"
    looked = store.get_issue(issue.issue_id)
    assert [(point.standing, point.affected, point.population) for point in looked.trend[1:]] == [("quiet", 0, READ_AGAIN)]
    assert not looked.is_unread_by(outcome.run_id)
    assert len(store.issue_traces(issue.issue_id)) == HARMED, "its traces are those of when it was found"


def test_a_run_that_reads_nothing_says_that_it_did_not_look(refunds: Refunds) -> None:
    _, issue, _ = judged(refunds)
    log_traces(refunds.uri, "refunds", [SampleTrace("Later order?", PROMISE, start=LATER)])
    outcome = analyse(refunds.uri, analyst=GivenAnalyst([]), since="last")
    assert memory_of(refunds.uri).get_issue(issue.issue_id).is_unread_by(outcome.run_id)
    assert any("Not looked at, because that needs reading" in note for note in outcome.notes)
