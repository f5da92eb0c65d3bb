"""A store in which every second trace promises a refund, judges that read it, and an analysis with one of them."""

import random
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mlflow.entities import AssessmentSource, Feedback
from mlflow.tracing.client import TracingClient

from analyze_experiment.agent.insights_cli import run
from analyze_experiment.graph.ports import Claim, Judge, Judged, Proposal, Remark, Unasked
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import BEGINNING, SampleTrace, log_traces
from analyze_experiment.tools.insights.models import (
    Analysis,
    Hypothesis,
    HypothesisDraft,
    Issue,
    Noticed,
)
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.testing.render import render_plan
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
