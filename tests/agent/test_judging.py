"""The judge that asks a language model: what it sends, how often it asks, and what it makes of the answers."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts import judging
from analyze_experiment.agent.analysts.judging import LanguageJudge
from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel, Limits
from analyze_experiment.agent.model.endpoint import RETRIES
from analyze_experiment.graph.ports import Claim, Judged, Unasked
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.scripted_model import Failure, Request, Said, ScriptedModel
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
QUESTIONS = ("Is an order lost?", "Is anybody rude?")


pytestmark = pytest.mark.xdist_group("judging")


@dataclass(frozen=True)
class Court:
    """An analysis of the simple traces, and a scripted model to judge them."""

    bench: Workbench
    trace_id: str
    server: ScriptedModel
    model: str
    """Its name, another one for each test: answers are kept by it."""

    def judge(self, questions: Sequence[str] = QUESTIONS, *, limits: Limits | None = None) -> Judged | Unasked:
        """Has the trace judged by a model that is opened for it."""

        async def asked() -> Judged | Unasked:
            model = LanguageModel(Endpoint(self.model, self.server.url, api_key="k"), Budget(limits or Limits()))
            bench = self.bench
            trace = bench.store.reader.get(self.trace_id, run_id=bench.run_id, experiment_id=bench.experiment_id)
            try:
                return await LanguageJudge(model, width=4).judge(bench, trace, questions)
            finally:
                await model.close()

        return asyncio.run(asked())

    def claims(self, questions: Sequence[str] = QUESTIONS) -> Sequence[Claim]:
        """What it says to the questions."""
        judged = self.judge(questions)
        assert isinstance(judged, Judged)
        return judged.claims


@pytest.fixture(scope="module")
def bench(sample_template: SampleExperiment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("court")
    uri = copy_store(Path(sample_template.uri.removeprefix("sqlite:///")), folder / "store")
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="language", with_model=True)
    snapshot = take_snapshot(uri, "1", instant=INSTANT, since=None, until=None, cache=folder / "c", progress=lambda *_: None)
    with Workbench.open(store, made.run_id, snapshot, seed=0) as opened:
        yield opened


@pytest.fixture
def court(bench: Workbench, sample_template: SampleExperiment, request: pytest.FixtureRequest) -> Iterator[Court]:
    with ScriptedModel() as server:
        yield Court(bench, sample_template.trace_ids[1], server, str(request.node.name))
    assert server.unscripted == []


def finding(number: int, answer: str, *, span: str = "", quote: str = "") -> dict[str, Any]:
    return {"number": number, "answer": answer, "span": span, "quote": quote, "reason": "Because."}


def test_all_questions_about_a_trace_are_one_request_and_answered_in_their_order(court: Court) -> None:
    answers = {"show": [], "findings": [finding(2, "not"), finding(1, "affected", span="s1", quote="It is lost.")]}
    court.server.script("Judgements", answers)
    claims = court.claims()
    again = court.claims()

    assert [claim.answer for claim in claims] == ["affected", "not"]
    assert claims[0].quote == "It is lost."
    assert len(claims[0].span_id) == 16, "the span that the digest calls s1, by its id"
    assert again == claims
    assert court.server.count() == 1, "what was answered is kept"
    (request,) = court.server.requests
    assert request.user.index("<agent>") < request.user.index("1. Is an order lost?") < request.user.index("<trace>")
    assert "And order 18?" in request.user


def test_a_turn_of_a_conversation_is_judged_with_the_turns_around_it_in_view(court: Court) -> None:
    court.server.script("Judgements", {"show": [], "findings": [finding(1, "not"), finding(2, "not")]})
    court.claims()
    trace = court.server.requests[0].user.split("<trace>")[1]
    assert trace.index("This trace is turn 2 of 2") < trace.index("user: Where is order 17?") < trace.index("And order 18?")
    first = re.findall(r"turn 1 (tr-[0-9a-f]{32})", trace)
    assert set(first) <= set(court.bench.store.reader.linked(court.bench.run_id, experiment_id="1")), "it is linked"


def test_a_trace_and_its_turns_are_shown_shorter_where_the_model_can_take_little(court: Court) -> None:
    def refusal(request: Request) -> Failure:
        tokens = len(request.text) // 3 + request.body["max_tokens"]
        return Failure(400, f"the request exceeds the available context size ({tokens - 25} tokens)")

    court.server.script("Judgements", refusal, {"show": [], "findings": [finding(1, "not"), finding(2, "not")]})
    court.claims()
    refused, asked = court.server.requests
    assert "It ships today." in refused.user and "It ships today." not in asked.user
    assert "And order 18?" in asked.user, "the trace goes before the turns around it"


def test_spans_that_it_asks_for_are_shown_and_it_is_asked_three_times_at_most(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "TRACE_TOKENS", 50)
    more = [{"show": [handle], "findings": []} for handle in ("s1", "s2", "s1")]
    court.server.script("Judgements", *more)
    claims = court.claims()

    assert [claim.answer for claim in claims] == ["unclear", "unclear"]
    first, second, third = court.server.requests
    assert "(none yet)" in first.user
    assert "[s1 AGENT agent " in second.user
    assert "[s2 TOOL look_up_order " in third.user
    assert "answer now" in third.system


def test_a_span_that_is_not_there_is_left_as_it_was_named_to_be_refused(court: Court) -> None:
    court.server.script("Judgements", {"show": ["s77"], "findings": [finding(1, "affected", span="s77", quote="It is lost.")]})
    claims = court.claims()
    assert claims[0].span_id == "s77"
    assert claims[1].answer == "unclear"


def test_a_model_that_gives_no_usable_answer_leaves_all_unclear(court: Court) -> None:
    court.server.script("Judgements", Said("I'd rather not."), repeat=True)
    claims = court.claims()
    assert {claim.answer for claim in claims} == {"unclear"}


def test_where_the_budget_is_spent_nothing_is_claimed(court: Court) -> None:
    judged = court.judge(limits=Limits(tokens=10))
    assert isinstance(judged, Unasked)
    assert judged.final
    assert court.server.requests == []


def test_an_endpoint_that_fails_for_now_says_nothing_of_the_trace_and_is_asked_again(court: Court) -> None:
    court.server.script("Judgements", *[Failure(429)] * (RETRIES + 1), {"show": [], "findings": [finding(1, "not")]})
    first = court.judge(QUESTIONS[:1])
    assert isinstance(first, Unasked)
    assert not first.final
    assert [claim.answer for claim in court.claims(QUESTIONS[:1])] == ["not"]


def test_what_else_went_wrong_is_passed_on_with_its_span(court: Court) -> None:
    noted = {"what": "It loses orders.", "span": "s1", "quote": "It is lost."}
    court.server.script("Judgements", {"show": [], "findings": [finding(1, "not")], "others": [noted]})
    judged = court.judge(QUESTIONS[:1])
    assert isinstance(judged, Judged)
    (remark,) = judged.remarks
    assert (remark.what, remark.quote, len(remark.span_id)) == ("It loses orders.", "It is lost.", 16)
