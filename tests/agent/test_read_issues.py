"""A whole analysis whose only hypothesis is decided by reading: from the judge to the issue and the report."""

import asyncio
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from analyze_experiment.agent.insights_cli import run
from analyze_experiment.graph.ports import Explanation, Judge
from analyze_experiment.tests.agent.refunds import (
    HARMED,
    PROMISE,
    TRACES,
    HonestJudge,
    Refunds,
    StrictJudge,
    answered,
    judged,
    logged_refunds,
    promise_draft,
)
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, copy_analysed, folder_of, memory_of
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import (
    Cause,
    Cell,
    Hypothesis,
    HypothesisDraft,
    HypothesisStatus,
    Issue,
    IssueStatus,
    Severity,
)
from analyze_experiment.tools.reporting.words import share_of_issue
from analyze_experiment.tools.testing.endings import endings_draft
from analyze_experiment.tools.testing.plan import Count, Plan, QueryStep
from analyze_experiment.tools.testing.render import render_plan
from analyze_experiment.tools.workbench import Workbench


@pytest.fixture(scope="module")
def whole(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Refunds, Hypothesis, Issue, Watcher]:
    """An analysis that reads on until nothing is left."""
    refunds = logged_refunds(store_template, tmp_path_factory.mktemp("refunds"))
    return refunds, *judged(refunds)


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


class PatientAnalyst(GivenAnalyst):
    """Explains an issue only once the search for the cause of another has begun."""

    judge: Judge | None = HonestJudge()

    def __init__(self) -> None:
        super().__init__([promise_draft(), promise_draft(what="promises them again")])
        self.begun: list[str] = []
        self.both = asyncio.Event()

    async def explain(
        self, bench: Workbench, hypothesis: Hypothesis, affected: Sequence[AffectedTrace], cell: Cell | None = None
    ) -> Explanation:
        """The same words for each."""
        del bench, affected, cell
        self.begun.append(hypothesis.hypothesis_id)
        if len(self.begun) == 2:
            self.both.set()
        await asyncio.wait_for(self.both.wait(), 60)
        return Explanation(Cause(text=f"The reason of {hypothesis.hypothesis_id}.", standing="suspected"))


def test_causes_of_what_was_read_are_sought_beside_each_other(refunds: Refunds) -> None:
    analyst = PatientAnalyst()
    assert analyse(refunds.uri, analyst=analyst).status == "done"
    issues = memory_of(refunds.uri).list_issues("1")
    assert len(issues) == len(analyst.begun) == 2
    assert {each.cause.text for each in issues} == {f"The reason of {each.hypothesis_id}." for each in issues}


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
