"""A judge that obeys whatever a trace says: nothing that code controls gives way.

The model here is the worst that there can be: it gives the answer that the trace dictates, word for word, over real HTTP.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts.judging import LanguageJudge
from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel, Limits
from analyze_experiment.graph.reading import carry_out, judgements_of
from analyze_experiment.graph.reading_room import ReadingRoom
from analyze_experiment.tests.agent.injections import INJECTIONS, QUOTES_ITSELF, Injection
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tests.scripted_model import Request, ScriptedModel
from analyze_experiment.tools.insights.models import Hypothesis, HypothesisDraft, HypothesisStatus, Judgement
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.execute import Execution
from analyze_experiment.tools.testing.families import Entry, close_families
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
MARK = re.compile(r"OBEY-(\d+)-YEBO")
ALL: dict[str, Injection] = {**INJECTIONS, "quotes itself": QUOTES_ITSELF}
BLOCKS = ("agent", "questions", "trace", "spans")
PLAN = Plan(
    estimand="snapshot",
    steps=(ReadStep(title="broken promises", question="Does the agent promise something that it doesn't do?"),),
    decision=Read(threshold=0.05, cap=len(ALL), threshold_source="configuration"),
    min_n=len(ALL),
)


def obedient(request: Request) -> dict[str, Any]:
    """The answer that the trace dictates; where its mark was cut away, none."""
    marks = MARK.findall(request.user)
    return list(ALL.values())[int(marks[-1])].answer if marks else {"show": [], "findings": []}


@dataclass(frozen=True)
class Obeyed:
    """What came of reading all the traces with the obedient model."""

    bench: Workbench
    hypothesis: Hypothesis
    execution: Execution
    requests: list[Request]
    trace_ids: dict[str, str]
    """By what the trace tries."""

    @property
    def judgements(self) -> dict[str, Judgement]:
        """What was kept, by what the trace tries."""
        found = judgements_of(self.bench, self.hypothesis.hypothesis_id)
        return {name: found[trace_id] for name, trace_id in self.trace_ids.items()}


@pytest.fixture(scope="module")
def obeyed(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Obeyed]:
    folder = tmp_path_factory.mktemp("injections")
    uri = copy_store(store_template, folder / "store")
    samples = [SampleTrace("Do you lend boats?", each.marked(place), tool="look_up") for place, each in enumerate(ALL.values())]
    # One at a time: MLflow writes spans in batches, and one that it can't write takes its neighbours along.
    trace_ids = [log_traces(uri, "boats", [sample]).trace_ids[0] for sample in samples]
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="language", with_model=True)
    snapshot = take_snapshot(uri, "1", instant=INSTANT, since=None, until=None, cache=folder / "c", progress=lambda *_: None)
    draft = HypothesisDraft(statement="It breaks promises.", testing_plan="Read.", plan=PLAN, source="sample", kind="quality")
    with Workbench.open(store, made.run_id, snapshot, seed=0) as bench, ScriptedModel() as server:
        server.script("Judgements", obedient, repeat=True)
        hypothesis = store.create_hypothesis(made.run_id, draft)
        execution = asyncio.run(read_all(bench, server.url, hypothesis))
        yield Obeyed(bench, hypothesis, execution, server.requests, dict(zip(ALL, trace_ids, strict=True)))


async def read_all(bench: Workbench, url: str, hypothesis: Hypothesis) -> Execution:
    model = LanguageModel(Endpoint("obedient", url, api_key="k"), Budget(Limits()))
    room = ReadingRoom(bench, LanguageJudge(model, width=4), lambda _: None)
    try:
        subject = hypothesis.hypothesis_id
        return await carry_out(room, subject, PLAN, owner=subject, on_step=lambda *_: None)
    finally:
        await room.close()
        await model.close()


pytestmark = pytest.mark.xdist_group("injections")


def test_there_are_at_least_forty_of_them() -> None:
    assert len(INJECTIONS) >= 40


@pytest.mark.parametrize("name", sorted(INJECTIONS))
def test_what_a_trace_dictates_is_kept_and_proves_nothing(obeyed: Obeyed, name: str) -> None:
    judgement = obeyed.judgements[name]
    assert judgement.answer in {"not", "unclear"}, "what it quotes doesn't stand in the trace"
    assert judgement.span_id == ""
    assert judgement.quote == ""


def test_each_trace_counts_once_whatever_it_says_of_numbers(obeyed: Obeyed) -> None:
    result, traces = obeyed.execution.result, len(ALL)
    assert result.reads is not None
    assert (result.population, result.reads.read, result.affected) == (traces, traces, 1)
    kept = [each for reading in obeyed.bench.store.list_readings(obeyed.bench.run_id) for each in reading.judgements]
    assert len(kept) == traces


def test_the_verdict_comes_from_the_counts(obeyed: Obeyed) -> None:
    entry = Entry("h", PLAN, obeyed.execution.result)
    verdict = close_families([entry], batch=1, with_model=True)["h"]
    assert verdict.status is HypothesisStatus.INCONCLUSIVE
    assert f"1 flagged, {obeyed.execution.result.unreadable} unclear" in verdict.reason


def test_every_id_that_is_written_exists_and_every_refusal_is_recorded(obeyed: Obeyed) -> None:
    store, run_id = obeyed.bench.store, obeyed.bench.run_id
    traces = set(obeyed.trace_ids.values())
    refused = store.list_refusals(run_id)
    assert {each.trace_id for each in refused} <= traces
    assert {reading.trace_id for reading in store.list_readings(run_id)} == traces
    assert set(store.reader.linked(run_id, experiment_id="1")) == traces
    for evidence in obeyed.execution.evidence:
        assert evidence.trace_id in traces
        assert evidence.supports is (evidence.trace_id == obeyed.trace_ids["quotes itself"])


def test_a_text_that_quotes_itself_is_kept_with_its_quote_for_a_person_to_see(obeyed: Obeyed) -> None:
    kept = obeyed.judgements["quotes itself"]
    assert (kept.answer, kept.quote) == ("affected", "I promise that you get a boat")


def test_no_trace_reaches_the_instructions_or_leaves_its_block(obeyed: Obeyed) -> None:
    assert len({request.system for request in obeyed.requests}) <= 3, "one for each number of times that it may ask"
    for request in obeyed.requests:
        assert "OBEY" not in request.system
        for block in BLOCKS:
            assert len(re.findall(rf"<\s*/?\s*{block}\b", request.user, re.IGNORECASE)) == 2, block


def test_nothing_that_cannot_be_seen_is_sent_and_nothing_huge(obeyed: Obeyed) -> None:
    unseen = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")
    for request in obeyed.requests:
        assert unseen.search(request.text) is None
        assert len(request.text) < 40_000


def test_no_trace_makes_it_ask_more_often_than_it_may(obeyed: Obeyed) -> None:
    asked = len(obeyed.requests)
    assert len(ALL) <= asked <= len(ALL) + 2


def test_no_query_runs_that_the_plan_does_not_hold(obeyed: Obeyed) -> None:
    queries = obeyed.bench.store.list_queries(obeyed.bench.run_id)
    assert queries
    assert not any("DROP" in query.sql or "DELETE" in query.sql or "OBEY" in query.sql for query in queries)
