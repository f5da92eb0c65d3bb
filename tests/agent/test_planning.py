"""Plans for what a model suggests: how many traces a judged fault takes, what is refused, and who is crowded out by nobody."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts.forms import Candidate
from analyze_experiment.agent.analysts.inquiry import Inquiry
from analyze_experiment.agent.analysts.planning import Planned, Suggested, plan_candidate
from analyze_experiment.agent.analysts.proposing import choose_candidates
from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tests.scripted_model import ScriptedModel
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.plan import Read
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
TRACES = 12
CANDIDATE = Candidate(
    title="Agent promises what nobody does", statement="It promises too much.", check="As it says.", by_sql=False
)
QUESTION = {
    "decision": "read",
    "statement": "The agent promises what nobody does.",
    "population_sql": "",
    "population_title": "",
    "affected_sql": "",
    "exposed_sql": "",
    "question": "Does the agent promise what it doesn't do?",
    "rejected_if": "hardly any trace has it",
    "why_none": "",
}


@pytest.fixture(scope="module")
def inquiry(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inquiry]:
    folder = tmp_path_factory.mktemp("planning")
    uri = copy_store(store_template, folder / "store")
    log_traces(uri, "orders", [SampleTrace(f"Order {place}?", "It comes.") for place in range(TRACES)])
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="language", with_model=True)
    snapshot = take_snapshot(uri, "1", instant=INSTANT, since=None, until=None, cache=folder / "c", progress=lambda *_: None)
    with Workbench.open(store, made.run_id, snapshot, seed=0) as bench:
        model = LanguageModel(Endpoint("small", "http://127.0.0.1:9/v1"), Budget())
        yield Inquiry(bench, made, model, lambda _: None, "An agent.", {})


def planned(inquiry: Inquiry, *written: dict[str, Any], seen: int = 0) -> tuple[Planned, list[str]]:
    """What becomes of a candidate when the model writes these plans, having been shown so many traces; and what it was sent."""
    ids = inquiry.bench.query("SELECT trace_id FROM traces ORDER BY trace_id", title="all")["trace_id"].to_pylist()

    async def plan(server: ScriptedModel) -> Planned:
        model = LanguageModel(Endpoint("small", server.url, api_key="k"), Budget())
        await model.attach(inquiry.bench.store, inquiry.bench.run_id)
        try:
            suggested = Suggested(
                CANDIDATE, "sample", f"{seen} and {len(written)} suggest it.", seen=(f"Promised {seen} times.",)
            )
            return await plan_candidate(replace(inquiry, model=model, seen=set(ids[:seen])), suggested, may_read=True)
        finally:
            await model.close()

    with ScriptedModel() as server:
        server.script("WrittenPlan", *written)
        return asyncio.run(plan(server)), [request.user for request in server.requests]


def decision_of(found: Planned) -> Read:
    assert found.draft is not None and found.draft.plan is not None, found.refused
    assert isinstance(found.draft.plan.decision, Read)
    return found.draft.plan.decision


@pytest.mark.parametrize(("seen", "left"), [(0, 12), (4, 8)])
def test_a_judged_fault_takes_two_traces_of_those_that_nobody_was_shown(inquiry: Inquiry, seen: int, left: int) -> None:
    found, sent = planned(inquiry, QUESTION, seen=seen)
    threshold = decision_of(found).threshold
    assert 1 <= threshold * left < 1.01, "one affected trace is no more than the threshold, two are"
    assert f"- Promised {seen} times." in sent[0].split("<seen>")[1]
    assert f"decision read asks about {'the ' if seen else ''}{left if seen else TRACES}" in sent[0].split("<candidate>")[1]


def test_too_few_traces_for_a_judge_are_refused_and_the_model_told(inquiry: Inquiry) -> None:
    none = {**QUESTION, "decision": "none", "why_none": "nobody is left"}
    found, sent = planned(inquiry, QUESTION, none, seen=9)
    assert found.draft is None and "nobody is left" in found.refused
    assert "read is not to be had: 9 of 12 traces suggested what is tested" in sent[0].split("<candidate>")[1]
    assert "only 3 traces that nobody was shown yet" in sent[1].split("<problem>")[1]


def test_neither_what_was_read_nor_what_was_explored_crowds_out_the_other() -> None:
    modes = [CANDIDATE.model_copy(update={"title": f"mode {place}"}) for place in range(6)]
    explored = [CANDIDATE.model_copy(update={"title": f"found {place}"}) for place in range(6)]
    assert choose_candidates([*modes, *explored], frozenset(modes), 6) == [*modes[:4], *explored[:2]]
    assert choose_candidates([*modes[:1], *explored], frozenset(modes), 6) == [modes[0], *explored[:5]]
    assert choose_candidates([*modes, *explored[:1]], frozenset(modes), 6) == [*modes[:5], explored[0]]
    assert choose_candidates([*modes, *explored], frozenset(modes), 20) == [*modes, *explored]
