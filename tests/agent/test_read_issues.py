"""A whole analysis whose only hypothesis is decided by reading: from the judge to the issue and the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.graph.ports import Claim, Judge, Judged, Proposal, Remark, Unasked
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, folder_of, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tools.insights.models import (
    Analysis,
    Hypothesis,
    HypothesisDraft,
    HypothesisStatus,
    Issue,
    Noticed,
    Severity,
)
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.testing.render import render_plan
from analyze_experiment.tools.traces.reader import TraceView
from analyze_experiment.tools.workbench import Workbench

PROMISE = "I promise to refund you today."
TRACES = 24


class HonestJudge:
    """Flags a promise where there is one, and may remark on something else."""

    width = 3

    def __init__(self, *remarks: Remark) -> None:
        self.calls = 0
        self.remarks = remarks

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
        """One claim a question."""
        del bench
        self.calls += 1
        flagged = Claim("affected", quote=PROMISE, reason="It promises a refund.")
        promises = PROMISE in trace.response
        claims = [flagged if promises and "promise" in question else Claim("not") for question in questions]
        return Judged(claims, self.remarks if promises else ())


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
    uri = copy_store(store_template, tmp_path / "store")
    samples = [SampleTrace(f"Order {n}?", PROMISE if n % 2 else f"Order {n} is here.") for n in range(TRACES)]
    return Refunds(uri, log_traces(uri, "refunds", samples).trace_ids)


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


def test_what_a_judge_flags_becomes_an_issue_with_all_affected_traces(refunds: Refunds) -> None:
    hypothesis, issue, watcher = judged(refunds)

    assert hypothesis.status is HypothesisStatus.VALIDATED
    assert hypothesis.result is not None and hypothesis.result.reads is not None and hypothesis.verdict is not None
    assert hypothesis.result.reads.read < TRACES - 4, "the verdict rests on what it took"
    assert f"{hypothesis.result.reads.read} traces of {TRACES - 4} read in random order" in hypothesis.verdict.reason
    assert (issue.affected, issue.population, issue.interval) == (TRACES // 2, TRACES, None)
    listed = memory_of(refunds.uri).issue_traces(issue.issue_id)
    assert {each.trace_id for each in listed} == set(refunds.trace_ids[1::2])
    assert issue.severity is Severity.MEDIUM
    assert "a judge whose errors aren't known" in issue.severity_because
    assert "the share that a judge flags" in issue.description
    assert f"After the verdict the rest was read too, all {TRACES} traces: {TRACES // 2} flagged." in issue.description
    assert {each.quote for each in issue.evidence if each.supports} == {PROMISE}
    report = (folder_of(refunds.uri) / "report.md").read_text(encoding="utf-8")
    assert f"{issue.affected} of {issue.population}" in report
    assert {event.step for event in watcher.events if event.kind == "progress" and "flagged" in event.text} == {"test", "issues"}


def test_where_reading_on_ends_early_the_share_has_an_interval_that_allows_for_the_rest(refunds: Refunds) -> None:
    hypothesis, issue, _ = judged(refunds, read_on=3)

    assert hypothesis.result is not None and hypothesis.result.reads is not None
    read = hypothesis.result.reads.read + 3
    assert issue.population == read < TRACES
    assert issue.population_title == f"traces read, of {TRACES} (all traces)"
    assert len(memory_of(refunds.uri).issue_traces(issue.issue_id)) == issue.affected
    assert issue.interval is not None
    assert issue.affected / TRACES <= issue.interval.low <= 0.5 <= issue.interval.high <= 1 - (read - issue.affected) / TRACES


def test_what_was_noted_while_judging_is_tested_in_a_batch_of_its_own(refunds: Refunds) -> None:
    analyst = ReadingAnalyst([promise_draft()])
    analyst.judge = judge = HonestJudge(Remark("It speaks of today.", "", "refund you today"))
    outcome = analyse(refunds.uri, analyst=analyst, read_on=0)

    store = memory_of(refunds.uri)
    first, second = store.list_hypotheses(outcome.run_id)
    assert {each.what for each in analyst.noticed} == {"It speaks of today."}
    assert second.origin == "test/0/0"
    closings = store.get_analysis(outcome.run_id).closings
    assert [each.hypotheses for each in closings] == [(first.hypothesis_id,), (second.hypothesis_id,)]
    assert closings[1].level < closings[0].level / 5
    assert second.status is HypothesisStatus.REJECTED
    assert judge.calls == len({reading.trace_id for reading in store.list_readings(outcome.run_id)}), "no trace is read twice"
    assert "Left for another time." in (folder_of(refunds.uri) / "report.md").read_text(encoding="utf-8")


def test_without_a_judge_the_plan_stays_blocked_and_says_why(refunds: Refunds) -> None:
    outcome = analyse(refunds.uri, analyst=GivenAnalyst([promise_draft()]))
    (hypothesis,) = memory_of(refunds.uri).list_hypotheses(outcome.run_id)
    assert (hypothesis.status, hypothesis.tested) == (HypothesisStatus.TESTING, False)
    assert "takes an analyst with a language model" in hypothesis.blocked
