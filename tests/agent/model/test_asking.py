"""Questions to a model over real HTTP: one typed answer each, whatever the endpoint is like, and none paid for twice."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import mlflow
import pytest
from pydantic import BaseModel, Field

from analyze_experiment.agent.model import GivenUp, LanguageModel, Limits
from analyze_experiment.agent.model.recorder import CallRecorder
from analyze_experiment.prompts import Rendered
from analyze_experiment.tests.agent.model.conftest import Desk
from analyze_experiment.tests.scripted_model import ALL, Failure, Method, Said, Silence
from analyze_experiment.tools.errors import ModelError, UserError
from analyze_experiment.tools.insights.models import Question


class Boat(BaseModel):
    """A boat."""

    name: str = Field(max_length=20)
    masts: int = Field(ge=0, le=9)


PROMPT = Rendered("boat", 1, "Boat", 100, "0123456789abcdef", "You know boats.", "Which boat?")
GOOD = {"name": "Ketch", "masts": 2}
KETCH = Boat(name="Ketch", masts=2)


@asynccontextmanager
async def attached(desk: Desk, model: LanguageModel) -> AsyncGenerator[LanguageModel]:
    await model.attach(desk.store, desk.run_id)
    try:
        yield model
    finally:
        await model.close()


def asked(desk: Desk, model: LanguageModel, *prompts: Rendered) -> list[Boat | GivenUp]:
    """The answers to the prompts, asked one after the other."""

    async def run() -> list[Boat | GivenUp]:
        async with attached(desk, model):
            return [await model.ask(prompt, Boat, purpose="boats") for prompt in prompts or (PROMPT,)]

    return asyncio.run(run())


def other(*texts: str) -> list[Rendered]:
    return [replace(PROMPT, user=text) for text in texts]


def methods(desk: Desk) -> Sequence[Method | None]:
    return [request.method for request in desk.server.requests]


def test_the_answer_is_typed_and_its_usage_is_in_the_memory(desk: Desk) -> None:
    desk.server.script("Boat", GOOD)
    assert asked(desk, desk.model()) == [KETCH]
    analysis = desk.store.get_analysis(desk.run_id)
    assert (analysis.spend.calls, analysis.spend.usage.prompt_tokens > 0, analysis.spend.given_up) == (1, True, 0)
    assert analysis.model is not None
    assert (analysis.model.model, analysis.model.endpoint, analysis.model.method) == ("small", desk.server.url, "json_schema")
    assert analysis.prompts.keys() >= {"purpose"}


def test_a_question_that_was_answered_is_never_asked_again(desk: Desk) -> None:
    desk.server.script("Boat", GOOD)
    assert asked(desk, desk.model(), PROMPT, PROMPT) == [KETCH, KETCH]
    assert asked(desk, desk.model()) == [KETCH]
    assert desk.server.count() == 1
    assert desk.store.get_analysis(desk.run_id).spend.calls == 1


@pytest.mark.parametrize(
    ("supports", "ignores", "tried"),
    [
        (ALL, frozenset[Method](), ["json_schema"]),
        (frozenset[Method]({"function_calling", "json_mode"}), frozenset[Method](), ["json_schema", "function_calling"]),
        (frozenset[Method]({"json_mode"}), frozenset[Method](), ["json_schema", "function_calling", "json_mode"]),
        (ALL, frozenset[Method]({"json_schema", "function_calling"}), ["json_schema", "function_calling", "json_mode"]),
    ],
    ids=["knows all", "knows no schemas", "knows JSON only", "takes all and ignores two"],
)
def test_how_an_endpoint_answers_in_a_form_is_found_out_once(
    desk: Desk, supports: frozenset[Method], ignores: frozenset[Method], tried: list[Method]
) -> None:
    desk.server.supports, desk.server.ignores = supports, ignores
    desk.server.script("Boat", GOOD, repeat=True)
    assert asked(desk, desk.model(), *other("a", "b")) == [KETCH, KETCH]
    assert methods(desk) == [*tried, tried[-1]]
    assert asked(desk, desk.model(), *other("c")) == [KETCH]
    assert methods(desk) == [*tried, tried[-1], tried[-1]], "a later session knows it from the memory"


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (Said("{'name': 'Ketch'"), "JSON"),
        (Said('{"name": "Ketch", "ma', finish_reason="length"), "cut off"),
        ({"name": "Ketch", "masts": 12}, "less than or equal to 9"),
        ({"name": "Ketch"}, "masts"),
        (Said(None), "empty"),
        (Said("A ketch, I think."), "JSON"),
    ],
    ids=["broken JSON", "cut off", "out of range", "a field short", "nothing", "prose"],
)
def test_a_bad_answer_is_asked_again_with_what_is_wrong(desk: Desk, bad: Said, complaint: str) -> None:
    desk.server.script("Boat", GOOD, bad, GOOD)
    assert asked(desk, desk.model(), *other("a", "b")) == [KETCH, KETCH]
    assert complaint in str(desk.server.requests[2].body["messages"][-1]["content"])


def test_what_is_cut_off_may_be_longer_the_next_time(desk: Desk) -> None:
    desk.server.script("Boat", Said('{"name"', finish_reason="length"), GOOD)
    assert asked(desk, desk.model()) == [KETCH]
    assert [request.body["max_tokens"] for request in desk.server.requests] == [100, 400]


def test_after_three_bad_answers_a_question_is_given_up_for_good_and_the_next_is_asked(desk: Desk) -> None:
    desk.server.script("Boat", GOOD, Said("no"), Said("no"), Said("no"), GOOD)
    first, given_up, last = asked(desk, desk.model(), *other("a", "b", "c"))
    assert (first, last) == (KETCH, KETCH)
    assert isinstance(given_up, GivenUp) and not given_up.final
    assert asked(desk, desk.model(), *other("b")) == [given_up]
    assert desk.server.count() == 5
    assert desk.store.get_analysis(desk.run_id).spend.given_up == 1


def test_an_endpoint_that_is_busy_or_broken_for_a_moment_is_waited_for(desk: Desk) -> None:
    desk.server.script("Boat", Failure(429, retry_after_s=0), Failure(503), GOOD)
    assert asked(desk, desk.model()) == [KETCH]


def test_an_endpoint_that_is_away_at_the_first_question_is_not_taken_to_refuse_the_form(desk: Desk) -> None:
    desk.server.script("Boat", Failure(503), GOOD)
    given_up, second = asked(desk, desk.model(retries=0), *other("a", "b"))
    assert isinstance(given_up, GivenUp) and "503" in given_up.why
    assert second == KETCH
    assert len(set(methods(desk))) == 1


def test_what_is_not_answered_in_time_is_given_up_and_may_be_asked_another_time(desk: Desk) -> None:
    desk.server.script("Boat", GOOD, Silence(), GOOD)
    assert asked(desk, desk.model(), *other("a")) == [KETCH]
    (given_up,) = asked(desk, desk.model(timeout_s=0.3, retries=0), *other("b"))
    assert isinstance(given_up, GivenUp) and "0.3 s" in given_up.why
    assert asked(desk, desk.model(), *other("b")) == [KETCH]


def test_an_endpoint_that_answers_nothing_any_more_ends_the_run(desk: Desk) -> None:
    desk.server.script("Boat", GOOD, Failure(500), repeat=True)
    with pytest.raises(ModelError, match="has not answered 3 questions in a row"):
        asked(desk, desk.model(retries=0), *other("a", "b", "c", "d"))


def test_a_key_that_is_refused_ends_the_run_at_once(desk: Desk) -> None:
    desk.server.script("Boat", Failure(401, "no such key"))
    with pytest.raises(ModelError, match="OPENAI_API_KEY.*no such key"):
        asked(desk, desk.model())
    assert desk.server.count() == 1


def test_an_endpoint_that_is_not_there_ends_the_run_with_what_to_check(desk: Desk) -> None:
    with pytest.raises(ModelError, match="OPENAI_BASE_URL"):
        asked(desk, desk.model(base_url="http://127.0.0.1:9/v1", retries=0))


def test_questions_in_flight_are_bounded(desk: Desk) -> None:
    flying, most = 0, 0

    async def run() -> None:
        nonlocal flying, most
        model = desk.model(width=2)
        send = model._send

        async def counted(*args: object) -> object:
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            try:
                return await send(*args)  # type: ignore[arg-type]  # handed on as they came
            finally:
                flying -= 1

        model._send = counted  # type: ignore[method-assign,assignment]  # counts, and sends as before
        async with attached(desk, model):
            await asyncio.gather(*(model.ask(prompt, Boat, purpose="boats") for prompt in other(*"abcdef")))

    desk.server.script("Boat", GOOD, repeat=True)
    asyncio.run(run())
    assert most == 2


def test_a_question_that_is_cancelled_is_let_go_and_counted_as_spent(desk: Desk) -> None:
    desk.server.script("Boat", Silence())

    async def run() -> None:
        async with attached(desk, desk.model(Limits(tokens=1000))) as model:
            question = asyncio.create_task(model.ask(PROMPT, Boat, purpose="boats"))
            while not desk.server.requests:
                await asyncio.sleep(0.01)
            question.cancel()
            with pytest.raises(asyncio.CancelledError):
                await question

    asyncio.run(run())
    assert desk.store.get_analysis(desk.run_id).spend.usage.completion_tokens == 100


def test_nothing_is_sent_to_where_the_environment_would_trace_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": desk.server.url, "LANGSMITH_API_KEY": "k"}.items():
        monkeypatch.setenv(name, value)
    desk.server.script("Boat", GOOD)
    assert asked(desk, desk.model()) == [KETCH]
    assert desk.server.count() == 1


def test_what_a_person_has_declined_is_not_asked_by_anybody(desk: Desk) -> None:
    answer = Question(name="spend", answer="no", answered_by="person", answered_at=datetime(2027, 1, 1, tzinfo=UTC))
    desk.store.record_answer(desk.run_id, answer)
    (given_up,) = asked(desk, desk.model())
    assert isinstance(given_up, GivenUp) and given_up.final
    assert desk.server.count() == 0


def test_secrets_are_masked_before_anything_is_sent(desk: Desk) -> None:
    desk.server.script("Boat", GOOD)
    asked(desk, desk.model(redacts=True), *other("write to jo.doe@example.org, key sk-aaaabbbbccccddddeeee"))
    assert desk.server.requests[0].user == "write to [email], key [key]"


def test_our_own_calls_are_recorded_in_another_experiment_only(desk: Desk) -> None:
    tracking, analysed = desk.store.tracking, desk.store.get_analysis(desk.run_id).experiment_id
    other_id = tracking.client.create_experiment("our own calls")
    before = mlflow.get_tracking_uri()
    try:
        desk.server.script("Boat", GOOD)
        assert asked(desk, desk.model(recorder=CallRecorder(tracking, other_id))) == [KETCH]
        (trace,) = tracking.client.search_traces(locations=[other_id])
        assert trace.info.token_usage is not None and "Which boat?" in (trace.data.request or "")
        assert all("Which boat?" not in (each.data.request or "") for each in tracking.client.search_traces(locations=[analysed]))
        with pytest.raises(UserError, match="--trace-agent"):
            asked(desk, desk.model(recorder=CallRecorder(tracking, analysed)))
    finally:
        mlflow.set_tracking_uri(before)
