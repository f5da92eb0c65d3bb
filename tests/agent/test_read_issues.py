"""A whole analysis whose only hypothesis is decided by reading: from the judge to the issue and the report."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from analyze_experiment.graph.ports import Claim, Judge
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, folder_of, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tools.insights.models import HypothesisDraft, HypothesisStatus, Severity
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.testing.render import render_plan
from analyze_experiment.tools.traces.reader import TraceView
from analyze_experiment.tools.workbench import Workbench

PROMISE = "I promise to refund you today."
TRACES = 24


class HonestJudge:
    """Flags a promise where there is one."""

    width = 3

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Sequence[Claim] | None:
        """One claim a question."""
        del bench
        flagged = Claim("affected", quote=PROMISE, reason="It promises a refund.")
        return [flagged if PROMISE in trace.response else Claim("not") for _ in questions]


class ReadingAnalyst(GivenAnalyst):
    """Proposes one hypothesis, and has a judge."""

    judge: Judge | None = HonestJudge()


def promise_draft() -> HypothesisDraft:
    question = ReadStep(title="promises of refunds", question="Does the agent promise a refund that no tool makes?")
    decision = Read(threshold=0.05, threshold_source="configuration")
    plan = Plan(estimand="snapshot", steps=(question,), decision=decision, min_n=8)
    return HypothesisDraft(
        statement="Agent promises refunds that nobody makes",
        testing_plan=render_plan(plan),
        plan=plan,
        source="sample",
        kind="quality",
    )


@pytest.fixture
def refunds(store_template: Path, tmp_path: Path) -> str:
    uri = copy_store(store_template, tmp_path / "store")
    log_traces(uri, "refunds", [SampleTrace(f"Order {n}?", PROMISE if n % 2 else f"Order {n} is here.") for n in range(TRACES)])
    return uri


def test_what_a_judge_flags_becomes_an_issue_that_says_so(refunds: str) -> None:
    watcher = Watcher()
    outcome = analyse(refunds, watcher=watcher, analyst=ReadingAnalyst([promise_draft()]))

    store = memory_of(refunds)
    (hypothesis,) = store.list_hypotheses(outcome.run_id)
    assert hypothesis.status is HypothesisStatus.VALIDATED
    assert hypothesis.result is not None
    assert hypothesis.result.reads is not None
    (issue,) = [each for each in store.list_issues("1") if each.hypothesis_id == hypothesis.hypothesis_id]
    assert (issue.affected, issue.population) == (hypothesis.result.affected, hypothesis.result.reads.read)
    assert issue.severity is Severity.MEDIUM
    assert "a judge whose errors aren't known" in issue.severity_because
    assert "the share that a judge flags" in issue.description
    assert {each.quote for each in issue.evidence if each.supports} == {PROMISE}
    assert len(store.issue_traces(issue.issue_id)) == issue.affected
    report = (folder_of(refunds) / "report.md").read_text(encoding="utf-8")
    assert f"{issue.affected} of {issue.population}" in report
    assert "traces read" in report
    assert any("flagged" in event.text for event in watcher.events if event.kind == "progress")


def test_without_a_judge_the_plan_stays_blocked_and_says_why(refunds: str) -> None:
    outcome = analyse(refunds, analyst=GivenAnalyst([promise_draft()]))
    (hypothesis,) = memory_of(refunds).list_hypotheses(outcome.run_id)
    assert (hypothesis.status, hypothesis.tested) == (HypothesisStatus.TESTING, False)
    assert "takes an analyst with a language model" in hypothesis.blocked
