"""A reading goes on: after its verdict, after its budget, in a later batch, and on newer traces."""

from datetime import timedelta
from pathlib import Path

from analyze_experiment.agent.insights.issues import create_issue
from analyze_experiment.agent.insights.opened import Insights
from analyze_experiment.graph.asking_on import ask_on
from analyze_experiment.graph.ports import Remark
from analyze_experiment.tests.agent.refunds import (
    HARMED,
    LATER,
    PROMISE,
    TRACES,
    HonestJudge,
    ReadingAnalyst,
    Refunds,
    TiredJudge,
    answered,
    judged,
    promise_draft,
)
from analyze_experiment.tests.agent.whole import GivenAnalyst, analyse, folder_of, memory_of
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tools.insights.models import (
    HypothesisStatus,
    Severity,
)
from analyze_experiment.tools.testing.watching import READ_AGAIN


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
