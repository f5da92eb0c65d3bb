"""What a model calls the same as a known test is held against it by the traces that both find; only the same test goes."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts.inquiry import Inquiry
from analyze_experiment.agent.analysts.proposing import propose_reading
from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel
from analyze_experiment.graph.ports import Proposal
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tests.scripted_model import Request, ScriptedModel
from analyze_experiment.tools.insights.models import HypothesisDraft
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.plan import Count, Decision, Plan, QueryStep, Rate
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
TRACES = 60
FAILS = "SELECT trace_id FROM spans WHERE span_type = 'TOOL' AND status_code = 'ERROR'"
REFUSES = "SELECT trace_id FROM traces WHERE response_text LIKE '%could not%'"
THANKS = "SELECT trace_id FROM traces WHERE request_text LIKE '%Thanks%'"
FEW_THANKS = f"{THANKS} AND request_text LIKE '%1!%'"


def known(statement: str, sql: str, decision: Decision) -> HypothesisDraft:
    plan = Plan(
        estimand="snapshot" if isinstance(decision, Count) else "process",
        steps=(QueryStep(role="affected", title=statement, sql=sql),),
        decision=decision,
    )
    return HypothesisDraft(statement=statement, testing_plan="Step 1", plan=plan, source="playbook", kind="quality")


OFTEN = known("Tools fail often.", FAILS, Rate(threshold=0.1, threshold_source="playbook"))
THANKED = known("Users thank.", THANKS, Count(at_least=3, threshold_source="playbook"))
KNOWN = (OFTEN, THANKED)

FOUND = {
    "refuses": REFUSES,  # other words of Tools fail often: the same traces, as a fact
    "thanks": THANKS.replace("'%Thanks%'", "'%hanks%'"),
    "thanks less": FEW_THANKS,
    "can't be planned": "",
    "is planned instead": FAILS,
}
SAME = {"refuses": "K1", "thanks": "K2", "thanks less": "K2", "is planned instead": "can't be planned"}
"""As the model sees it."""
READ = {"could not": "K1", "Thanks": "K1"}
"""What is noted of traces whose text has these words, and what the model calls that."""


def candidate(title: str, *, by_sql: bool) -> dict[str, Any]:
    return {"title": title, "statement": f"The agent: {title}.", "check": f"It counts where {title}.", "by_sql": by_sql}


def reading(request: Request) -> dict[str, Any]:
    trace = request.user.split("<trace>")[1]
    noted = next((word for word in READ if word in trace), "")
    quote = "I could not do that." if noted == "could not" else "Thanks very much"
    what = {"went_wrong": bool(noted), "what": noted, "quote": quote if noted else "", "span": ""}
    return {"show": [], "weighed": "A bill.", **what, "consequence": "wrong" if noted else "none", "also": []}


def grouped(request: Request) -> dict[str, Any]:
    tested = request.user.split("<tested>")[1].split("</tested>")[0]
    assert all(f"- {each.statement}" in tested for each in KNOWN), "modes are worded beside what is tested"
    lines = request.user.split("<notes>")[1].splitlines()
    numbers = {word: [int(line.split(".")[0]) for line in lines if f". {word} [" in line] for word in READ}
    assert all(numbers.values()), "each is noted somewhere"
    return {"modes": [{**candidate(word, by_sql=False), "notes": numbers[word]} for word in READ]}


def duplicates(request: Request) -> dict[str, Any]:
    lines = request.user.split("<candidates>")[1].splitlines()
    labels = {line.split("The agent: ")[1].split(". (")[0]: line.split(":")[0] for line in lines if "The agent: " in line}
    called: Mapping[str, str] = {**SAME, **READ}
    return {"pairs": [{"candidate": labels[title], "same_as": labels.get(other, other)} for title, other in called.items()]}


def written(request: Request) -> dict[str, Any]:
    title = request.user.split("<candidate>")[1].strip().splitlines()[0]
    sql = FOUND.get(title, "")
    decision = "count" if sql else "none" if title in FOUND else "read"
    return {
        "decision": decision,
        "statement": f"The agent: {title}.",
        "population_sql": "",
        "population_title": "",
        "affected_sql": sql,
        "exposed_sql": "",
        "question": f"Does the agent: {title}?" if decision == "read" else "",
        "rejected_if": "",
        "why_none": "" if sql else "nothing shows it",
    }


@pytest.fixture(scope="module")
def bench(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("likeness")
    uri = copy_store(store_template, folder / "store")
    kinds = ("I could not do that.", "It is done.", "It is done.", "It is done.")
    samples = [
        SampleTrace(
            f"Thanks very much {n}!" if n % 4 == 1 else f"Pay bill {n}.",
            kinds[n % 4],
            tool="pay",
            tool_error="refused" if n % 4 == 0 else "",
        )
        for n in range(TRACES)
    ]
    log_traces(uri, "bills", samples)
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="language", with_model=True)
    snapshot = take_snapshot(uri, "1", instant=INSTANT, since=None, until=None, cache=folder / "c", progress=lambda *_: None)
    with Workbench.open(store, made.run_id, snapshot, seed=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """The titles of the candidates for which a plan was asked for."""
    return []


@pytest.fixture(scope="module")
def proposal(bench: Workbench, asked: list[str]) -> Proposal:
    async def propose(inquiry: Inquiry) -> Proposal:
        await inquiry.model.attach(bench.store, bench.run_id)
        census = await asyncio.to_thread(bench.count, now=INSTANT, progress=lambda *_: None)
        try:
            return await propose_reading(inquiry, census, KNOWN, [], sample=TRACES)
        finally:
            await inquiry.model.close()

    with ScriptedModel() as server:
        server.script("TraceReading", reading, repeat=True)
        server.script("Grouping", grouped)
        server.script(
            "Exploration", {"learnt": "", "found": [candidate(title, by_sql=True) for title in list(FOUND)[:4]], "looks": [LOOK]}
        )
        server.script("Exploration", {"learnt": "", "found": [candidate(list(FOUND)[4], by_sql=True)], "looks": []})
        server.script("Duplicates", duplicates)
        server.script("WrittenPlan", written, repeat=True)
        model = LanguageModel(Endpoint("small", server.url, api_key="k"), Budget())
        analysis = bench.store.get_analysis(bench.run_id)
        made = asyncio.run(propose(Inquiry(bench, analysis, model, lambda _: None, "An agent.", {})))
        asked += [
            request.user.split("<candidate>")[1].strip().splitlines()[0]
            for request in server.requests
            if request.form == "WrittenPlan"
        ]
        return made


LOOK = {
    "why": "more",
    "sql": "SELECT count(*) AS n FROM traces",
    "group": "",
    "beside": "",
    "overview": "",
    "trace_id": "",
    "span_ids": [],
}


def draft_of(proposal: Proposal, title: str) -> HypothesisDraft:
    return next(each for each in proposal.drafts if each.statement == f"The agent: {title}.")


def test_what_finds_the_traces_of_a_known_count_goes_into_it(proposal: Proposal) -> None:
    assert f"The agent: thanks. It is the same as: {THANKED.statement}" in proposal.left_out


def test_what_finds_other_traces_is_tested_beside_what_it_was_called_the_same_as(proposal: Proposal) -> None:
    draft = draft_of(proposal, "thanks less")
    assert THANKED.plan is not None
    assert draft.akin == THANKED.plan.digest
    assert draft.rationale.endswith(f"It is tested beside what a model calls the same: {THANKED.statement}")


def test_a_count_of_the_traces_of_a_known_rate_is_a_fact_from_the_share_on_that_would_matter_there(proposal: Proposal) -> None:
    draft = draft_of(proposal, "refuses")
    assert draft.plan is not None
    assert draft.plan.decision == Count(at_least=12, threshold_source="playbook"), "a fifth of sixty: twice the rate's threshold"
    assert "at least 12" in draft.testing_plan


def test_what_reading_noted_goes_into_a_query_only_where_that_finds_the_traces(proposal: Proposal, asked: list[str]) -> None:
    assert f"The agent: could not. It is the same as: {OFTEN.statement}" in proposal.left_out
    assert "could not" not in asked, "no plan is needed to see that"
    apart = draft_of(proposal, "Thanks")
    assert apart.plan is not None and apart.plan.reading is not None


def test_what_is_the_same_as_a_candidate_without_a_plan_is_tested_in_its_place(proposal: Proposal) -> None:
    assert any("nothing shows it" in each for each in proposal.left_out)
    draft = draft_of(proposal, "is planned instead")
    assert draft.akin == ""
