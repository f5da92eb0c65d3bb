"""What a judge noted besides what it was asked: grouped, held against what is known, planned, and tested on other traces."""

import asyncio
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts.language import LanguageAnalyst
from analyze_experiment.agent.analysts.remarks import MOST
from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel, Limits
from analyze_experiment.graph.ports import Proposal
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tests.scripted_model import Request, ScriptedModel
from analyze_experiment.tools.insights.models import Hypothesis, HypothesisDraft, Judgement, Noticed, TraceReading
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
TRACES = 24
SHOWN, READ = (0, 1), (2, 3, 4)
"""By number: the traces that were shown while hypotheses were made, and those that were read for them."""
SESSION = 2
"""Traces a session; number 5 is in that of a trace that was read, and wasn't read itself."""
KNOWN = "The agent loses orders."


@pytest.fixture(scope="module")
def bench(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Workbench]:
    folder = tmp_path_factory.mktemp("remarks")
    uri = copy_store(store_template, folder / "store")
    samples = [SampleTrace(f"Order {n}?", f"Order {n} is here.", session=f"s{n // SESSION}") for n in range(TRACES)]
    log_traces(uri, "orders", samples)
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="language", with_model=True)
    snapshot = take_snapshot(uri, "1", instant=INSTANT, since=None, until=None, cache=folder / "c", progress=lambda *_: None)
    with Workbench.open(store, made.run_id, snapshot, seed=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def trace_ids(bench: Workbench) -> list[str]:
    rows = bench.query("SELECT trace_id, request_time FROM traces ORDER BY request_time", title="In order of time").to_pylist()
    return [str(row["trace_id"]) for row in rows]


@pytest.fixture(scope="module")
def tested(bench: Workbench, trace_ids: Sequence[str]) -> Hypothesis:
    """A hypothesis for which some traces were read."""
    question = ReadStep(title="lost orders", question="Does the agent lose an order?")
    decision = Read(threshold=0.1, threshold_source="configuration")
    left_out = tuple(trace_ids[place] for place in SHOWN)
    plan = Plan(estimand="snapshot", steps=(question,), decision=decision, leave_out=left_out)
    made = bench.store.create_hypothesis(
        bench.run_id, HypothesisDraft(statement=KNOWN, testing_plan="Read.", plan=plan, source="sample", kind="quality")
    )
    for place in READ:
        judgement = Judgement(hypothesis_id=made.hypothesis_id, answer="not")
        bench.store.write_reading(bench.run_id, TraceReading(trace_id=trace_ids[place], judgements=(judgement,)))
    return made


def mode(title: str, *notes: int) -> dict[str, Any]:
    statement = KNOWN if title == "known" else f"The agent shows {title}."
    return {"title": title, "statement": statement, "check": f"It counts where {title}.", "by_sql": False, "notes": list(notes)}


def plan_of(request: Request) -> dict[str, Any]:
    """What is `counted` is compared, the rest is read."""
    titled = request.user.split("<candidate>")[1].strip().splitlines()[0]
    compared = titled == "counted"
    return {
        "decision": "rate" if compared else "read",
        "statement": f"The agent shows {titled}.",
        "population_sql": "",
        "population_title": "",
        "affected_sql": "SELECT trace_id FROM traces WHERE response LIKE '%here%'" if compared else "",
        "exposed_sql": "",
        "question": "" if compared else f"Does the agent show {titled}?",
        "rejected_if": "",
        "why_none": "",
    }


@pytest.fixture(scope="module")
def proposal(bench: Workbench, tested: Hypothesis, trace_ids: Sequence[str]) -> Proposal:
    titles = ["counted", "known", *(f"mode {number}" for number in range(MOST))]
    noticed = [Noticed(trace_id=trace_ids[READ[0]], what=f"It does {title}.", quote="is here.") for title in titles]

    async def propose(url: str) -> Proposal:
        model = LanguageModel(Endpoint("small", url, api_key="k"), Budget(Limits()))
        analyst = LanguageAnalyst(GivenAnalyst(()), model, Watcher(), sample=0)
        analysis = bench.store.get_analysis(bench.run_id)
        try:
            return await analyst.follow_up(bench, analysis, noticed, [tested], [])
        finally:
            await analyst.close()

    with ScriptedModel() as server:
        server.script("Grouping", {"modes": [mode(title, place) for place, title in enumerate(titles, start=1)]})
        server.script("Duplicates", {"pairs": [{"candidate": "C2", "same_as": "K1"}]})
        server.script("WrittenPlan", plan_of, repeat=True)
        return asyncio.run(propose(server.url))


def test_what_is_tested_already_is_left_out_and_at_most_five_are_tested(proposal: Proposal) -> None:
    assert len(proposal.drafts) == MOST
    assert {draft.source for draft in proposal.drafts} == {"judging"}
    assert all("noted in 1 trace" in draft.rationale for draft in proposal.drafts)
    left_out = "\n".join(proposal.left_out)
    assert f"{KNOWN} It is the same as: {KNOWN}" in left_out
    assert "5 are tested of what was noted while judging" in left_out


def test_what_is_to_be_read_is_read_where_nobody_has_looked(proposal: Proposal, trace_ids: Sequence[str]) -> None:
    (plan, *_) = [draft.plan for draft in proposal.drafts if draft.plan and draft.plan.reading]
    assert set(plan.leave_out) == {trace_ids[place] for place in (*SHOWN, *READ)}


def test_a_share_leaves_out_what_belongs_together_with_what_was_read(proposal: Proposal, trace_ids: Sequence[str]) -> None:
    (plan,) = [draft.plan for draft in proposal.drafts if draft.plan and not draft.plan.reading]
    assert plan.half == "confirmation"
    assert set(plan.leave_out) == set(trace_ids[: 3 * SESSION])
